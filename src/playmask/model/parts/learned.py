"""Learned absolute positions: a table of vectors added to the embedding."""

from typing import Any

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.part import Part
from playmask.model.recipes import recipe


@recipe
class Learned(Part):
    """Learned absolute position embeddings: a table of `size` rows, added to the token embedding.

    It has nothing to say inside the attention. offset: rows of the table before that of position
    0; padding is then not counted and takes the row before it (RoBERTa: pad id 1, so 2), unless
    counts_padding (BART); trained: off, the table stays as it is (PEGASUS).
    Weights: (size + offset)·E.
    Shapes: positions int32 (B, T) -> (B, T, E)
    Source: Devlin et al. 2018; reproduces `bert/embeddings/position_embeddings`

    Example:
        >>> roberta, valid = Learned(512, offset=2), np.array([[True, True, False]])
        >>> roberta.limit, ops.convert_to_numpy(roberta.number(valid)).tolist()
        (512, [[0, 1, -1]])

    """

    size: int = 512
    offset: int = 0
    counts_padding: bool = False
    trained: bool = True

    @property
    def limit(self) -> int:
        """How many positions there are."""
        return self.size

    def number(self, valid: Tensor) -> Tensor:
        """Number the sites from 0; with an offset, without the padding, which is at -1."""
        if not self.offset or self.counts_padding:
            return super().number(valid)
        counted = ops.cumsum(ops.cast(valid, "int32"), axis=1)
        return ops.where(valid, counted, 0) - 1

    def table(self, size: int, **options: Any) -> Any:
        """The table: positions (B, T) -> (B, T, size)."""
        rows = self.size + self.offset
        return Table(rows, size, offset=self.offset, trainable=self.trained, **options)


@recipe
class Hierarchical(Part):
    """Hierarchical position embeddings: a learned table of n rows that reaches n² positions.

    Position i·n + j is α·u_i + (1 - α)·u_j, with u = (row - α·row_0) / (1 - α), so that the first
    n positions are the table's own rows.
    Weights: size·E.
    Shapes: positions int32 (B, T) -> (B, T, E)
    Source: Su 2020 (kexue 7947); reproduces bert4keras `hierarchical_position`

    Example:
        >>> longer = load(path, position="hierarchical")
        >>> longer.architecture.limit, longer.report.fresh  # of the 512 rows that there were
        (262144, ())

    """

    size: int = 512
    alpha: float = 0.4

    @property
    def limit(self) -> int:
        """How many positions there are."""
        return self.size**2

    def table(self, size: int, **options: Any) -> Any:
        """The table: positions (B, T) -> (B, T, size)."""
        return HierarchicalTable(self.size, size, alpha=self.alpha, **options)


class Table(keras.layers.Embedding):
    """Rows of a learned table, `offset` rows after the position's number."""

    def __init__(self, rows: int, size: int, *, offset: int = 0, **options: Any) -> None:
        super().__init__(rows, size, **options)
        self.offset = offset

    def call(self, positions: Tensor) -> Tensor:
        """Take the positions' rows."""
        return super().call(positions + self.offset)


class HierarchicalTable(keras.layers.Embedding):
    """Two rows of a learned table for each position."""

    def __init__(self, rows: int, size: int, *, alpha: float, **options: Any) -> None:
        super().__init__(rows, size, **options)
        self.alpha = alpha

    def call(self, positions: Tensor) -> Tensor:
        """Mix the rows of the position's quotient and remainder."""
        first = super().call(ops.zeros_like(positions[:1, :1]))
        upper, lower = (
            (super(HierarchicalTable, self).call(part) - self.alpha * first) / (1 - self.alpha)
            for part in (positions // self.input_dim, positions % self.input_dim)
        )
        return self.alpha * upper + (1 - self.alpha) * lower
