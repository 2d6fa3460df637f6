"""A tiny invented corpus, and pretrainings of tiny models on it."""

from typing import Any

import numpy as np

import playmask
from comparing import numpy_of
from playmask.pretraining.step_batches import StepBatches
from playmask.pretraining.training import Data, Pretraining
from tasks.made_up import model, tokenizer

PHRASES = ("今天天气真好", "味道很不错的", "我想喝一杯茶", "明天去看电影")
LINES = tuple(phrase * repeats for repeats in (1, 2) for phrase in PHRASES)
DOCUMENTS = [f"{line}\n{line[::-1]}" for line in LINES] * 6
WORDS = tokenizer(*PHRASES)
CHOICES: dict[str, tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]] = {
    "mlm": ({}, ("mlm",), {"ngrams": 2}),
    "lm": ({"mask": "lm"}, ("mlm",), {}),
    "unilm": ({"mask": "unilm"}, ("mlm",), {}),
    "permutation": ({"query_vector": True}, ("mlm",), {"rate": 0.3}),
    "electra": ({}, ("discriminator",), {"divisor": 1}),
    "simbert": ({"mask": "unilm"}, ("mlm", "pool"), {}),
}
"""Of each objective what its model is built with, and what is asked of it."""


def pretraining(objective: str, **fields: Any) -> Pretraining:
    """A fresh pretraining of a tiny model."""
    changes, heads, own = CHOICES[objective]
    if fields.get("sentences", "none") != "none":
        heads = ("mlm", "nsp")
    architecture = model(WORDS, depth=1, **changes).architecture
    built = playmask.build(architecture, heads)
    return Pretraining.new(objective, built, tokenizer=WORDS, **{"max_length": 32, **own, **fields})


def batches_of(
    task: Pretraining, documents: list[str], size: int = 4, **options: Any
) -> StepBatches:
    """The batches of some documents."""
    corpus = task.corpus(documents)
    return task.batches(Data(corpus, np.arange(corpus.documents)), size, **options)


def logits(task: Pretraining, inputs: dict[str, Any]) -> np.ndarray:
    """What a network says of some inputs."""
    return numpy_of(task.network(inputs, training=False)["logits"])


def unigram_entropy(task: Pretraining, documents: list[str]) -> float:
    """The least loss of a model that knows how frequent each token is and nothing else."""
    counts = np.bincount(task.corpus(documents).tokens)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
