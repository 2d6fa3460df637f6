"""Random Synthesizers: scores from a table of pairs of positions, whatever stands there.

Rows and columns of the table are read by position, never by slot.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from playmask.model.masks import Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, name_for
from playmask.model.parts.positioned import Limited, columns, rows
from playmask.model.recipes import recipe


@recipe
class RandomSynthesizer(Limited):
    """Random Synthesizer: scores a key by a number learned for the pair of positions.

    Whatever stands there has no say. length: the longest text; trainable: off, the numbers stay
    as they were drawn ("fixed"); spread: the standard deviation they are drawn with.
    Weights: N·length² a block.
    Shapes: scores (1 or B, N, T, S)
    Source: Tay et al. 2020, §3.2

    Example:
        >>> random = load(path, attention=RandomSynthesizer())
        >>> rows = np.array([[2, 7, 8, 3], [2, 9, 10, 3]])
        >>> first, second = random({"tokens": rows}, attention=True)["attention"][0]
        >>> bool(np.allclose(first, second))  # other tokens, the same attention
        True

    """

    length: int = 512
    trainable: bool = True
    spread: float = 0.02

    kind: ClassVar[str] = "random"

    def make(self, attention: Host) -> "RandomScores":
        """The table of one block."""
        return RandomScores(
            self,
            attention.key_heads,
            name=name_for(attention, self.kind),
            dtype=attention.dtype_policy,
        )


class RandomScores(keras.layers.Layer, Part):
    """The table (N, length, length)."""

    def __init__(self, random: RandomSynthesizer, heads: int, **options: Any) -> None:
        super().__init__(trainable=random.trainable, **options)
        self.random, self.heads = random, heads

    def build(self, shape: Any = None) -> None:
        """Create the table."""
        self.scores = self.add_weight(
            name="scores",
            shape=(self.heads, self.random.length, self.random.length),
            initializer=keras.initializers.RandomNormal(stddev=self.random.spread),
            trainable=self.random.trainable,
        )

    def logits(self, look: Look) -> Tensor:
        """Read the pairs of positions: (1 or B, N, T, S)."""
        return columns(rows(ops.cast(self.scores, self.compute_dtype), look.queries), look.keys)


@recipe
class FactorizedRandom(Limited):
    """Factorized random Synthesizer: a table that is the product of two of a low rank.

    length: the longest text; rank: their width; spread: the standard deviation of the product's
    numbers.
    Weights: 2·N·length·rank a block.
    Shapes: scores (1 or B, N, T, S)
    Source: Tay et al. 2020, §3.3 (rank 8)

    Example:
        >>> low = load(path, attention=FactorizedRandom(rank=4))
        >>> [(fresh.ours[9:], fresh.shape) for fresh in low.report.fresh[:1]]
        [('attention/factorized_random/queries', (2, 512, 4))]

    """

    length: int = 512
    rank: int = 8
    spread: float = 0.02

    kind: ClassVar[str] = "factorized_random"
    counts = ("length", "rank")

    def make(self, attention: Host) -> "FactorizedScores":
        """The tables of one block."""
        return FactorizedScores(
            self,
            attention.key_heads,
            name=name_for(attention, self.kind),
            dtype=attention.dtype_policy,
        )


class FactorizedScores(keras.layers.Layer, Part):
    """Two tables (N, length, rank)."""

    def __init__(self, random: FactorizedRandom, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.random, self.heads = random, heads

    def build(self, shape: Any = None) -> None:
        """Create the tables; a sum of rank products of their numbers has the wanted spread."""
        random = self.random
        each = keras.initializers.RandomNormal(stddev=(random.spread / random.rank**0.5) ** 0.5)
        self.queries, self.keys = (
            self.add_weight(
                name=name,
                shape=(self.heads, random.length, random.rank),
                initializer=each.clone(),
            )
            for name in ("queries", "keys")
        )

    def logits(self, look: Look) -> Tensor:
        """Multiply the rows of the queries' and the keys' positions: (1 or B, N, T, S)."""
        left = rows(ops.cast(self.queries, self.compute_dtype), look.queries)
        right = rows(ops.cast(self.keys, self.compute_dtype), look.keys)
        return ops.matmul(left, ops.swapaxes(right, -1, -2))

    def products(self, sizes: Sizes) -> int:
        """The tables' product, computed once for all texts of a batch, counted for each."""
        return self.heads * sizes.queries * sizes.keys * self.random.rank
