"""Chinese couplets: the second line from the first, character for character as long."""

from pathlib import Path

import typer

from playmask.tasks import Seq2Seq
from scratch import Clock, Data, Epochs, Limit, Out, Width, bleu, lines_of, report
from scratch import small_model as small

LENGTH = 36  # of a line, in tokens


def main(
    data: Data,
    epochs: Epochs = 12,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/couplets"),
) -> None:
    """Learn couplets, then answer the test lines: freely, and in the length that is due."""
    train, test = (
        [tuple(line.split("\t")) for line in lines_of(data / "couplets" / name, limit)]
        for name in ("train.tsv", "test.tsv")
    )
    texts = [text for pair in train for text in pair]
    model = small(texts, vocabulary=6000, length=2 * LENGTH, width=width, mask="unilm")
    task = Seq2Seq.new(model, max_source=LENGTH, max_target=LENGTH)
    clock = Clock()
    task.fit(train, epochs=epochs, learning_rate=1e-3, directory=out)
    seconds = clock()
    sources, wanted = map(list, zip(*test, strict=True))
    results: dict[str, float] = {"loss": task.evaluate(test)["loss"]}
    for name, made in {"free": task.predict(sources), "told": told(task, sources)}.items():
        pairs = zip(sources, made, strict=True)
        same = [len(one.replace(" ", "")) == len(other.replace(" ", "")) for one, other in pairs]
        results[f"as long, {name}"] = sum(same) / len(same)
        results[f"BLEU, {name}"] = bleu(made, wanted, "char")
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(sources[:5], made[:5], strict=True))


def told(task: Seq2Seq, sources: list[str]) -> list[str]:
    """Answer every line in its own length: no end may come before that."""
    lengths = [len(task.tokenizer.encode(text, special=False).ids) for text in sources]
    made: dict[int, str] = {}
    for length in set(lengths):
        these = [i for i, n in enumerate(lengths) if n == length]
        texts = task.predict(
            [sources[i] for i in these],
            max_tokens=min(length, LENGTH),
            min_tokens=min(length, LENGTH),
        )
        made |= dict(zip(these, texts, strict=True))
    return [made[i] for i in range(len(sources))]


if __name__ == "__main__":
    typer.run(main)
