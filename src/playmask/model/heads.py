"""Heads: what is read off the hidden states. Each returns logits, except the pooler."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.model.activations import activation
from playmask.model.architecture import Architecture
from playmask.model.dense import Dense, by_rows
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.norms import normalize
from playmask.model.products import tied

LAYERS = ("embeddings", "decoder_embeddings", "blocks", "decoder")
RESERVED = ("hidden", "memory", "cache", "attention")
"""Names that no head, and no head's output, may have."""


def _dense(
    name: str, units: int, a: Architecture, layer: keras.layers.Layer, *, bias: bool = True
) -> Dense:
    return Dense(
        units,
        use_bias=bias,
        kernel_initializer=a.initializer(),
        name=name,
        dtype=layer.dtype_policy,
    )


class Reading(NamedTuple):
    """What a head may read: the hidden states (B, T, D), and what else there is at that moment.

    outputs: what the model returns so far, of heads before this one too; inputs: the model's, of
    this stack; tokens: the token table's layer
    """

    hidden: Tensor
    outputs: dict[str, Any]
    inputs: dict[str, Any]
    tokens: Any
    training: bool


class Head(keras.layers.Layer):
    """A head: a layer made as `head(architecture, name=…, dtype=…)`, built for (B, T, D).

    output: what the model's outputs call what it reads; needs: heads that come along, and are read
    before it; by_site: whether it reads every site, or one vector a text (which it costs less)

    Example:
        >>> class Last(Head):
        ...     output = "last"
        ...     def read(self, reading):
        ...         return reading.hidden[:, -1]
        >>> Last.needs, Last.by_site
        ((), False)

    """

    output: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    by_site: ClassVar[bool] = False

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)

    def read(self, reading: Reading) -> Tensor:
        """Read the hidden states."""
        raise NotImplementedError


class Vocabulary(Head):
    """Logits over the vocabulary: transform, norm, embedding or a layer of its own, bias.

    Without a transform, hidden states of another width than the embedding's are projected to it.
    Shapes: x (B, R, D); tokens: the embedding table's layer -> (B, R, vocabulary) float32
    Source: reproduces `cls/predictions` of BERT and `lm_head` of T5 1.1
    """

    output = "logits"
    by_site = True

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(architecture, **options)
        a, head = architecture, architecture.vocabulary_head
        self.vocabulary, self.scale, self.biased = a.vocabulary, head.scale, head.bias
        self.size = a.embedding_size_ if head.tied or head.transform else a.width
        self.dropout = Dropout(a.dropout if head.dropout else 0.0, dtype=self.dtype_policy)
        name = head.activation or a.activation
        self.activation = activation(name if head.transform else "linear")
        self.transform = self.output_dense = None
        if head.transform:
            self.transform = _dense("transform", self.size, a, self, bias=head.transform_bias)
        elif self.size != a.width:
            self.transform = _dense("projection", self.size, a, self, bias=a.has_bias("projection"))
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

    def read(self, reading: Reading) -> Tensor:
        """Score the sites that the input `read` names, or all."""
        x, condition = reading.hidden, reading.inputs.get("condition")
        if reading.inputs.get("read") is not None:
            sites = ops.expand_dims(ops.cast(reading.inputs["read"], "int32"), -1)
            x = ops.take_along_axis(x, sites, axis=1)
            if condition is not None and len(condition.shape) == 3:
                condition = ops.take_along_axis(condition, sites, axis=1)
        return self(x, condition, tokens=reading.tokens, training=reading.training)

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
        y = by_rows(partial(tied, tokens), x) if self.output_dense is None else self.output_dense(x)
        y = ops.cast(y, "float32")
        return y + ops.cast(self.bias, "float32") if self.biased else y


class Pooler(Head):
    """One vector per text, from its first site.

    Shapes: x (B, T, D) -> (B, D)
    Source: reproduces `bert/pooler/dense`
    """

    output = "pooled"

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(architecture, **options)
        self.dense = _dense("dense", architecture.width, architecture, self)
        self.activation = activation(architecture.pooler_activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.dense.build((shape[0], shape[-1]))

    def read(self, reading: Reading) -> Tensor:
        """Pool the text."""
        return self(reading.hidden)

    def call(self, x: Tensor) -> Tensor:
        """Pool."""
        return self.activation(self.dense(x[:, 0]))


class NextSentence(Head):
    """Whether the second sentence follows the first: logits (B, 2) from the pooled vector.

    Source: reproduces `cls/seq_relationship`
    """

    output = "nsp"
    needs = ("pool",)

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(architecture, **options)
        self.dense = _dense("dense", 2, architecture, self)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for pooled vectors (B, D)."""
        self.dense.build((shape[0], shape[-1]))

    def read(self, reading: Reading) -> Tensor:
        """Score what the pooler has read."""
        return self(reading.outputs["pooled"])

    def call(self, pooled: Tensor) -> Tensor:
        """Score the two answers."""
        return ops.cast(self.dense(pooled), "float32")


class Discriminator(Head):
    """Whether each token was replaced: logits (B, T).

    Source: Clark et al. 2020; reproduces `discriminator_predictions` of ELECTRA
    """

    output = "discriminator"
    by_site = True

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(architecture, **options)
        self.transform = _dense("transform", architecture.width, architecture, self)
        self.activation = activation(architecture.activation)
        self.dense = _dense("dense", 1, architecture, self)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for hidden states (B, T, D)."""
        self.transform.build(shape)
        self.dense.build(shape)

    def read(self, reading: Reading) -> Tensor:
        """Score every token."""
        return self(reading.hidden)

    def call(self, x: Tensor) -> Tensor:
        """Score every token."""
        y = self.dense(self.activation(self.transform(x)))
        return ops.cast(y[..., 0], "float32")


HEADS: dict[str, type[Head]] = {
    "mlm": Vocabulary,
    "pool": Pooler,
    "nsp": NextSentence,
    "discriminator": Discriminator,
}
"""Heads by the name that `heads=` takes, in the order they are read."""


def register_head(name: str, head: type[Head]) -> str:
    """Register a head of one's own under a name that `heads=` takes, and return the name.

    Its weights are saved as "name/…"; a checkpoint without them loads with fresh ones.
    Raises: ConfigError where the name, or the name of its output, is another head's or layer's

    Example:
        >>> class Mean(Head):
        ...     output = "mean"
        ...     def read(self, reading):
        ...         return ops.mean(reading.hidden, axis=1)
        >>> register_head("mean", Mean)
        'mean'
        >>> tiny = model.architecture.change(width=8, depth=1)
        >>> build(tiny, heads=("mean",))({"tokens": np.array([[2, 3]])})["mean"].shape
        (1, 8)

    """
    others = {key: other.output for key, other in HEADS.items() if key != name}
    own = HEADS.get(name)
    if own is not None and own.__qualname__ != head.__qualname__:
        raise ConfigError(f"There is a head {name!r} already, {own.__qualname__}.")
    if name in LAYERS:
        raise ConfigError(f"A head cannot be called {name!r}, as a layer of the model is.")
    if head.output in (*others.values(), *RESERVED):
        raise ConfigError(f"{head.output!r} is an output of the model already; name another.")
    for needed in head.needs:
        if needed not in HEADS:
            raise ConfigError(f"The head {name!r} needs {needed!r}, which is not registered.")
    HEADS[name] = head
    return name


def with_needed(names: Sequence[str]) -> tuple[str, ...]:
    """Add the heads that some heads need, in the order they are read; raises ConfigError."""
    for name in names:
        if name not in HEADS:
            raise ConfigError(f"There is no head {name!r}.{nearest(name, HEADS)}")
    every = list(names)
    for name in every:  # which grows by what these need in turn
        every += HEADS[name].needs
    return tuple(name for name in HEADS if name in every)
