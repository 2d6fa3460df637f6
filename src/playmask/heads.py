"""Heads: what is read off the hidden states. Each returns logits, except the pooler."""

from typing import Any

import keras
from keras import ops

from playmask.architectures import Architecture
from playmask.feedforward import activation
from playmask.masks import Tensor
from playmask.norms import normalize


def _dense(name: str, units: int, a: Architecture, layer: keras.layers.Layer) -> Any:
    return keras.layers.Dense(
        units, kernel_initializer=a.initializer(), name=name, dtype=layer.dtype_policy
    )


class Vocabulary(keras.layers.Layer):
    """Logits over the vocabulary: transform, norm, tied embedding, bias.

    Shapes: x (B, R, D); tokens: the embedding table's layer -> (B, R, vocabulary) float32
    Source: reproduces `cls/predictions` of BERT
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        a, head = architecture, architecture.vocabulary_head
        self.vocabulary = a.vocabulary
        self.size = a.embedding_size_
        self.transform = _dense("transform", self.size, a, self) if head.transform else None
        self.activation = activation(a.activation)
        self.norm = normalize(head.norm, "norm", self.dtype_policy)
        self.biased = head.bias

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        if self.transform is not None:
            self.transform.build(shape)
        if self.norm is not None:
            self.norm.build((*shape[:-1], self.size))
        if self.biased:
            self.bias = self.add_weight(name="bias", shape=(self.vocabulary,), initializer="zeros")

    def call(self, x: Tensor, *, tokens: Any) -> Tensor:
        """Score every token of the vocabulary."""
        if self.transform is not None:
            x = self.activation(self.transform(x))
        if self.norm is not None:
            x = self.norm(x)
        y = ops.cast(tokens(x, reverse=True), "float32")
        return y + ops.cast(self.bias, "float32") if self.biased else y


class Pooler(keras.layers.Layer):
    """One vector per text, from its first site.

    Shapes: x (B, T, D) -> (B, D)
    Source: reproduces `bert/pooler/dense`
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.dense = _dense("dense", architecture.width, architecture, self)
        self.activation = activation(architecture.pooler_activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.dense.build((shape[0], shape[-1]))

    def call(self, x: Tensor) -> Tensor:
        """Pool."""
        return self.activation(self.dense(x[:, 0]))


class NextSentence(keras.layers.Layer):
    """Whether the second sentence follows the first: logits (B, 2) from the pooled vector.

    Source: reproduces `cls/seq_relationship`
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.dense = _dense("dense", 2, architecture, self)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for pooled vectors (B, D)."""
        self.dense.build((shape[0], shape[-1]))

    def call(self, pooled: Tensor) -> Tensor:
        """Score the two answers."""
        return ops.cast(self.dense(pooled), "float32")


class Discriminator(keras.layers.Layer):
    """Whether each token was replaced: logits (B, T).

    Source: Clark et al. 2020; reproduces `discriminator_predictions` of ELECTRA
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        self.transform = _dense("transform", architecture.width, architecture, self)
        self.activation = activation(architecture.activation)
        self.dense = _dense("dense", 1, architecture, self)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.transform.build(shape)
        self.dense.build(shape)

    def call(self, x: Tensor) -> Tensor:
        """Score every token."""
        y = self.dense(self.activation(self.transform(x)))
        return ops.cast(y[..., 0], "float32")


HEADS: dict[str, type[keras.layers.Layer]] = {
    "mlm": Vocabulary,
    "pool": Pooler,
    "nsp": NextSentence,
    "discriminator": Discriminator,
}
"""Heads by the name that `heads=` takes; "nsp" brings its pooler along."""
