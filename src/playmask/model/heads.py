"""Heads: what is read off the hidden states. Each returns logits, except the pooler."""

from functools import partial
from typing import Any

import keras
from keras import ops

from playmask.model.activations import activation
from playmask.model.architecture import Architecture
from playmask.model.dense import Dense, by_rows
from playmask.model.masks import Tensor
from playmask.model.norms import normalize
from playmask.model.rng import Dropout


def _dense(
    name: str, units: int, a: Architecture, layer: keras.layers.Layer, *, bias: bool = True
) -> Any:
    return Dense(
        units,
        use_bias=bias,
        kernel_initializer=a.initializer(),
        name=name,
        dtype=layer.dtype_policy,
    )


class Vocabulary(keras.layers.Layer):
    """Logits over the vocabulary: transform, norm, embedding or a layer of its own, bias.

    Without a transform, hidden states of another width than the embedding's are projected to it.
    Shapes: x (B, R, D); tokens: the embedding table's layer -> (B, R, vocabulary) float32
    Source: reproduces `cls/predictions` of BERT and `lm_head` of T5 1.1
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        a, head = architecture, architecture.vocabulary_head
        self.vocabulary, self.scale, self.biased = a.vocabulary, head.scale, head.bias
        self.size = a.embedding_size_ if head.tied or head.transform else a.width
        self.dropout = Dropout(a.dropout if head.dropout else 0.0, dtype=self.dtype_policy)
        self.activation = activation(a.activation if head.transform else "linear")
        self.transform = self.output_dense = None
        if head.transform:
            self.transform = _dense("transform", self.size, a, self)
        elif self.size != a.width:
            self.transform = _dense("projection", self.size, a, self, bias=a.bias)
        self.norm = normalize(head.norm, "norm", self.dtype_policy, a.condition)
        if not head.tied:
            self.output_dense = _dense("output", a.vocabulary, a, self, bias=False)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        if self.transform is not None:
            self.transform.build(shape)
        for layer in (self.norm, self.output_dense):
            if layer is not None:
                layer.build((*shape[:-1], self.size))
        if self.biased:
            self.bias = self.add_weight(name="bias", shape=(self.vocabulary,), initializer="zeros")

    def call(
        self, x: Tensor, condition: Tensor | None = None, *, tokens: Any, training: bool = False
    ) -> Tensor:
        """Score every token of the vocabulary."""
        x = self.dropout(x, training=training)
        if self.transform is not None:
            x = self.activation(self.transform(x))
        if self.norm is not None:
            x = self.norm(x, condition)
        if self.scale != 1.0:
            x = x * self.scale
        y = (
            by_rows(partial(tokens, reverse=True), x)
            if self.output_dense is None
            else self.output_dense(x)
        )
        y = ops.cast(y, "float32")
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
