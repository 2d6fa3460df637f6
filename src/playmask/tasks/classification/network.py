"""The network of tasks that read a text as one vector."""

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.tasks.classification.pooling import pooling_of
from playmask.tasks.network import TaskNetwork


class ClassifierNetwork(TaskNetwork):
    """A Transformer, its sites pooled into one vector, and a dense layer of some logits.

    Shapes: inputs as a Transformer's -> {"logits": (B, size)}, in nats
    """

    def __init__(self, transformer: Transformer, size: int, pooling: str, dropout: float) -> None:
        super().__init__(transformer)
        self.pooling = pooling_of(pooling, transformer)
        self.dropout = Dropout(dropout)
        self.dense = keras.layers.Dense(
            size,
            kernel_initializer=transformer.architecture.initializer(),
            dtype="float32",
            name="labels",
        )
        self.build(None)

    def build(self, shape: object = None) -> None:
        """Create the head's weights."""
        width = self.transformer.architecture.width
        self.dense.build((None, width * self.pooling.widths))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score the answers."""
        outputs = self.transformer(inputs, training=training)
        valid = self.transformer.valid(inputs)
        pooled = self.pooling.pool(outputs, ops.expand_dims(valid, -1))
        return {"logits": self.dense(self.dropout(pooled, training=training))}
