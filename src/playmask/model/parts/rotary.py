"""Rotary positions: queries and keys are turned, so that scores depend on distance."""

from typing import Any

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Part
from playmask.model.parts.sinusoidal import angles
from playmask.model.recipes import recipe


@recipe
class Rotary(Part):
    """Turns each pair (2i, 2i+1) of a query and a key by position · base^(-2i/H).

    A cached key is turned already, so only new ones are.
    Shapes: x (B, N, T, H) -> the same; H must be even. Where no part makes queries and keys, it has
            nothing to do.
    Source: Su et al. 2021, eq. 34; reproduces RoFormer
    """

    base: float = 10000.0

    def make(self, attention: Any) -> Part:
        """Itself; raises ConfigError where a head's keys cannot be turned in pairs."""
        if attention.key_size % 2:
            raise ConfigError(
                f"Rotary positions turn pairs of numbers, but key_size is {attention.key_size}; "
                "make it even."
            )
        return self

    def rotate(self, x: Tensor, sites: Sites) -> Tensor:
        """Turn queries, or new keys, by their positions."""
        turned = ops.expand_dims(angles(sites.position, x.shape[-1], self.base), 1)
        return turn(x, ops.cos(turned), ops.sin(turned))


@recipe
class StoredRotary(Part):
    """Rotary positions from a stored table of `size` rows: sines, then cosines, of H/2 angles.

    Source: `embed_positions` of Hugging Face's RoFormer, where it holds something else than the
    sines and cosines that `Rotary` computes
    """

    size: int

    once = True

    @property
    def limit(self) -> int:  # type: ignore[override]
        """How many positions there are."""
        return self.size

    def make(self, attention: Any) -> "RotaryTable":
        """The table of this stack."""
        return RotaryTable(
            self.size, attention.key_size, trainable=False, name="rotary",
            dtype=attention.dtype_policy,
        )  # fmt: skip


class RotaryTable(keras.layers.Embedding, Part):
    """The table: positions (B, T) -> (B, T, H)."""

    def rotate(self, x: Tensor, sites: Sites) -> Tensor:
        """Turn queries, or new keys, by their positions' rows."""
        sines, cosines = ops.split(ops.expand_dims(self(sites.position), 1), 2, axis=-1)
        return turn(x, cosines, sines)


def turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn the pairs of x (B, N, T, H) by angles whose cosines and sines are (B, 1, T, H/2)."""
    cosines, sines = ops.cast(cosines, x.dtype), ops.cast(sines, x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    pairs = ops.stack([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1)
    return ops.reshape(pairs, ops.shape(x))
