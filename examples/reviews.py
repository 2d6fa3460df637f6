"""Chinese reviews of a wanted sentiment; a classifier trained on real ones judges them."""

from pathlib import Path

import typer

import playmask
from playmask.data.readers import read_examples
from playmask.tasks import LanguageModel, TextClassifier
from scratch import Clock, Data, Epochs, Limit, Out, Width, report
from scratch import small_model as small

LENGTH = 64
JUDGED = 4096  # reviews that the judge learns from: it begins with a pretrained model
LABELS = ("0", "1")


def main(
    data: Data,
    epochs: Epochs = 3,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/reviews"),
) -> None:
    """Learn reviews with their sentiment, then write some of each."""
    folder = data / "sentiment_zh"
    train = [(e.text, e.label) for e in read_examples(folder / "train.tsv.gz")][:limit]
    test = [(e.text, e.label) for e in read_examples(folder / "test_clean.tsv")][:limit]
    texts = [text for text, _ in train]
    clock = Clock()
    model = playmask.load("zh-small", dropout=0.1, attention_dropout=0.0)
    judge = TextClassifier.new(model, [*LABELS], max_length=LENGTH, pooling="mean")
    judge.fit(train[:JUDGED], epochs=1, learning_rate=1e-4, freeze="embeddings")
    results: dict[str, float] = {
        "accuracy of the judge": judge.evaluate(test)["accuracy"],
        "seconds of its training": clock(),
    }
    model = small(
        texts,
        vocabulary=5000,
        length=LENGTH,
        width=width,
        mask="lm",
        condition_size=len(LABELS),
    )
    task = LanguageModel.new(model, max_length=LENGTH, condition="label", labels=LABELS)
    task.fit(train, epochs=epochs, learning_rate=1.5e-3, directory=out)
    seconds = clock()
    wanted = [*LABELS] * (200 if limit is None else 2)
    made = task.predict(
        [""] * len(wanted),
        label=wanted,
        max_tokens=LENGTH - 1,
        search=playmask.Sample(top_p=0.9),
        seed=0,
    )
    made = [text or "。" for text in made]
    found = [prediction.label for prediction in judge.predict(made)]
    results |= task.evaluate(test)
    results["asked sentiment met"] = sum(a == b for a, b in zip(found, wanted, strict=True)) / len(
        wanted
    )
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(wanted[:6], made[:6], strict=True))


if __name__ == "__main__":
    typer.run(main)
