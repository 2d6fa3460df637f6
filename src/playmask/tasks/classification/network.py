"""The network of tasks that read a text as one vector."""

from typing import Any

import keras
from keras import ops

from playmask.model.activations import activation
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.norms import Norm, normalize
from playmask.model.transformer import Transformer
from playmask.model.vector_transform import VectorTransform
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.network import TaskNetwork


class TransformedVector(keras.layers.Layer):
    """A dense layer, an activation and perhaps a norm, between a text's vector and its answers.

    Shapes: x (B, D) -> (B, D)
    """

    def __init__(self, transform: VectorTransform, width: int, **options: Any) -> None:
        initializer = options.pop("kernel_initializer", "glorot_uniform")
        super().__init__(name="transform", dtype="float32", **options)
        self.dense = keras.layers.Dense(
            width,
            use_bias=transform.bias,
            kernel_initializer=initializer,
            dtype="float32",
            name="dense",
        )
        self.activation = activation(transform.activation)
        norm = None if transform.norm is None else Norm(transform.norm, shift=transform.shift)
        self.norm = normalize(norm, "norm", self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        for layer in (self.dense, self.norm):
            if layer is not None:
                layer.build(shape)

    def call(self, x: Tensor) -> Tensor:
        """Transform the vectors."""
        y = self.activation(self.dense(x))
        return y if self.norm is None else self.norm(y)


class ClassifierNetwork(TaskNetwork):
    """A Transformer, its sites pooled into one vector, and a dense layer of some logits.

    transform: what stands between the two, if anything
    Shapes: inputs as a Transformer's -> {"logits": (B, size)}, in nats
    """

    def __init__(
        self,
        transformer: Transformer,
        size: int,
        pooling: str,
        dropout: float,
        transform: VectorTransform | None = None,
    ) -> None:
        super().__init__(transformer)
        self.pooling = pooling_of(pooling, transformer)
        self.dropout = Dropout(dropout)
        initializer = transformer.architecture.initializer()
        self.transform = None
        if transform is not None:
            self.transform = TransformedVector(
                transform, self.vector_size, kernel_initializer=initializer
            )
        self.dense = keras.layers.Dense(
            size, kernel_initializer=initializer, dtype="float32", name="labels"
        )
        self.build(None)

    @property
    def vector_size(self) -> int:
        """Of what the pooling makes of a text."""
        return int(self.transformer.architecture.width * self.pooling.widths)

    def build(self, shape: object = None) -> None:
        """Create the head's weights."""
        for layer in (self.transform, self.dense):
            if layer is not None:
                layer.build((None, self.vector_size))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the answers."""
        outputs = self.transformer(inputs, training=training)
        valid = self.transformer.valid(inputs)
        vector = self.pooling.pool(outputs, ops.expand_dims(valid, -1))
        if self.transform is not None:
            vector = self.transform(vector)
        return {"logits": self.dense(self.dropout(vector, training=training))}
