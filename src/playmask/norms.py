"""Normalisation, and where it stands around a sub-layer."""

from typing import Any

import keras
from keras import ops

from playmask.masks import Tensor
from playmask.recipes import recipe


@recipe
class Norm:
    """Which normalisation: mean and variance ("layer") or root mean square only ("rms")."""

    epsilon: float = 1e-12
    kind: str = "layer"
    scale: bool = True


def normalize(norm: Norm | None, name: str, policy: Any) -> "Normalize | None":
    """The layer that a norm describes, where there is one."""
    return None if norm is None else Normalize(norm, name=name, dtype=policy)


@recipe
class Around:
    """Norms before and after a sub-layer f: y = after(x + f(before(x)))."""

    before: Norm | None = None
    after: Norm | None = None


class Normalize(keras.layers.Layer):
    """Normalises each vector, in float32, then scales and shifts it.

    Shapes: x (..., D) -> (..., D)
    Source: Ba et al. 2016; with kind "rms", Zhang & Sennrich 2019 (no mean, no shift)
    """

    def __init__(self, norm: Norm, **options: Any) -> None:
        super().__init__(**options)
        self.norm = norm

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create gamma and beta for vectors of the width shape[-1]."""
        if self.norm.scale:
            self.gamma = self.add_weight(name="gamma", shape=shape[-1:], initializer="ones")
        if self.norm.kind == "layer":
            self.beta = self.add_weight(name="beta", shape=shape[-1:], initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        y = ops.cast(x, "float32")
        if self.norm.kind == "layer":
            y = y - ops.mean(y, axis=-1, keepdims=True)
        y = y * ops.rsqrt(ops.mean(ops.square(y), axis=-1, keepdims=True) + self.norm.epsilon)
        if self.norm.scale:
            y = y * ops.cast(self.gamma, "float32")
        if self.norm.kind == "layer":
            y = y + ops.cast(self.beta, "float32")
        return ops.cast(y, self.compute_dtype)
