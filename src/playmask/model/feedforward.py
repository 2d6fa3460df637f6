"""The feed-forward sub-layer."""

from typing import Any

import keras

from playmask.model.activations import activation
from playmask.model.architecture import Architecture
from playmask.model.dense import Dense
from playmask.model.masks import Tensor


class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between them, applied to each site alone.

    With a gate, the activated inner layer is multiplied with a second one, activated by it:
    outer(activation(inner(x)) · gate(second(x))).
    Shapes: x (B, T, D) -> (B, T, D)
    Source: Vaswani et al. 2017, eq. 2; Shazeer 2020 (gated, T5 1.1); reproduces
            `intermediate/dense` and `output/dense` of BERT, `wi`, `wi_0`, `wi_1` and `wo` of T5
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        a = architecture
        self.inner_size = a.inner
        self.activation = activation(a.activation)
        self.inner = self._dense("inner", a.inner, a)
        self.gate = None if a.gate is None else self._dense("gate", a.inner, a)
        self.gate_activation = activation(a.gate or "linear")
        self.outer = self._dense("outer", a.width, a)

    def _dense(self, name: str, units: int, a: Architecture) -> Dense:
        return Dense(
            units,
            use_bias=a.has_bias(name),
            kernel_initializer=a.initializer(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        self.inner.build(shape)
        if self.gate is not None:
            self.gate.build(shape)
        self.outer.build((*shape[:-1], self.inner_size))

    def call(self, x: Tensor) -> Tensor:
        """Apply all layers."""
        y = self.activation(self.inner(x))
        if self.gate is not None:
            y = y * self.gate_activation(self.gate(x))
        return self.outer(y)
