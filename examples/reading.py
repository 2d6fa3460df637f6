"""Questions about Chinese passages (CMRC 2018): which stretch of a passage is the answer.

It starts from zh-small. From random weights (--model new) it is a hard task: what answers a
question shares no words with it. --pretrain learns the passages as a masked language model first.
"""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import playmask
from playmask.data.passages import PassageQuestion, read_passages
from playmask.metrics.reading import CMRC, reading_scores
from playmask.tasks import MaskFill, ReadingComprehension
from scratch import NEW, RATES, Clock, Data, Epochs, Limit, Out, Start, Width, report
from scratch import small_model as small

LENGTH, ANSWER = 256, 60

UNIT = {
    "projections": playmask.Gated(),
    "feedforward": False,
    "attention_heads": 1,
    "key_size": 64,
    "activation": "swish",
    "position": playmask.Rotary(),
    "dropout": 0.0,
    "initializer_range": 0.08,
}
"""Gated attention units: in them a question's words find the same ones in the passage from the
start, since queries and keys are made of one vector. Of a new model."""

Pretrain = Annotated[int, typer.Option(help="How often the passages are learnt before.")]


def first_sentence(asked: PassageQuestion) -> str:
    """What stands before the first full stop."""
    return re.split("(?<=[。！？])", asked.text)[0]


def random_span(asked: PassageQuestion, random: np.random.Generator) -> str:
    """Any stretch, as long as answers are: 1 to 30 characters."""
    size = int(random.integers(1, 31))
    start = int(random.integers(0, max(len(asked.text) - size, 1)))
    return asked.text[start : start + size]


def main(
    data: Data,
    start: Start = "zh-small",
    epochs: Epochs = 1,
    limit: Limit = None,
    width: Width = 128,
    pretrain: Pretrain = 0,
    out: Out = Path("runs/examples/reading"),
) -> None:
    """Learn to read, then answer the questions of the development set."""
    folder = data / "cmrc2018"
    train = read_passages(folder / "train.json.gz", skip_bad=True)[:limit]
    test = read_passages(folder / "dev.json.gz", located=False)[:limit]
    passages = [*dict.fromkeys(each.text for each in train)]
    texts = [*passages, *(each.question for each in train)]
    if start == NEW:
        model = small(texts, vocabulary=5000, length=LENGTH, width=width, **UNIT, value_size=width)
    else:
        model = playmask.load(start, heads="mlm")
    results: dict[str, float] = {}
    clock = Clock()
    if pretrain:
        filling = MaskFill.new(model, max_length=LENGTH)
        filling.fit(passages, epochs=pretrain, batch_size=16, learning_rate=1e-3)
        results["seconds of pretraining"] = clock()
    task = ReadingComprehension.new(model, max_length=LENGTH, max_answer=ANSWER)
    rate = RATES.get(start, 2e-5)
    history = task.fit(train, epochs=epochs, batch_size=16, learning_rate=rate, directory=out)
    results |= {"loss": history["loss"][-1], "seconds of training": clock()}
    random = np.random.default_rng(0)
    wanted = {each.id: each.answers for each in test}
    answers = {
        "": {each.id: one.text for each, one in zip(test, task.predict([*test]), strict=True)},
        " of first sentences": {each.id: first_sentence(each) for each in test},
        " of random stretches": {each.id: random_span(each, random) for each in test},
    }
    for name, given in answers.items():
        scores = reading_scores(given, wanted, CMRC)
        results |= {f"F1{name}": scores.f1, f"exact{name}": scores.exact}
    results["seconds of the rest"] = clock()
    report(out, results, ((e.question, answers[""][e.id], e.answers[0]) for e in test[:5]))


if __name__ == "__main__":
    typer.run(main)
