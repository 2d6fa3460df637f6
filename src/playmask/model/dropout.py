"""Dropout, by random numbers that are equal on all backends."""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.array_operations import Tensor
from playmask.model.rng import bits


class Dropout(keras.layers.Layer):
    """Sets a part of the numbers to zero in training, and scales the others up.

    Units:  rate is the part that becomes zero, 0 to 1
    Source: Srivastava et al. 2014
    """

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= rate < 1:
            raise ConfigError(f"A dropout's rate is from 0 to below 1, not {rate!r}.")
        self.rate = rate
        self.seeds = keras.random.SeedGenerator() if rate > 0 else None
        self.built = True

    def call(self, x: Tensor, *, training: bool = False) -> Tensor:
        """Drop, in training only."""
        if not training or self.seeds is None:
            return x
        threshold = int(self.rate * 2**32) - 2**31  # of all int32 numbers, this part lies below
        seed = ops.cast(self.seeds.next(), "int32")
        stays = bits(seed, tuple(ops.shape(x))) >= threshold
        return ops.where(stays, x / (1 - self.rate), ops.zeros_like(x))
