"""The network of prompts: logits of the ends of spans that answer them, and their loss."""

from typing import Any

import keras
from keras import ops

from playmask.labelling.divergences import ENDS
from playmask.labelling.losses import MEAN, serializable
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.transformer import Transformer
from playmask.tasks.network import TaskNetwork


class PromptedNetwork(TaskNetwork):
    """A Transformer, and for each token the logits that a span begins there and that one ends.

    Shapes: inputs as a Transformer's -> {"logits": (B, T, 2)}
    """

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(transformer)
        for head in transformer.heads.values():
            head.trainable = False  # nothing reads it; it stays as it was published
        initializer = transformer.architecture.initializer()
        self.start, self.end = (
            Dense(1, kernel_initializer=initializer, dtype="float32", name=name)
            for name in ("start", "end")
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the weights of both dense layers."""
        for layer in (self.start, self.end):
            layer.build((None, None, self.transformer.architecture.width))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score every token as the first and as the last one of a span."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        return {"logits": ops.concatenate([self.start(hidden), self.end(hidden)], axis=-1)}


@serializable
class SpanEndsCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of the logits of spans' ends, the mean over both and over tokens.

    Shapes: y_true (B, T, 2), 1 at ends, -1 where nothing is known; y_pred (B, T, 2)
    Units:  nats
    """

    divergence = ENDS

    def __init__(
        self, reduction: str | None = MEAN, name: str = "span_ends_crossentropy", **options: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats an end, of each text: (B,)."""
        targets = ops.cast(y_true, y_pred.dtype)
        valid = ops.cast(targets >= 0, y_pred.dtype)
        nats = ops.softplus(y_pred) - targets * y_pred
        return ops.sum(nats * valid, axis=(1, 2)) / ops.maximum(ops.sum(valid, axis=(1, 2)), 1.0)
