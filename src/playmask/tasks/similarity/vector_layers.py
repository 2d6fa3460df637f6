"""The layers that make a sentence's vector of pooled hidden states."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from playmask.model.activations import activation
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.tasks.similarity.vector_steps import (
    Projection,
    UnitLength,
    VectorDropout,
    VectorNorm,
    VectorStep,
)

SHORTEST = 1e-12  # the least length that vectors are divided by, as PyTorch has it


def unit_length(vectors: Tensor) -> Tensor:
    """Vectors divided by their Euclidean lengths.

    Shapes: (…, D) -> (…, D)
    """
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors / ops.sqrt(ops.maximum(squares, SHORTEST**2))


class UnitLengthLayer(keras.layers.Layer):
    """`unit_length` as a layer."""

    def call(self, vectors: Tensor) -> Tensor:
        """Divide vectors by their lengths."""
        return unit_length(vectors)


class ProjectionLayer(keras.layers.Layer):
    """A dense layer on vectors, see `Projection`."""

    def __init__(self, step: Projection, **options: Any) -> None:
        super().__init__(**options)
        self.step = step
        act, dtype = activation(step.activation), self.dtype_policy
        self.dense = keras.layers.Dense(
            step.size, activation=act, use_bias=step.bias, name="dense", dtype=dtype
        )
        self.residual: keras.layers.Dense | None = None

    def build(self, shape: Any) -> None:
        """Create the matrices."""
        self.dense.build(shape)
        if self.step.residual and shape[-1] != self.step.size:
            self.residual = keras.layers.Dense(
                self.step.size, use_bias=False, name="residual", dtype=self.dtype_policy
            )
            self.residual.build(shape)

    def call(self, vectors: Tensor) -> Tensor:
        """Project vectors."""
        projected = self.dense(vectors)
        if not self.step.residual:
            return projected
        return projected + (vectors if self.residual is None else self.residual(vectors))


LAYERS: dict[type[VectorStep], Callable[..., keras.layers.Layer]] = {
    UnitLength: lambda step, **options: UnitLengthLayer(**options),
    Projection: ProjectionLayer,
    VectorNorm: lambda step, **options: keras.layers.LayerNormalization(
        epsilon=step.epsilon, **options
    ),
    VectorDropout: lambda step, **options: Dropout(step.rate, **options),
}


def layer_of(step: VectorStep, number: int) -> keras.layers.Layer:
    """The layer of the step that has a number; it computes in float32."""
    return LAYERS[type(step)](step, name=f"step_{number}", dtype="float32")


def size_after(step: VectorStep, size: int) -> int:
    """How long vectors are after a step."""
    return step.size if isinstance(step, Projection) else size
