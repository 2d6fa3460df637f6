"""DeBERTa's disentangled attention: queries with distances, and distances with keys."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from playmask.errors import ConfigError
from playmask.model.dense import Dense
from playmask.model.masks import Sites, Tensor
from playmask.model.norms import Norm, normalize
from playmask.model.parts.head_axis import from_groups, split_heads, to_groups
from playmask.model.parts.part import Host, Look, Part, Sizes, check_counts, name_for
from playmask.model.parts.projections import Projecting
from playmask.model.recipes import recipe

TERMS = ("c2p", "p2c")
"""Content to position and position to content: what adds up with content to content."""


@recipe
class Disentangled(Part):
    """Disentangled attention: adds q_i · K(δ_ij) + k_j · Q(δ_ij), divided by √(3·H).

    δ is the bucket of the distance from key to query, and a row of one table for the whole stack;
    K and Q are projections of that row, neither rotated nor normalised by head. Up to buckets / 2
    each distance is a bucket, then they grow logarithmically up to `longest`; None: each distance
    below `buckets` is one. norm: of the table's rows (None = none); terms: which of the two are
    added, "c2p" and "p2c"; shared: the block's own layers for queries and keys are Q and K, else
    it has others. Beside `Dot(terms=3)`, which shares the scale: √((1 + number of terms)·H).
    Weights: 2·buckets·D a stack; not shared, D·N·H a term in each block.
    Shapes: q (B, N, T, H); k (B, N, S, H) -> (B, N, T, S). Where no part makes queries and keys, it
            has nothing to do.
    Source: He et al. 2021 (DeBERTa), eq. 2 to 4; the buckets and shared projections of DeBERTa-v2

    Example:
        >>> a = architecture("bert").change(attention=Dot(terms=3), position=Disentangled())
        >>> a.limit, a.uses >= {"query", "key"}
        (None, True)

    """

    buckets: int = 256
    longest: int | None = 512
    norm: Norm | None = Norm(1e-7)
    terms: tuple[str, ...] = TERMS
    shared: bool = True

    once = True
    distances = True

    def __post_init__(self) -> None:
        if not self.terms or not set(self.terms) <= set(TERMS):
            raise ConfigError(
                f"terms of Disentangled are of {', '.join(map(repr, TERMS))}, not {self.terms!r}."
            )
        check_counts(self, "buckets", least=1 if self.longest is None else 4)
        if self.longest is None:
            return
        if self.buckets % 2 or not isinstance(self.longest, int) or self.longest < self.buckets:
            raise ConfigError(
                f"Disentangled needs an even number of buckets and no fewer distances; received "
                f"buckets={self.buckets!r}, longest={self.longest!r}."
            )
        check_counts(self, "longest", most=1 << 20)  # so long is the table of distances

    def make(self, attention: Host) -> "DistanceVectors":
        """The table of this stack."""
        name = name_for(attention, "disentangled")
        return DistanceVectors(self, attention, name=name, dtype=attention.dtype_policy)

    def of(self, queries: Sites, keys: Sites) -> Tensor:
        """The table's row for each pair of sites: int32 (B or 1, T, S) from 0 below 2·buckets."""
        away = ops.expand_dims(queries.position, 2) - ops.expand_dims(keys.position, 1)
        if self.longest is None:
            return ops.clip(away + self.buckets, 0, 2 * self.buckets - 1)
        table = ops.convert_to_tensor(_by_distance(self.buckets, self.longest))
        bucket = ops.take(table, ops.minimum(ops.abs(away), self.longest), axis=0)
        signed = ops.where(away < 0, -bucket, bucket) + self.buckets
        return ops.minimum(signed, 2 * self.buckets - 1)


class DistanceVectors(keras.layers.Layer, Part):
    """The table (2·buckets, D), normalised; each block's attention makes its own scores of it."""

    def __init__(self, part: Disentangled, attention: Host, **options: Any) -> None:
        super().__init__(**options)
        self.part, self.width = part, attention.width
        self.initializer = attention.initializer
        self.norm = normalize(part.norm, "norm", self.dtype_policy)

    def build(self, shape: Any = None) -> None:
        """Create the table and its norm."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(2 * self.part.buckets, self.width),
            initializer=self.initializer,
        )
        if self.norm is not None:
            self.norm.build((None, self.width))

    def rows(self) -> Tensor:
        """Read all rows: (1, 2·buckets, D)."""
        rows = ops.expand_dims(ops.cast(self.embeddings, self.compute_dtype), 0)
        return rows if self.norm is None else self.norm(rows)

    def make(self, attention: Host) -> Part:
        """What one block's attention scores by, with its projections of the table."""
        # The stack was the recipe's host; this one's is an attention.
        projecting = cast("Projecting", attention)
        if not {"query", "key"} <= projecting.projections.keys():
            return Part()
        if not self.part.shared:
            name = name_for(attention, "distances")
            return OwnDistanceScores(self, attention, name=name, dtype=attention.dtype_policy)
        if not isinstance(projecting.projections["query"], Dense):
            raise ConfigError(
                f"{self.part!r} projects its table as queries and keys, for which these have no "
                "dense layer; take projections=Separate()."
            )
        return DistanceScores(self, attention, projecting.projections)


SIDES = {"c2p": "key", "p2c": "query"}
"""What a row of the table is projected to, by the term."""


class DistanceScores(Part):
    """Scores of one attention by projections of the stack's table, by the names of SIDES."""

    def __init__(
        self,
        vectors: DistanceVectors,
        attention: Host,
        projections: Mapping[str, Callable[[Tensor], Tensor]],
    ) -> None:
        self.vectors, self.part, self.projections = vectors, vectors.part, projections
        self.heads = {"query": attention.key_heads, "key": attention.cached_heads[0]}
        self.size = attention.key_size

    def logits(self, look: Look) -> Tensor:
        """Score keys by content and distance: (B, N, T, S)."""
        assert look.q is not None and look.k is not None
        rows, q, k = self.vectors.rows(), look.q, look.k
        row = ops.expand_dims(self.part.of(look.queries, look.keys), 1)
        row = ops.broadcast_to(row, (*ops.shape(q)[:3], ops.shape(k)[2]))
        scores = 0.0
        if "c2p" in self.part.terms:  # (B, N, T, 2·buckets)
            by_query = _products(q, self._projected("key", rows))
            scores = scores + ops.take_along_axis(by_query, row, axis=-1)
        if "p2c" in self.part.terms:  # (B, N, 2·buckets, S)
            by_key = _products(self._projected("query", rows), k)
            scores = scores + ops.take_along_axis(by_key, row, axis=-2)
        return scores * ((1 + len(self.part.terms)) * self.size) ** -0.5

    def _projected(self, side: str, rows: Tensor) -> Tensor:
        return split_heads(self.projections[side](rows), self.heads[side], self.size)

    def products(self, sizes: Sizes) -> int:
        """The table projected for each term, and each query or key with all its rows."""
        rows = 2 * self.part.buckets
        heads = {"query": sizes.key_heads, "key": sizes.cached_heads[0]}
        other = {"query": sizes.keys, "key": sizes.queries}  # what it is compared with
        sides = [SIDES[term] for term in self.part.terms]
        projected = sum(rows * sizes.width * heads[side] * sizes.key_size for side in sides)
        return projected + sum(
            rows * sizes.key_heads * sizes.key_size * other[side] for side in sides
        )


class OwnDistanceScores(keras.layers.Layer, Part):
    """The same by dense layers of its own, `key` and `query`, those that its terms need."""

    def __init__(self, vectors: DistanceVectors, attention: Host, **options: Any) -> None:
        super().__init__(**options)
        heads = {"query": attention.key_heads, "key": attention.cached_heads[0]}
        self.width = attention.width
        self.projections = {
            side: Dense(
                heads[side] * attention.key_size,
                use_bias=attention.has_bias(side),
                kernel_initializer=attention.initializer.clone(),
                name=side,
                dtype=self.dtype_policy,
            )
            for side in (SIDES[term] for term in vectors.part.terms)
        }
        self.scores = DistanceScores(vectors, attention, self.projections)

    def build(self, shape: Any = None) -> None:
        """Create the layers."""
        for layer in self.projections.values():
            layer.build((None, None, self.width))

    def logits(self, look: Look) -> Tensor:
        """Score keys by content and distance: (B, N, T, S)."""
        return self.scores.logits(look)

    def products(self, sizes: Sizes) -> int:
        """Those of its scores."""
        return self.scores.products(sizes)


def _products(q: Tensor, k: Tensor) -> Tensor:
    """Each query with each key of its group: (B, N, T, H), (B, G, S, H) -> (B, N, T, S)."""
    return from_groups(ops.matmul(to_groups(q, k.shape[1]), ops.swapaxes(k, -1, -2)), q.shape[1])


@cache
def _by_distance(buckets: int, longest: int) -> npt.NDArray[np.int32]:
    """The bucket of each distance from 0 to longest, where it is the last."""
    middle = buckets // 2
    distances = np.arange(longest + 1)
    ratio = np.log(np.maximum(distances, middle) / middle) / math.log((longest - 1) / middle)
    grown = np.minimum(np.ceil(ratio * (middle - 1)) + middle, buckets)
    return np.where(distances <= middle, distances, grown).astype("int32")
