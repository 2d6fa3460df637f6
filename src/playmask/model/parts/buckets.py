"""T5's relative positions: one learned number per head and bucket of distances."""

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Part, check_counts, name_for
from playmask.model.recipes import recipe

MOST = 1 << 20
"""What `longest` is at most: so long is the table from distances to buckets."""


@recipe
class Buckets(Part):
    """Relative position bias of T5: adds a learned number for the bucket of a key's distance.

    Half of the buckets hold one distance each, the rest grow logarithmically up to `longest`.
    bidirectional: half of all buckets are for keys after the query; otherwise those all fall
    into the bucket of distance 0. One table serves all blocks of a stack.
    Weights: count·N a stack.
    Shapes: the biases are (B, N, T, S)
    Source: Raffel et al. 2020, §2.1; reproduces `relative_attention_bias` of T5

    Example:
        >>> ops.convert_to_numpy(Buckets().of(np.array([-200, -9, -1, 0, 1, 9]))).tolist()
        [15, 8, 1, 0, 17, 24]

    """

    count: int = 32
    longest: int = 128
    bidirectional: bool = True

    def __post_init__(self) -> None:
        check_counts(self, "count")
        check_counts(self, "longest", most=MOST)

    once = True
    distances = True

    def make(self, attention: Host) -> "BucketBias":
        """The table of this stack."""
        name = name_for(attention, "buckets")
        return BucketBias(self, attention.heads, name=name, dtype=attention.dtype_policy)

    def of(self, away: Tensor) -> Tensor:
        """The bucket of each distance key - query: int32 -> int32 below count."""
        half = self.count // 2 if self.bidirectional else self.count
        table = ops.convert_to_tensor(_by_distance(half, self.longest))
        far = ops.abs(away) if self.bidirectional else ops.maximum(-away, 0)
        bucket = ops.take(table, ops.minimum(far, self.longest), axis=0)
        return bucket + half * ops.cast(away > 0, "int32") if self.bidirectional else bucket


class BucketBias(keras.layers.Layer, Part):
    """The learned numbers: (count, N)."""

    def __init__(self, buckets: Buckets, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.buckets, self.heads = buckets, heads

    def build(self, shape: Any = None) -> None:
        """Create the table."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.buckets.count, self.heads),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def bias(self, queries: Sites, keys: Sites) -> Tensor:
        """Score keys by their distance: (B, N, T, S)."""
        away = ops.expand_dims(keys.position, 1) - ops.expand_dims(queries.position, 2)
        numbers = ops.take(self.embeddings, self.buckets.of(away), axis=0)
        return ops.transpose(numbers, (0, 3, 1, 2))


@cache
def _by_distance(count: int, longest: int) -> np.ndarray:
    """The bucket of each distance from 0 to longest, in float32 as T5's own programs have it."""
    exact = count // 2
    distances = np.arange(longest + 1)
    ratio = np.maximum(distances, 1).astype("float32") / np.float32(exact)
    grown = np.log(ratio) / np.float32(np.log(longest / exact)) * np.float32(count - exact)
    large = np.minimum(exact + grown.astype("int32"), count - 1)
    return np.where(distances < exact, distances, large).astype("int32")
