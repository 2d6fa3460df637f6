"""The attention: projections, a list of parts, and optional mixers around the softmax.

q, k <- rotate;  scores = Σ logits;  mix;  + Σ bias;  mask;  softmax;  mix;  weights @ v + Σ values
"""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from playmask.model import cache as kv_cache
from playmask.model import kernels
from playmask.model.activations import activation
from playmask.model.architecture import Architecture
from playmask.model.architecture_checks import check_projections
from playmask.model.cache import CacheSizes, KeysValues
from playmask.model.dense import Dense
from playmask.model.dropout import Dropout
from playmask.model.masks import Tensor
from playmask.model.norms import Normalize, normalize
from playmask.model.parts import NORMALIZATIONS, Dot, Look, Mixer, Part, PseudoSelf
from playmask.model.parts.head_axis import join_heads, split_heads, weighted_sum
from playmask.model.parts.projections import Projected
from playmask.model.scene import Attended, AttentionInputs, Scene, Weighted


class Attention(keras.layers.Layer):
    """Multi-head attention whose scores are the sum of its parts.

    once: further parts, made for the whole stack
    Shapes:  x (B, T, D); scene; kv: this layer's cached keys and values -> Attended
    watched: whether someone wants to know the scores and weights
    Raises:  ConfigError where sizes and parts do not go together
    Source:  Vaswani et al. 2017; reproduces `attention/self` and `attention/output/dense` of BERT
    """

    def __init__(
        self, architecture: Architecture, once: Sequence[Part] = (), **options: Any
    ) -> None:
        super().__init__(**options)
        a = architecture
        self.width, self.has_bias = a.width, a.has_bias
        self.key_heads, self.heads, self.value_heads = a.heads_
        self.cached_heads = a.cached_heads
        self.key_size, self.value_size = a.key_size_, a.value_size_
        self.uses = a.uses
        self.part_names: list[str] = []  # of layers, so that each gets a name of its own
        check_projections(a)
        self.initializer = a.initializer()
        self.activation = activation(a.activation)  # of projections that have one
        self.project = a.projections
        self.projections = self.project.layers(self, self._dense)
        self.query_norm, self.key_norm = (self._norm(a, side) for side in ("query", "key"))
        self.output_dense = self._dense("output", self.width) if "output" in self.uses else None
        self.dropout = Dropout(a.attention_dropout, dtype=self.dtype_policy)
        own = [part.normalization for part in a.content if part.normalization is not None]
        self.normalize = NORMALIZATIONS[own[0] if own else a.normalization]
        own_parts = (part for part in a.parts if not part.once)
        self.parts = [part.make(self) for part in (*own_parts, *once)]
        self.context = a.context.make(self) if isinstance(a.context, PseudoSelf) else None
        self.before, self.after = (self._mixer(a.mixer, side) for side in ("before", "after"))
        self.fused = self._scorer()
        # Where XLA compiles what follows, a sum is divided by in the output for half the time.
        self.late = self.after is None and keras.backend.backend() == "jax"

    def _norm(self, a: Architecture, side: str) -> Normalize | None:
        """The norm of each head's queries, or keys, where there are any."""
        norm = a.query_key_norm if side in self.uses else None
        return normalize(norm, f"{side}_norm", self.dtype_policy)

    def _mixer(self, mixer: Mixer | None, side: str) -> Any:
        return None if mixer is None else mixer.make(self, side)

    def _dense(self, name: str, units: int) -> Dense:
        return Dense(
            units,
            use_bias=self.has_bias(name),
            kernel_initializer=self.initializer.clone(),
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        self.project.build(self, shape)
        if self.output_dense is not None:
            self.output_dense.build((*shape[:-1], self.value_heads * self.value_size))
        for norm in (self.query_norm, self.key_norm):
            if norm is not None:
                norm.build((None, None, None, self.key_size))
        for extra in (*self.parts, self.context, self.before, self.after):
            if isinstance(extra, keras.layers.Layer) and not extra.built:
                extra.build(shape)

    def cache_sizes(self) -> CacheSizes:
        """What a cache keeps of each site for this layer, as (heads, size)."""
        keys, values = self.cached_heads
        sizes = {"keys": (keys, self.key_size), "values": (values, self.value_size)}
        return {name: sizes[name] for name in sizes if name == "values" or "key" in self.uses}

    def call(
        self,
        x: Tensor,
        scene: Scene,
        *,
        kv: KeysValues | None = None,
        previous: Tensor | None = None,
        watched: bool = False,
        training: bool = False,
    ) -> Attended:
        """Let every query look at the keys it may see."""
        projected = self.project(self, x)
        q = self._rotate(self.queries(projected.queries), scene)
        new = self.keys_values(projected)
        if "keys" in new:
            new["keys"] = self._rotate(new["keys"], scene)
        if kv is not None:
            new = kv = kv_cache.write_kv(kv, new, scene.at)
        inputs = AttentionInputs(x, q, new, scene, previous)
        y, scores, weights = self.weigh(inputs, training, watched)
        return Attended(self.output(y, projected.gate), kv, scores, weights)

    def queries(self, x: Tensor | None) -> Tensor | None:
        """Split projected queries into heads and normalise them: (B, N, T, H)."""
        if x is None:
            return None
        q = split_heads(x, self.key_heads, self.key_size)
        return q if self.query_norm is None else self.query_norm(q)

    def keys_values(self, projected: Projected) -> KeysValues:
        """Split projected keys and values into heads, and normalise the keys."""
        heads, values = self.cached_heads
        new = {"values": split_heads(projected.values, values, self.value_size)}
        if projected.keys is not None:
            new["keys"] = self._normed(split_heads(projected.keys, heads, self.key_size))
        return new

    def _normed(self, keys: Tensor) -> Tensor:
        return keys if self.key_norm is None else self.key_norm(keys)

    def _rotate(self, x: Tensor | None, scene: Scene) -> Tensor | None:
        for part in self.parts if x is not None else ():
            x = part.rotate(x, scene.queries)
        return x

    def output(self, y: Tensor, gate: Tensor | None = None) -> Tensor:
        """Gate and project the values, all heads joined: (B, T, N·V) -> (B, T, D)."""
        y = y if gate is None else gate * y
        return y if self.output_dense is None else self.output_dense(y)

    def _scorer(self) -> Dot | None:
        """What alone makes the scores, where a fused kernel can do all that follows."""
        plain = (
            self.normalize is NORMALIZATIONS["softmax"]
            and self.before is self.after is self.context is None
            and self.key_size == self.value_size
        )
        return kernels.scorer(self.parts) if plain else None

    def weigh(self, inputs: AttentionInputs, training: bool, watched: bool) -> Weighted:
        """Compute the attention output with the fastest applicable kernel."""
        weights_matter = watched or (training and self.dropout.rate > 0)
        if self.fused is not None and not weights_matter:
            dtype, heads, biased = self.compute_dtype, self.heads, kernels.biased(self.parts)
            kernel = kernels.fastest(inputs, dtype, heads, biased=biased, training=training)
            if kernel is not None:
                return Weighted(self._attend_fused(kernel, self.fused, inputs))
        if training:
            return self._attend(inputs, training, watched)
        return kernels.in_query_blocks(
            lambda block: self._attend(block, training, watched), inputs, self.heads
        )

    def _attend_fused(self, kernel: kernels.Kernel, dot: Dot, inputs: AttentionInputs) -> Tensor:
        """The weighted values (B, T, N·V), by a kernel that keeps nothing else."""
        scene, kv = inputs.scene, inputs.kv
        bias = _sum(_float32(part.bias(scene.queries, scene.keys)) for part in self.parts)
        allowed = ops.expand_dims(self._allowed(scene), 1)
        scale = dot.factor(self.key_size)
        y = kernel(inputs.q, kv["keys"], kv["values"], allowed, bias, scale=scale)
        sees = ops.any(allowed, axis=-1, keepdims=True)
        return self._joined(ops.where(sees, y, 0.0))

    def _attend(self, inputs: AttentionInputs, training: bool, watched: bool) -> Weighted:
        """The same, step by step."""
        x, q, kv, scene, previous = inputs
        k, v = kv.get("keys"), kv["values"]
        for part in self.parts:
            k, v, scene = part.condense(k, v, scene)
        look = Look(x, q, k, scene.queries, scene.keys, previous)
        scores = _sum(part.logits(look) for part in self.parts)
        if scores is None:  # no part compares anything: place alone decides
            scores = ops.zeros((1, 1, 1, 1), self.compute_dtype)
        biases = [part.bias(scene.queries, scene.keys) for part in self.parts]
        logits = _sum(_float32(x) for x in (self._mixed(scores), *biases))
        allowed, visible = ops.expand_dims(self._allowed(scene), 1), v
        if self.context is not None:
            assert scene.context is not None
            keys, values = self.context(scene.context.vectors)
            front = self._mixed(self.context.scores(q, self._normed(keys)))
            visible = ops.concatenate([values, v], axis=2)
            logits, allowed = kernels.prepend_context(
                front, scene.context.valid, logits, allowed, ops.shape(v)[2]
            )
        exact = self.compute_dtype == "float32"  # may change: training may compute in half
        shares = self.normalize(logits, allowed, self.late and exact and not training)
        keys = ops.cast(shares.keys, self.compute_dtype)
        keys = keys if self.after is None else self.after(keys)
        dropped = self.dropout(keys, training=training)
        own = dropped if visible is v else dropped[..., -ops.shape(v)[2] :]
        extra = _sum(part.values(own, v, scene.queries, scene.keys) for part in self.parts)
        # A query that may look at nothing gets nothing, not the mean of all that is hidden.
        sees = ops.any(allowed, axis=-1, keepdims=True)

        def of_total(x: Tensor) -> Tensor:
            return ops.where(sees, x if shares.total is None else x / shares.total, 0.0)

        total = weighted_sum(dropped, visible, self.value_heads)
        y = self._joined(of_total(_sum([total, extra])))
        return Weighted(y, scores, of_total(keys)) if watched else Weighted(y)

    def _mixed(self, scores: Tensor) -> Tensor:
        return scores if self.before is None else self.before(scores)

    def _allowed(self, scene: Scene) -> Tensor:
        """Who may look at whom and can be scored by all parts: bool (B, T, S)."""
        allowed = scene.allowed
        for part in self.parts:
            reach = part.reach(scene.queries, scene.keys)
            allowed = allowed if reach is None else ops.logical_and(allowed, reach)
        return allowed

    def _joined(self, y: Tensor) -> Tensor:
        return join_heads(y, self.value_heads * self.value_size)


def _sum(terms: Iterable[Tensor | None]) -> Tensor:
    """Add up the terms that are not None."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def _float32(x: Tensor | None) -> Tensor | None:
    """Scores as the softmax gets them, whatever the layers compute in."""
    return None if x is None else ops.cast(x, "float32")
