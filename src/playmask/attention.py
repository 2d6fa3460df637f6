"""The attention: projections, a list of parts, and optional mixers around the softmax.

q, k <- rotate;  scores = Σ logits;  mix;  + Σ bias;  mask;  softmax;  mix;  weights @ v + Σ values
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from playmask import cache as kv_cache
from playmask.activations import activation
from playmask.architectures import Architecture
from playmask.masks import Sites, Tensor
from playmask.noise import Dropout
from playmask.parts import NORMALIZATIONS, Mixer, Part, Projections, Separate

KeysValues = tuple[Tensor, Tensor]


class Scene(NamedTuple):
    """What all blocks of one forward pass share.

    allowed: bool (B, T, S), True = may look; queries, keys: their sites, (B, T) and (B, S);
    at: the cache slot to write at, a scalar, or None; condition: what norms depend on, or None
    """

    allowed: Tensor
    queries: Sites
    keys: Sites
    at: Tensor | None = None
    condition: Tensor | None = None


class Attended(NamedTuple):
    """What an attention layer returns.

    output (B, T, D); kv: the cache's keys and values for this layer, or None;
    scores (B, N, T, S): before bias, mask and softmax; weights (B, M, T, S): after everything
    """

    output: Tensor
    kv: KeysValues | None
    scores: Tensor
    weights: Tensor


class Attention(keras.layers.Layer):
    """Multi-head attention whose scores are the sum of its parts.

    once: further parts, made for the whole stack
    Shapes:  x (B, T, D); scene; kv: this layer's cached keys and values -> Attended
    Source:  Vaswani et al. 2017; reproduces `attention/self` and `attention/output/dense` of BERT
    """

    def __init__(
        self, architecture: Architecture, once: Sequence[Part] = (), **options: Any
    ) -> None:
        super().__init__(**options)
        a = architecture
        self.width, self.heads, self.biased = a.width, a.attention_heads, a.bias
        self.key_size, self.value_size = a.key_size_, a.value_size_
        self.initializer = a.initializer()
        self.activation = activation(a.activation)  # of projections that have one
        self.project = self._projections(a)
        self.projections = self.project.layers(self, self._dense)
        self.output_dense = self._dense("output", self.width)
        self.dropout = Dropout(a.attention_dropout, dtype=self.dtype_policy)
        self.normalize = NORMALIZATIONS[a.normalization]
        self.parts = [*(part.make(self) for part in self._parts(a) if not part.once), *once]
        self.before, self.after = (_mixer(a.mixer, self, place) for place in ("before", "after"))

    def _projections(self, a: Architecture) -> Projections:
        return a.projections

    def _parts(self, a: Architecture) -> tuple[Part, ...]:
        return a.parts

    def _dense(self, name: str, units: int) -> keras.layers.Dense:
        return keras.layers.Dense(
            units,
            use_bias=self.biased,
            kernel_initializer=self.initializer.clone(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        self.project.build(self, shape)
        self.output_dense.build((*shape[:-1], self.heads * self.value_size))
        for extra in (*self.parts, self.before, self.after):
            if isinstance(extra, keras.layers.Layer) and not extra.built:
                extra.build(shape)

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: KeysValues | None = None,
        previous: Tensor | None = None,
        training: bool = False,
    ) -> Attended:
        """Let every query look at the keys it may see."""
        made = self.project(self, x)
        q, k = self._split(made.queries, self.key_size), self._split(made.keys, self.key_size)
        v = self._split(made.values, self.value_size)
        for part in self.parts:
            q, k = part.rotate(q, k, scene.queries)
        if kv is not None:
            k, v = kv = kv_cache.write_kv(kv, k, v, scene.at)
        y, scores, weights = self._attend(x, q, k, v, scene, previous, training)
        y = y if made.gate is None else made.gate * y
        return Attended(self.output_dense(y), kv, scores, weights)

    def _attend(
        self,
        x: Tensor,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scene: Scene,
        previous: Tensor | None,
        training: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The mixed values (B, T, N·V), the scores and the weights."""
        scores = _sum(p.logits(x, q, k, scene.queries, scene.keys, previous) for p in self.parts)
        weights = self._weights(scores, scene)
        y = self._mix_values(self.dropout(weights, training=training), v, scene)
        return self._join(y), scores, weights

    def _weights(self, scores: Tensor, scene: Scene) -> Tensor:
        mixed = scores if self.before is None else self.before(scores)
        biases = (part.bias(scene.queries, scene.keys) for part in self.parts)
        scores = ops.cast(_sum([mixed, *biases]), "float32")  # softmax in float32
        weights = self.normalize(scores, ops.expand_dims(scene.allowed, 1))
        weights = ops.cast(weights, self.compute_dtype)
        return weights if self.after is None else self.after(weights)

    def _mix_values(self, weights: Tensor, v: Tensor, scene: Scene) -> Tensor:
        extra = (part.values(weights, v, scene.queries, scene.keys) for part in self.parts)
        y = _sum([ops.matmul(weights, v), *extra])
        # A query that may look at nothing gets nothing, not the mean of all that is hidden.
        sees = ops.any(scene.allowed, axis=-1)[:, None, :, None]
        return ops.where(sees, y, ops.zeros_like(y))

    def _split(self, x: Tensor, size: int) -> Tensor:
        """(B, T, N·H) -> (B, N, T, H)."""
        x = ops.reshape(x, (-1, ops.shape(x)[1], self.heads, size))
        return ops.transpose(x, (0, 2, 1, 3))

    def _join(self, y: Tensor) -> Tensor:
        """(B, N, T, V) -> (B, T, N·V)."""
        y = ops.transpose(y, (0, 2, 1, 3))
        return ops.reshape(y, (-1, ops.shape(y)[1], self.heads * self.value_size))


class CrossAttention(Attention):
    """Attention to another text, whose keys and values are computed once.

    Positions take no part in it, except through the bias of parts made for the whole stack.
    Shapes:  x (B, T, D); kv: the other text's (B, N, S, H) and (B, N, S, V) -> Attended
    Source:  Vaswani et al. 2017, §3.2.3; reproduces `EncDecAttention` of T5
    """

    def _projections(self, a: Architecture) -> Projections:
        return Separate()

    def _parts(self, a: Architecture) -> tuple[Part, ...]:
        return a.attention

    def remember(self, memory: Tensor) -> KeysValues:
        """The keys and values of another text's hidden states (B, S, D)."""
        return (
            self._split(self.projections["key"](memory), self.key_size),
            self._split(self.projections["value"](memory), self.value_size),
        )

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: KeysValues | None = None,
        previous: Tensor | None = None,
        training: bool = False,
    ) -> Attended:
        """Let every query look at the other text."""
        assert kv is not None
        q = self._split(self.projections["query"](x), self.key_size)
        y, scores, weights = self._attend(x, q, *kv, scene, previous, training)
        return Attended(self.output_dense(y), kv, scores, weights)


def _mixer(mixer: Mixer | None, attention: Attention, place: str) -> Any:
    return None if mixer is None else mixer.make(attention, place)


def _sum(terms: Any) -> Tensor:
    """Add up the terms that are not None."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total
