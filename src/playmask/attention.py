"""The attention: projections, a list of parts, and optional mixers around the softmax.

q, k <- rotate;  scores = Σ logits;  mix;  + Σ bias;  mask;  softmax;  mix;  weights @ v + Σ values
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from playmask import cache as kv_cache
from playmask.architectures import Architecture
from playmask.masks import Sites, Tensor
from playmask.noise import Dropout
from playmask.parts import Mixer, Part

HIDDEN = -1e9  # the score of a key that may not be seen: finite, so that no row becomes NaN


class Scene(NamedTuple):
    """What all blocks of one forward pass share.

    allowed: bool (B, T, S), True = may look; queries, keys: their sites, (B, T) and (B, S);
    at: the cache slot to write at, a scalar, or None
    """

    allowed: Tensor
    queries: Sites
    keys: Sites
    at: Tensor | None = None


class Attended(NamedTuple):
    """What an attention layer returns.

    output (B, T, D); kv: the cache's keys and values for this layer, or None;
    scores (B, N, T, S): before bias, mask and softmax; weights (B, M, T, S): after everything
    """

    output: Tensor
    kv: tuple[Tensor, Tensor] | None
    scores: Tensor
    weights: Tensor


class Attention(keras.layers.Layer):
    """Multi-head attention whose scores are the sum of its parts.

    Shapes:  x (B, T, D); scene; kv: this layer's cached keys and values -> Attended
    Source:  Vaswani et al. 2017; reproduces `attention/self` and `attention/output/dense` of BERT
    """

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        super().__init__(**options)
        a = architecture
        self.width, self.heads = a.width, a.attention_heads
        self.key_size, self.value_size = a.key_size_, a.value_size_
        self.query = self._dense("query", self.heads * self.key_size, a)
        self.key = self._dense("key", self.heads * self.key_size, a)
        self.value = self._dense("value", self.heads * self.value_size, a)
        self.output_dense = self._dense("output", self.width, a)
        self.dropout = Dropout(a.attention_dropout, dtype=self.dtype_policy)
        self.parts: list[Part] = [part.make(self) for part in a.parts]
        self.before, self.after = (_mixer(a.mixer, self, place) for place in ("before", "after"))

    def _dense(self, name: str, units: int, a: Architecture) -> keras.layers.Dense:
        return keras.layers.Dense(
            units,
            use_bias=a.bias,
            kernel_initializer=a.initializer(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        for dense in (self.query, self.key, self.value):
            dense.build(shape)
        self.output_dense.build((*shape[:-1], self.heads * self.value_size))
        for extra in (*self.parts, self.before, self.after):
            if isinstance(extra, keras.layers.Layer):
                extra.build(shape)

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: tuple[Tensor, Tensor] | None = None,
        previous: Tensor | None = None,
        training: bool = False,
    ) -> Attended:
        """Let every query look at the keys it may see."""
        q = self._split(self.query(x), self.key_size)
        k = self._split(self.key(x), self.key_size)
        v = self._split(self.value(x), self.value_size)
        for part in self.parts:
            q, k = part.rotate(q, k, scene.queries)
        if kv is not None:
            k, v = kv = kv_cache.write_kv(kv, k, v, scene.at)
        scores = self._scores(x, q, k, scene, previous)
        weights = self._weights(scores, scene)
        y = self._mix_values(self.dropout(weights, training=training), v, scene)
        return Attended(self.output_dense(self._join(y)), kv, scores, weights)

    def _scores(
        self, x: Tensor, q: Tensor, k: Tensor, scene: Scene, previous: Tensor | None
    ) -> Tensor:
        return _sum(
            part.logits(x, q, k, scene.queries, scene.keys, previous) for part in self.parts
        )

    def _weights(self, scores: Tensor, scene: Scene) -> Tensor:
        mixed = scores if self.before is None else self.before(scores)
        biases = (part.bias(scene.queries, scene.keys) for part in self.parts)
        scores = ops.cast(_sum([mixed, *biases]), "float32")  # softmax in float32 everywhere
        allowed = ops.expand_dims(scene.allowed, 1)
        weights = ops.softmax(ops.where(allowed, scores, HIDDEN))
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


def _mixer(mixer: Mixer | None, attention: Attention, place: str) -> Any:
    return None if mixer is None else mixer.make(attention, place)


def _sum(terms: Any) -> Tensor:
    """Add up the terms that are not None."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total
