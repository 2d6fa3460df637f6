"""The demo: a small classifier trained from scratch on real Chinese reviews, start to finish."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

import playmask
from playmask.data.examples import ordered
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.files import write_json
from playmask.inspection import draw
from playmask.inspection.attention_maps import draw_attention
from playmask.model.parts import Learned
from playmask.tasks import Prediction, TextClassifier, load_task
from playmask.tokenizers import Tokenizer

LENGTH = 96
SENTENCES = (
    "房间很干净，服务员也热情，下次还会住这里。",
    "买回来三天就坏了，客服一直不回消息，太失望了。",
    "味道不错，就是送得有点慢。",
    "这本书写得很好，孩子一口气读完了。",
    "屏幕有坏点，退货还要自己出运费，不推荐。",
)
NAMES = {"0": "negative", "1": "positive"}


def find_data(data: Path | None) -> Path:
    """The folder of the reviews: the one given, or in PLAYMASK_DATA, or in the project.

    Raises: DataError naming the places that were looked at
    """
    named = [data] if data else [Path(p) for p in (os.environ.get("PLAYMASK_DATA"),) if p]
    own = [Path("data"), Path(__file__).parents[2] / "data"] if data is None else []
    places = [folder / name for folder in [*named, *own] for name in ("reviews_zh", ".")]
    for place in places:
        if (place / "train.tsv.gz").is_file() and (place / "test_clean.tsv.gz").is_file():
            return place
    looked = ", ".join(str(place) for place in places if place.name == "reviews_zh")
    raise DataError(
        f"The review data is not in {looked}; give its folder with --data, "
        "or run the demo in a clone of the project."
    )


def new_task(texts: list[str], labels: list[str]) -> TextClassifier:
    """A classifier on one 128-wide block, with a vocabulary made from the texts."""
    tokenizer = Tokenizer.from_texts(texts, size=6000)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer),
        width=128,
        depth=1,
        attention_heads=4,
        inner=256,
        activation="relu",
        position=Learned(LENGTH),
        pad=tokenizer.pad,
        attention_dropout=0.0,
    )
    model = playmask.build(architecture)
    return TextClassifier.new(model, labels, tokenizer=tokenizer, max_length=LENGTH, dropout=0.3)


def run(
    directory: Path, *, data: Path | None = None, say: Callable[[str], None], seed: int = 0
) -> dict[str, Any]:
    """Train, evaluate, save, load, predict and draw; everything lands in `directory`.

    Returns the content of metrics.json: accuracy on the leak-free and on the full test, seconds,
    peak memory in GB.
    """
    began = time.perf_counter()
    folder = find_data(data)
    train = read_examples(folder / "train.tsv.gz")
    say(f"Training a small Transformer on {len(train):,} Chinese reviews, from scratch …")
    keras.utils.set_random_seed(seed)
    task = new_task(
        [example.text for example in train], ordered(example.label for example in train)
    )
    history = task.fit(
        train,
        folder / "valid.tsv.gz",
        epochs=2,
        learning_rate=2e-3,
        seed=seed,
        directory=directory,
    )
    again = load_task(directory)
    scores = {
        name: again.evaluate(folder / f"{name}.tsv.gz")["accuracy"]
        for name in ("test_clean", "test")
    }
    predictions = again.predict(list(SENTENCES))
    if predictions != task.predict(list(SENTENCES)):
        raise AssertionError("the loaded task predicts something else than the trained one")
    draw.training_curve(history, directory / "curve.png", title="Reviews, from scratch")
    draw_attention(again.transformer, SENTENCES[0], directory / "attention.png", layers=0)
    metrics = {
        "accuracy": scores["test_clean"],
        "accuracy_with_leaks": scores["test"],
        "epochs": len(history["loss"]),
        "seed": seed,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_gb": round(peak_memory(), 2),
    }
    write_json(directory / "metrics.json", metrics)
    report(metrics, predictions, directory, say)
    return metrics


def peak_memory() -> float:
    """The most memory this process has held, in GB."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def report(
    metrics: dict[str, Any],
    predictions: list[Prediction],
    directory: Path,
    say: Callable[[str], None],
) -> None:
    """Say what came out."""
    say(f"\nSaved, loaded again; accuracy on the leak-free test: {metrics['accuracy']:.4f}")
    for text, prediction in zip(SENTENCES, predictions, strict=True):
        chance = prediction.probabilities[prediction.label]
        say(f"  {NAMES[prediction.label]:>8} {chance:.2f}  {text}")
    say(
        f"{metrics['seconds']:.0f} s, {metrics['peak_memory_gb']:.1f} GB at most. In {directory}: "
        "the task, metrics.json, curve.png, attention.png"
    )
