"""The demo: the model that comes along, fine-tuned on real Chinese reviews, and used untrained."""

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from playmask.checkpoints import load
from playmask.data.examples import Example
from playmask.data.readers import read_examples
from playmask.errors import DataError
from playmask.files import write_json
from playmask.inspection import draw
from playmask.inspection.explain import integrated_gradients
from playmask.model.products import quicker
from playmask.tasks import MaskFill, Prediction, TextClassifier, load_task
from playmask.tasks.reports import ClassReport

MODEL = "zh-small"
LENGTH = 64  # tokens of a review; half of them have fewer than 35
REVIEWS = {"float32": 4096, "bfloat16": 6144}
"""To learn from, of 13,972 different ones: as many as three minutes on two cores allow."""
TRAINING: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 32,
    "learning_rate": 2e-4,
    "freeze": "embeddings",
}
NAMES = {"0": "negative", "1": "positive"}
SENTENCES = (
    "房间很干净，服务员也热情，下次还会住这里。",
    "买回来三天就坏了，客服一直不回消息，太失望了。",
    "味道不错，就是送得有点慢。",
    "这本书写得很好，孩子一口气读完了。",
    "屏幕有坏点，退货还要自己出运费，不推荐。",
)
QUESTION = "怎么退货？"
ANSWERS = (
    "收到的东西不想要了，如何退回去",
    "你们几点开门",
    "这件衣服有别的颜色吗",
    "快递什么时候到",
)
GAP = "这家饭店的菜很好[MASK]，下次还来。"

Say = Callable[[str], None]


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


def reviews(file: Path) -> list[Example]:
    """The reviews of a file, whose labels are 0 and 1, with the names of these."""
    return [each._replace(label=NAMES[each.label]) for each in read_examples(file)]


def run(
    directory: Path, *, data: Path | None = None, say: Say, seed: int = 0, count: int | None = None
) -> dict[str, Any]:
    """Train, evaluate, save, load, predict, explain; everything lands in `directory`.

    count: reviews to learn from; None: as many as three minutes on two cores allow
    Returns the content of metrics.json: accuracy on the leak-free and on the full test, seconds,
    peak memory in GB.
    """
    began = time.perf_counter()
    folder = find_data(data)
    keras.utils.set_random_seed(seed)
    precision = "bfloat16" if quicker() else "float32"
    different = list({each.text: each for each in reviews(folder / "train.tsv.gz")}.values())
    random.Random(seed).shuffle(different)
    train = different[: count or REVIEWS[precision]]
    say(f"Training {MODEL}, the Chinese model that comes along, on {len(train):,} real reviews …")
    model = load(MODEL, dropout=0.1, attention_dropout=0.0)
    labels = [*NAMES.values()]
    task = TextClassifier.new(model, labels, max_length=LENGTH, pooling="mean")
    history = task.fit(train, seed=seed, directory=directory, precision=precision, **TRAINING)
    again = load_task(directory)
    tests = {name: reviews(folder / f"{name}.tsv.gz") for name in ("test_clean", "test")}
    answers = {name: again.answer(examples) for name, examples in tests.items()}
    scores = {name: again.measure(tests[name], answers[name]) for name in tests}
    predictions = again.predict(list(SENTENCES))
    if predictions != task.predict(list(SENTENCES)):
        raise AssertionError("the loaded task predicts something else than the trained one")
    metrics = {
        "accuracy": scores["test_clean"]["accuracy"],
        "accuracy_with_leaks": scores["test"]["accuracy"],
        "reviews": len(train),
        "precision": precision,
        "epochs": len(history["loss"]),
        "seed": seed,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_gb": round(peak_memory(), 2),
    }
    write_json(directory / "metrics.json", metrics)
    classes = again.report(tests["test_clean"], answers["test_clean"])
    draw_all(again, classes, directory, f"{len(tests['test_clean']):,} reviews")
    report(metrics, predictions, classes, say)
    say(
        f"\n{metrics['seconds']:.0f} s, {metrics['peak_memory_gb']:.1f} GB at most. In "
        f"{directory}: the task, metrics.json, confusion.png, explanation.png"
    )
    untrained(say)
    return metrics


def draw_all(task: TextClassifier, classes: ClassReport, directory: Path, title: str) -> None:
    """Draw which label was taken for which, and what speaks for the label of one sentence."""
    matrix, names = classes.matrix, classes.names
    draw.confusion_picture(matrix, names, directory / "confusion.png", title=title)
    integrated_gradients(task, SENTENCES[2]).draw(directory / "explanation.png")


def peak_memory() -> float:
    """The most memory this process has held, in GB."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def report(
    metrics: dict[str, Any], predictions: Sequence[Prediction], classes: ClassReport, say: Say
) -> None:
    """Say what came out."""
    say(f"\nSaved, loaded again; accuracy on the leak-free test: {metrics['accuracy']:.4f}")
    say(draw.confusion_text(classes.matrix, classes.names))
    for text, prediction in zip(SENTENCES, predictions, strict=True):
        chance = prediction.probabilities[prediction.label]
        say(f"  {prediction.label:>8} {chance:.2f}  {text}")


def untrained(say: Say) -> None:
    """Show what the same model does without any training: it compares sentences, and fills gaps."""
    say(f"\nThe same model, untrained. Similar to {QUESTION}")
    scores = load_task(MODEL).similarity([(QUESTION, answer) for answer in ANSWERS])
    for score, answer in sorted(zip(map(float, scores), ANSWERS, strict=True), reverse=True):
        say(f"  {score:8.2f}  {answer}")
    (fills,) = MaskFill.new(load(MODEL, heads="mlm")).predict(GAP)
    likely = "  ".join(f"{fill.text} {fill.probability:.2f}" for fill in fills)
    say(f"In {GAP} may stand  {likely}")
