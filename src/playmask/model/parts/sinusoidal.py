"""Fixed sines and cosines: as vectors added to the embedding, and as tables for other parts."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Tensor
from playmask.model.parts.part import Part
from playmask.model.recipes import recipe

Frequencies = npt.NDArray[np.float64]


def check_even(size: int, what: str) -> None:
    """Raise ConfigError where numbers cannot be taken in pairs of a sine and a cosine."""
    if size % 2:
        raise ConfigError(
            f"Sines and cosines come in pairs, but {what} is {size} numbers wide; make it even."
        )


def frequencies(base: float, size: int) -> Frequencies:
    """Angles a token, in radians, of each pair of `size` numbers: base^(-2i/size), (size / 2,)."""
    powers: Frequencies = base ** (-np.arange(0, size, 2) / size)
    return powers


def angles(positions: Tensor, each: Frequencies) -> Tensor:
    """By how much each pair of numbers turns: positions (...) -> (..., pairs), radians."""
    speeds = ops.convert_to_tensor(each, "float32")
    return ops.expand_dims(ops.cast(positions, "float32"), -1) * speeds


def sinusoids(
    positions: Tensor, size: int, base: float = 10000.0, *, halves: bool = False
) -> Tensor:
    """Sines at even and cosines at odd places, or in halves: positions (...) -> (..., size).

    Source: Vaswani et al. 2017, §3.5; the order of NEZHA's and bert4keras' tables
    """
    turned = angles(positions, frequencies(base, size))
    if halves:
        return ops.concatenate([ops.sin(turned), ops.cos(turned)], axis=-1)
    pairs = ops.stack([ops.sin(turned), ops.cos(turned)], axis=-1)
    return ops.reshape(pairs, (*ops.shape(turned)[:-1], size))


@recipe
class Sinusoidal(Part):
    """Sinusoidal position encoding: fixed sines and cosines added to the token embedding.

    It has no weights, and no longest text. base: the longest wave is 2π·base tokens; halves: all
    sines come before all cosines (PEGASUS), not in turns.
    Shapes: positions int32 (B, T) -> (B, T, E); E must be even
    Source: Vaswani et al. 2017, §3.5

    Example:
        >>> waves = Sinusoidal().table(4, name="positions", dtype="float32")(np.array([[0, 1]]))
        >>> print(ops.convert_to_numpy(waves).round(2))
        [[[0.   1.   0.   1.  ]
          [0.84 0.54 0.01 1.  ]]]

    """

    base: float = 10000.0
    halves: bool = False

    def table(self, size: int, **options: Any) -> Any:
        """What is added: positions (B, T) -> (B, T, size); raises ConfigError for an odd size."""
        check_even(size, "the embedding")
        return Waves(self, size, name=options["name"], dtype=options["dtype"])


class Waves(keras.layers.Layer):
    """Positions (B, T) -> (B, T, size), without weights."""

    def __init__(self, part: Sinusoidal, size: int, **options: Any) -> None:
        super().__init__(**options)
        self.part, self.size = part, size

    def call(self, positions: Tensor) -> Tensor:
        """Compute the positions' sines and cosines."""
        waves = sinusoids(positions, self.size, self.part.base, halves=self.part.halves)
        return ops.cast(waves, self.compute_dtype)
