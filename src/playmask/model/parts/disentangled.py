"""DeBERTa's disentangled attention: queries with distances, and distances with keys."""

import math
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

TERMS = 3
"""What shares the scale: content with content, content with position, position with content."""


@recipe
class Disentangled(Part):
    """Disentangled attention: adds q_i · K(δ_ij) + k_j · Q(δ_ij), divided by √(3·H).

    δ is the bucket of the distance from key to query, and a row of one table for the whole stack;
    K and Q are the block's own projections of that row, neither rotated nor normalised by head. Up
    to buckets / 2 each distance is a bucket, then they grow logarithmically up to `longest`.
    Beside `Dot(terms=3)`, which shares the scale. norm: of the table's rows (None = none).
    Shapes: q (B, N, T, H); k (B, N, S, H) -> (B, N, T, S). Where no part makes queries and keys, it
            has nothing to do.
    Source: He et al. 2021 (DeBERTa), eq. 2 to 4; the buckets and shared projections of DeBERTa-v2

    Example:
        >>> a = architecture("bert").change(attention=Dot(terms=3), position=Disentangled())
        >>> a.limit, a.uses >= {"query", "key"}
        (None, True)

    """

    buckets: int = 256
    longest: int = 512
    norm: Norm | None = Norm(1e-7)

    once = True
    distances = True

    def __post_init__(self) -> None:
        check_counts(self, "buckets", least=4)
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
        """What one block's attention scores by, with its own projections of the table."""
        projecting = cast(
            "Projecting", attention
        )  # the stack was the recipe's host, not this one's
        compares = {"query", "key"} <= projecting.projections.keys()
        return DistanceScores(self, projecting) if compares else Part()


class DistanceScores(Part):
    """Scores of one attention by its projections of the stack's table."""

    def __init__(self, vectors: DistanceVectors, attention: Projecting) -> None:
        self.vectors, self.part, self.attention = vectors, vectors.part, attention
        if not isinstance(attention.projections["query"], Dense):
            raise ConfigError(
                f"{self.part!r} projects its table as queries and keys, for which these have no "
                "dense layer; take projections=Separate()."
            )

    def logits(self, look: Look) -> Tensor:
        """Score keys by content and distance: (B, N, T, S)."""
        assert look.q is not None and look.k is not None
        a, rows = self.attention, self.vectors.rows()
        queries, keys = (
            split_heads(a.projections[side](rows), heads, a.key_size)
            for side, heads in (("query", a.key_heads), ("key", a.cached_heads[0]))
        )
        by_query = _products(look.q, keys)  # (B, N, T, 2·buckets)
        by_key = _products(queries, look.k)  # (B, N, 2·buckets, S)
        row = ops.expand_dims(self.part.of(look.queries, look.keys), 1)
        shape = ops.shape(by_query)
        row = ops.broadcast_to(row, (*shape[:3], ops.shape(look.k)[2]))
        scores = ops.take_along_axis(by_query, row, axis=-1) + ops.take_along_axis(
            by_key, row, axis=-2
        )
        return scores * (TERMS * a.key_size) ** -0.5

    def products(self, sizes: Sizes) -> int:
        """The table projected twice, and each query and key with all its rows."""
        rows, keys = 2 * self.part.buckets, sizes.cached_heads[0]
        projected = rows * sizes.width * (sizes.key_heads + keys) * sizes.key_size
        compared = rows * sizes.key_heads * sizes.key_size * (sizes.queries + sizes.keys)
        return projected + compared


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
