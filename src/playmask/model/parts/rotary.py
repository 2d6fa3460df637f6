"""Rotary position embedding: queries and keys are rotated, so that scores depend on distance."""

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Part, name_for
from playmask.model.parts.rotary_scaling import Scaling
from playmask.model.parts.sinusoidal import angles
from playmask.model.recipes import recipe


@recipe
class Rotary(Part):
    """Rotary position embedding (RoPE): rotates the i-th pair by position · base^(-2i/H) radians.

    halves: off, the pairs are (2i, 2i+1); on, (i, i + H/2), as in GPT-NeoX and Llama; scaling: how
    the angles are changed for longer texts (`LlamaScaling`, `YarnScaling`, …), or None.
    A cached key is rotated already, so only new ones are.
    Shapes: x (B, N, T, H) -> the same; H must be even. Where no part makes queries and keys, it has
            nothing to do.
    Source: Su et al. 2021, eq. 34; reproduces RoFormer

    Example:
        >>> a = architecture("bert").change(position=Rotary(base=500000.0, halves=True))
        >>> a.position.halves, a.limit
        (True, None)

    """

    base: float = 10000.0
    halves: bool = False
    scaling: Scaling | None = None

    @property
    def limit(self) -> int | None:
        """How many positions there are; a dynamic scaling is exact for some only."""
        return None if self.scaling is None else self.scaling.limit

    def make(self, attention: Host) -> Part:
        """Itself; raises ConfigError where a head's keys cannot be rotated in pairs."""
        if attention.key_size % 2:
            raise ConfigError(
                f"Rotary positions turn pairs of numbers, but key_size is {attention.key_size}; "
                "make it even."
            )
        return self

    def rotate(self, x: Tensor, sites: Sites) -> Tensor:
        """Turn queries, or new keys, by their positions."""
        scaling, size = self.scaling or Scaling(), x.shape[-1]
        turned = angles(sites.position, scaling.frequencies(self.base, size))
        turned = ops.expand_dims(turned, 1)
        x = turn(x, ops.cos(turned), ops.sin(turned), halves=self.halves)
        return x if scaling.amplitude == 1.0 else x * scaling.amplitude


@recipe
class StoredRotary(Part):
    """Rotary positions from a stored table of `size` rows: sines, then cosines, of H/2 angles.

    Source: `embed_positions` of Hugging Face's RoFormer, where it holds something else than the
    sines and cosines that `Rotary` computes
    """

    size: int

    once = True

    @property
    def limit(self) -> int:
        """How many positions there are."""
        return self.size

    def make(self, attention: Host) -> "RotaryTable":
        """The table of this stack."""
        return RotaryTable(
            self.size, attention.key_size, trainable=False, name=name_for(attention, "rotary"),
            dtype=attention.dtype_policy,
        )  # fmt: skip


class RotaryTable(keras.layers.Embedding, Part):
    """The table: positions (B, T) -> (B, T, H)."""

    def rotate(self, x: Tensor, sites: Sites) -> Tensor:
        """Turn queries, or new keys, by their positions' rows."""
        sines, cosines = ops.split(ops.expand_dims(self(sites.position), 1), 2, axis=-1)
        return turn(x, cosines, sines)


def turn(x: Tensor, cosines: Tensor, sines: Tensor, *, halves: bool = False) -> Tensor:
    """Rotate the pairs of x (B, N, T, H) by angles whose cosines and sines are (B, 1, T, H/2).

    halves: the pairs are (i, i + H/2), not (2i, 2i+1)
    """
    cosines, sines = ops.cast(cosines, x.dtype), ops.cast(sines, x.dtype)
    if halves:
        left, right = ops.split(x, 2, axis=-1)
        return ops.concatenate(
            [left * cosines - right * sines, right * cosines + left * sines], axis=-1
        )
    even, odd = x[..., 0::2], x[..., 1::2]
    pairs = ops.stack([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1)
    return ops.reshape(pairs, ops.shape(x))
