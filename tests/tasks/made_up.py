"""Made-up texts that a tiny model learns in seconds, and that model."""

from typing import Any

import keras
import numpy as np

import playmask
from comparing import TINY
from playmask.model.parts import Learned

DIGITS = "零一二三四五六七八九"
QUICK = {"epochs": 8, "batch_size": 32, "learning_rate": 1e-2, "verbose": 0}


def tokenizer(*more: str, size: int = 80) -> playmask.Tokenizer:
    """A vocabulary of the digits, and of what else is given."""
    return playmask.Tokenizer.from_texts([DIGITS, *more], size=size, minimum=1)


def model(words: playmask.Tokenizer, *, seed: int = 3, **changes: Any) -> playmask.Transformer:
    """A model of one block, with random weights and a vocabulary head."""
    keras.utils.set_random_seed(seed)
    plain: dict[str, Any] = {
        "vocabulary": len(words),
        "pad": words.pad,
        "position": Learned(32),
        "depth": 1,
        "initializer_range": 0.1,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    return playmask.build(TINY.change(**plain | changes), "mlm")


def cycle(first: int, step: int = 1, length: int = 8) -> str:
    """Digits that go round: 七八九零一 …"""
    return "".join(DIGITS[(first + step * i) % 10] for i in range(length))


def numbers(count: int, *, longest: int = 5, seed: int = 0) -> list[str]:
    """Random digits, two at least."""
    random = np.random.default_rng(seed)
    sizes = random.integers(2, longest + 1, count)
    return ["".join(DIGITS[i] for i in random.integers(0, 10, size)) for size in sizes]
