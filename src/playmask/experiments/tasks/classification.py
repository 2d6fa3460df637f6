"""Classifying texts: reviews by their sentiment, titles by their field."""

from collections.abc import Sequence

import keras
import numpy as np

from playmask.data.examples import Example, ordered
from playmask.experiments.corpora import Corpus
from playmask.experiments.models import fresh, learn, outcome
from playmask.experiments.objectives import Rows, Texts, labelled, rows_of
from playmask.experiments.plan import Desk, Outcome, Sizes, Task, Trial, sized
from playmask.model.transformer import Transformer
from playmask.tasks import TextClassifier
from playmask.tokenizers import Tokenizer

Examples = Sequence[Example]


def prepare(corpus: Corpus, sizes: Sizes) -> Texts:
    """Texts with the numbers of their labels; extra: the labels."""
    train, test = corpus.train[: sizes.train], corpus.test[: sizes.test]
    tokenizer = Tokenizer.from_texts((e.text for e in train), size=sizes.vocabulary)
    labels = ordered(example.label for example in train)
    rows, held = (rows_for(some, labels, tokenizer, sizes) for some in (train, test))
    frequent = np.bincount(held["label"]).max() / len(test)
    facts = {
        "learnt from": f"{len(train):,} texts",
        "measured on": f"{len(test):,} texts, {frequent:.1%} of them of the most frequent label",
    }
    return Texts(tokenizer, rows, held, facts, labels)


def run(trial: Trial, desk: Desk) -> Outcome:
    """Learn to classify, from random weights."""
    texts: Texts = desk.texts
    model = fresh(trial, texts.tokenizer, heads=())
    network = classifier(model, texts, trial.sizes)
    learned = learn(trial, network, texts, labelled, desk.watch, answers=len(texts.extra))
    return outcome(model, learned, {"accuracy": learned.score.accuracy})


def classifier(model: Transformer, texts: Texts, sizes: Sizes) -> keras.Model:
    """A classifier's network on a model."""
    task = TextClassifier.new(
        model, texts.extra, tokenizer=texts.tokenizer, max_length=sizes.length
    )
    return task.network


def rows_for(examples: Examples, labels: Sequence[str], tokenizer: Tokenizer, sizes: Sizes) -> Rows:
    """Texts, and the number of each one's label."""
    encodings = tokenizer.encode([e.text for e in examples], max_length=sizes.length)
    label = [labels.index(str(e.label)) for e in examples]
    return rows_of(encodings, sizes.length, tokenizer.pad or 0, label=label)


TASK = Task(
    "classification",
    "Chinese reviews, positive or negative, the test without leaks",
    "reviews",
    ("accuracy", "loss"),
    {
        "smoke": sized("smoke", vocabulary=1000, length=32, steps=100, batch=32, rate=3e-3,
                       train=2000, test=200),
        "default": sized("default", vocabulary=4000, length=64, steps=600, batch=32, rate=1e-3),
        "gpu": sized("gpu", vocabulary=8000, length=128, steps=2000, batch=64, rate=2e-4),
    },
    prepare,
    run,
)  # fmt: skip
