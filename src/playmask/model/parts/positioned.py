"""Tables with an axis of positions, read at the positions of queries and keys.

Positions are (1, T) where all rows agree, which is worth a case of its own: then a table is read
once, not once a row.
"""

from typing import ClassVar

from keras import ops

from playmask.model.masks import Sites, Tensor
from playmask.model.parts.part import Part, check_counts


class Limited(Part):
    """A part that knows the positions below its `length`.

    counts: its fields that are counts, checked when it is made
    """

    length: int
    counts: ClassVar[tuple[str, ...]] = ("length",)

    @property
    def limit(self) -> int:
        """How many positions there are."""
        return self.length

    def __post_init__(self) -> None:
        check_counts(self, *self.counts)


def shared(sites: Sites) -> bool:
    """Whether all rows of a batch stand at the same positions."""
    return bool(sites.position.shape[0] == 1)


def rows(table: Tensor, sites: Sites) -> Tensor:
    """Read the axis before the last: table (N, L, …) at (B, T) -> (B, N, T, …), B may be 1."""
    if shared(sites):
        return ops.expand_dims(ops.take(table, sites.position[0], axis=1), 0)
    taken = ops.take(table, sites.position, axis=1)  # (N, B, T, …)
    return ops.swapaxes(taken, 0, 1)


def columns(scores: Tensor, sites: Sites) -> Tensor:
    """Read the last axis: scores (B, N, T, L) at (B, S) -> (B, N, T, S)."""
    if shared(sites):  # rows of a turned table: twice as fast on a CPU as columns, gradient too
        taken = ops.take(ops.swapaxes(scores, -1, -2), sites.position[0], axis=-2)
        return ops.swapaxes(taken, -1, -2)
    shape = ops.shape(scores)
    index = ops.expand_dims(sites.position, (1, 2))
    sizes = (ops.shape(sites.position)[0], shape[1], shape[2])
    scores = ops.broadcast_to(scores, (*sizes, shape[3]))
    index = ops.broadcast_to(index, (*sizes, ops.shape(sites.position)[1]))
    return ops.take_along_axis(scores, index, axis=-1)


def product(y: Tensor, kernel: Tensor, sites: Sites) -> Tensor:
    """Multiply y (B, N, T, H) with the columns of kernel (N, H, L) at (B, S) -> (B, N, T, S).

    Where all rows agree, only these columns are computed.
    """
    kernel = ops.expand_dims(kernel, 0)
    if shared(sites):
        return ops.matmul(y, columns(kernel, sites))
    return columns(ops.matmul(y, kernel), sites)
