"""The dot product: the content part of almost every Transformer."""

from collections.abc import Callable

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.head_axis import from_groups, to_groups
from playmask.model.parts.part import Look, Part, Sizes, check_counts
from playmask.model.recipes import recipe
from playmask.model.seams import is_exporting

FEW = 16  # queries


@recipe
class Dot(Part):
    """Scaled dot-product attention: scores a key by its dot product with the query, over √H.

    scale: off, the product is not divided (T5); terms: how many sums of scores share the scale,
    divided by √(terms·H) then (DeBERTa: 3).
    Shapes: q (B, N, T, H); k (B, N, S, H) -> (B, N, T, S)
    Source: Vaswani et al. 2017, eq. 1

    Example:
        >>> Dot().factor(64), Dot(scale=False).factor(64)
        (0.125, 1.0)
        >>> architecture("t5").attention
        (Dot(scale=False, terms=1),)

    """

    scale: bool = True
    terms: int = 1

    uses = ("query", "key", "value", "output")

    def __post_init__(self) -> None:
        check_counts(self, "terms")

    def factor(self, size: int) -> float:
        """What scores of heads of a size are multiplied with."""
        return float((self.terms * size) ** -0.5) if self.scale else 1.0

    def logits(self, look: Look) -> Tensor:
        """Score keys by content: (B, N, T, S)."""
        assert look.q is not None and look.k is not None
        q = look.q * self.factor(look.q.shape[-1]) if self.scale else look.q
        q, heads = to_groups(q, look.k.shape[1]), q.shape[1]
        if isinstance(q.shape[-2], int) and q.shape[-2] <= FEW:
            # XLA turns what is multiplied in memory; while a text is written, that is all keys.
            scores = ops.swapaxes(_as_written(ops.matmul(look.k, ops.swapaxes(q, -1, -2))), -1, -2)
        else:
            scores = ops.matmul(q, ops.swapaxes(look.k, -1, -2))
        return from_groups(scores, heads)

    def products(self, sizes: Sizes) -> int:
        """Each query with each key."""
        return sizes.key_heads * sizes.queries * sizes.keys * sizes.key_size


def _as_written(product: Tensor) -> Tensor:
    """Keep XLA from computing a product in its other order, where what follows turns it.

    For 4 queries the other order takes twice the time, and for one query there is none.
    """
    if keras.backend.backend() != "jax" or product.shape[-1] == 1 or is_exporting():
        return product
    import jax

    barrier: Callable[[Tensor], Tensor] = jax.lax.optimization_barrier
    return barrier(product)
