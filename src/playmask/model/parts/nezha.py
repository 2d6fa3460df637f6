"""NEZHA's functional relative positions, in the scores and in the values."""

import keras
from keras import ops

from playmask.errors import ConfigError
from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, check_counts, name_for
from playmask.model.parts.sinusoidal import check_even, sinusoids
from playmask.model.recipes import recipe

MOST = 1 << 16
"""What `clip` is at most: the table of its sinusoids is computed anew in every call."""


@recipe
class Nezha(Part):
    """Functional relative positions of NEZHA: keys and values get the sinusoid of their distance.

    clip: distances beyond it count as this one. It has no weights.
    Shapes: q (B, N, T, H) -> scores (B, N, T, S); weights (B, N, T, S) -> (B, N, T, V); H and V
            must be even
    Units:  clip in tokens
    Source: Wei et al. 2019, eq. 5-7 (the scores' term is divided by √H too)

    Example:
        >>> architecture("nezha").position
        Nezha(clip=64)
        >>> load(path, position=Nezha(clip=16)).architecture.limit is None  # texts of any length
        True

    """

    clip: int = 64

    distances = True

    def __post_init__(self) -> None:
        check_counts(self, "clip", most=MOST)

    def make(self, attention: Host) -> Part:
        """Itself; raises ConfigError where a distance's vector cannot be sines and cosines."""
        check_even(attention.key_size, "a key of NEZHA's positions")
        check_even(attention.value_size, "a value of NEZHA's positions")
        return self

    def logits(self, look: Look) -> Tensor | None:
        """Score keys by the query and the distance; nothing where no part makes queries."""
        return None if look.q is None else scores_of(look, self._table(look.q.shape[-1]))

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor:
        """Add up the distances' vectors by the attention they get."""
        return sums_of(weights, v, self._table(v.shape[-1]), queries, keys)

    def products(self, sizes: Sizes) -> int:
        """Each query, and each weight, with the vector of its distance."""
        return products_of(sizes)

    def _table(self, size: int) -> Tensor:
        """The vectors of all distances: (2·clip + 1, size)."""
        return sinusoids(ops.arange(2 * self.clip + 1), size)


@recipe
class StoredNezha(Part):
    """Relative positions as NEZHA's, whose vectors are a stored table of 2·clip + 1 rows.

    Source: bert4keras' `Embedding-Relative-Position`, where it holds something else than the
    sinusoids that `Nezha` computes
    """

    clip: int = 64

    once = True
    distances = True

    def __post_init__(self) -> None:
        check_counts(self, "clip", most=MOST)

    def make(self, attention: Host) -> "DistanceTable":
        """The table of this stack; raises ConfigError where keys and values have two sizes."""
        if attention.key_size != attention.value_size:
            raise ConfigError(
                f"One table serves keys of {attention.key_size} numbers and values of "
                f"{attention.value_size}; they need one size."
            )
        return DistanceTable(
            2 * self.clip + 1, attention.key_size, trainable=False,
            name=name_for(attention, "distances"), dtype=attention.dtype_policy,
        )  # fmt: skip


class DistanceTable(keras.layers.Embedding, Part):
    """The table of `StoredNezha`: (2·clip + 1, H)."""

    distances = True

    def logits(self, look: Look) -> Tensor | None:
        """Score keys by the query and the distance; nothing where no part makes queries."""
        return None if look.q is None else scores_of(look, ops.convert_to_tensor(self.embeddings))

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor:
        """Add up the distances' vectors by the attention they get."""
        return sums_of(weights, v, ops.convert_to_tensor(self.embeddings), queries, keys)

    def products(self, sizes: Sizes) -> int:
        """Each query, and each weight, with the vector of its distance."""
        return products_of(sizes)


def scores_of(look: Look, table: Tensor) -> Tensor:
    """Scores of keys by the query and the vector of the distance: (B, N, T, S)."""
    assert look.q is not None
    away = ops.cast(_away(table, look.queries, look.keys), look.q.dtype)  # (B, T, S, H)
    scores = ops.matmul(_swap(look.q * look.q.shape[-1] ** -0.5), ops.swapaxes(away, -1, -2))
    return _swap(scores)


def sums_of(weights: Tensor, v: Tensor, table: Tensor, queries: Sites, keys: Sites) -> Tensor:
    """The distances' vectors, added up by weights (B, N, T, S): (B, N, T, V)."""
    away = ops.cast(_away(table, queries, keys), v.dtype)  # (B, T, S, V)
    return _swap(ops.matmul(_swap(weights), away))


def products_of(sizes: Sizes) -> int:
    """How many products scores and sums by distances are."""
    pairs = sizes.queries * sizes.keys
    by_query = sizes.key_heads * sizes.key_size
    return pairs * (by_query + sizes.value_heads * sizes.value_size)


def _away(table: Tensor, queries: Sites, keys: Sites) -> Tensor:
    """The vector of each distance, of a table whose middle row is that of none: (B, T, S, …)."""
    clip = table.shape[0] // 2
    away = ops.expand_dims(keys.position, 1) - ops.expand_dims(queries.position, 2)
    return ops.take(table, ops.clip(away, -clip, clip) + clip, axis=0)


def _swap(x: Tensor) -> Tensor:
    """(B, N, T, ...) <-> (B, T, N, ...)."""
    return ops.swapaxes(x, 1, 2)
