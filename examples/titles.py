"""Titles of Chinese articles from their abstracts (CSL): one encoder with the UniLM mask.

A smoke test: there are only 1,000 articles to learn from.
"""

from pathlib import Path

import typer

import playmask
from playmask.tasks import Seq2Seq
from scratch import Clock, Data, Epochs, Limit, Out, Width, bleu, objects_of, report, rouge_l
from scratch import small_model as small

SOURCE, TARGET = 128, 40


def main(
    data: Data,
    epochs: Epochs = 12,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/titles"),
) -> None:
    """Learn titles, then write those of the test articles."""
    train, test = (
        [(row["abstract"], row["title"]) for row in objects_of(data / "csl" / name, limit)]
        for name in ("title_dev.json", "title_test.json")
    )
    texts = [text for pair in train for text in pair]
    model = small(texts, vocabulary=5000, length=SOURCE + TARGET, width=width, mask="unilm")
    task = Seq2Seq.new(model, max_source=SOURCE, max_target=TARGET)
    clock = Clock()
    task.fit(train, epochs=epochs, batch_size=16, learning_rate=1e-3, directory=out)
    seconds = clock()
    sources, wanted = zip(*test, strict=True)
    results: dict[str, float] = {"loss": task.evaluate(test)["loss"]}
    searches = {"greedy": playmask.Greedy(), "4 beams": playmask.Beams(4, length_penalty=1.0)}
    for name, search in searches.items():
        made = task.predict([*sources], search=search)
        results[f"ROUGE-L, {name}"] = rouge_l(made, wanted)
        results[f"BLEU, {name}"] = bleu(made, wanted, "char")
    first = [source[:TARGET] for source in sources]
    results["ROUGE-L of the abstract's beginning"] = rouge_l(first, wanted)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(wanted[:5], made[:5], strict=True))


if __name__ == "__main__":
    typer.run(main)
