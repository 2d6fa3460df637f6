"""Titles of Chinese articles from their abstracts (CSL): one encoder with the UniLM mask.

It starts from zh-small, as there are only 1,000 articles to learn from.
"""

from pathlib import Path

import typer

import playmask
import scratch
from playmask.tasks import Seq2Seq
from scratch import NEW, RATES, Clock, Data, Epochs, Limit, Out, Start, Width, report
from scratch import small_model as small

SOURCE, TARGET = 128, 40


def main(
    data: Data,
    start: Start = "zh-small",
    epochs: Epochs = 6,
    limit: Limit = None,
    width: Width = 192,
    out: Out = Path("runs/examples/titles"),
) -> None:
    """Learn titles, then write those of the test articles."""
    train, test = (
        [(row["abstract"], row["title"]) for row in scratch.objects_of(data / "csl" / name, limit)]
        for name in ("title_dev.json", "title_test.json")
    )
    texts = [text for pair in train for text in pair]
    if start == NEW:
        model = small(texts, vocabulary=5000, length=SOURCE + TARGET, width=width, mask="unilm")
    else:
        model = playmask.load(start, heads="mlm", mask="unilm")
    task = Seq2Seq.new(model, max_source=SOURCE, max_target=TARGET)
    clock = Clock()
    rate = RATES.get(start, 2e-5)
    task.fit(train, epochs=epochs, batch_size=16, learning_rate=rate, directory=out)
    seconds = clock()
    sources, wanted = zip(*test, strict=True)
    results: dict[str, float] = {"loss": task.evaluate(test)["loss"]}
    searches = {"greedy": playmask.Greedy(), "4 beams": playmask.Beams(4, length_penalty=1.0)}
    for name, search in searches.items():
        made = task.predict([*sources], search=search)
        results[f"ROUGE-L, {name}"] = scratch.rouge_l(made, wanted)
        results[f"BLEU, {name}"] = scratch.bleu(made, wanted, "char")
    first = [source[:TARGET] for source in sources]
    results["ROUGE-L of the abstract's beginning"] = scratch.rouge_l(first, wanted)
    results |= {"seconds of training": seconds, "seconds of the rest": clock()}
    report(out, results, zip(wanted[:5], made[:5], strict=True))


if __name__ == "__main__":
    typer.run(main)
