"""NEZHA's functional relative positions, in the scores and in the values."""

from keras import ops

from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, check_counts
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
        if look.q is None:
            return None
        size = look.q.shape[-1]
        away = ops.cast(self._away(look.queries, look.keys, size), look.q.dtype)  # (B, T, S, H)
        scores = ops.matmul(_swap(look.q * size**-0.5), ops.swapaxes(away, -1, -2))
        return _swap(scores)

    def values(self, weights: Tensor, v: Tensor, queries: Sites, keys: Sites) -> Tensor:
        """Add up the distances' vectors by the attention they get."""
        away = ops.cast(self._away(queries, keys, v.shape[-1]), v.dtype)  # (B, T, S, V)
        return _swap(ops.matmul(_swap(weights), away))

    def products(self, sizes: Sizes) -> int:
        """Each query, and each weight, with the vector of its distance."""
        pairs = sizes.queries * sizes.keys
        by_query = sizes.key_heads * sizes.key_size
        return pairs * (by_query + sizes.value_heads * sizes.value_size)

    def _away(self, queries: Sites, keys: Sites, size: int) -> Tensor:
        """The vector of each distance, from a table of 2·clip + 1 rows."""
        table = sinusoids(ops.arange(2 * self.clip + 1), size)
        away = ops.expand_dims(keys.position, 1) - ops.expand_dims(queries.position, 2)
        return ops.take(table, ops.clip(away, -self.clip, self.clip) + self.clip, axis=0)


def _swap(x: Tensor) -> Tensor:
    """(B, N, T, ...) <-> (B, T, N, ...)."""
    return ops.swapaxes(x, 1, 2)
