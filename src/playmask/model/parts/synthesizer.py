"""Synthesizers: scores that no query is compared with a key for.

Their tables have a row for each position of a query or a column for each position of a key, so a
text can be no longer than `length`; rows and columns are read by position, never by slot.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

from playmask.errors import ConfigError, nearest
from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, check_counts, name_for
from playmask.model.parts.positioned import columns, product, rows
from playmask.model.recipes import recipe


class _Limited(Part):
    """What all share: positions up to a length, and fields that are counts."""

    length: int
    counts: ClassVar[tuple[str, ...]] = ("length",)

    @property
    def limit(self) -> int:
        """How many positions there are."""
        return self.length

    def __post_init__(self) -> None:
        check_counts(self, *self.counts)


@recipe
class RandomSynthesizer(_Limited):
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
        return columns(rows(_computed(self, self.scores), look.queries), look.keys)


@recipe
class FactorizedRandom(_Limited):
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
        left = rows(_computed(self, self.queries), look.queries)
        right = rows(_computed(self, self.keys), look.keys)
        return ops.matmul(left, ops.swapaxes(right, -1, -2))

    def products(self, sizes: Sizes) -> int:
        """The tables' product, computed once for all texts of a batch, counted for each."""
        return self.heads * sizes.queries * sizes.keys * self.random.rank


@recipe
class DenseSynthesizer(_Limited):
    """Dense Synthesizer: scores all keys from the query's hidden state, W₂ relu(W₁ x + b₁) + b₂.

    No query is compared with a key. length: the longest text; hidden: numbers between the layers,
    per head (None = width / heads).
    Weights: D·N·hidden + N·hidden·length a block, D² + D·length as a rule; and the biases.
    Shapes: x (B, T, D) -> scores (B, N, T, S)
    Source: Tay et al. 2020, §3.1

    Example:
        >>> dense = load(path, attention=DenseSynthesizer())
        >>> [ignored.theirs[9:] for ignored in dense.report.ignored[:2]]  # as none is compared
        ['attention/key/bias', 'attention/key/kernel']
        >>> [(fresh.ours[9:], fresh.shape) for fresh in dense.report.fresh[:1]]
        [('attention/dense/columns_kernel', (2, 16, 512))]

    """

    length: int = 512
    hidden: int | None = None

    kind: ClassVar[str] = "dense"
    counts = ("length", "hidden")

    def make(self, attention: Host) -> "DenseScores":
        """The layers of one block."""
        return DenseScores(self, (("columns", self.length),), attention, self.kind)


@recipe
class FactorizedDense(_Limited):
    """Factorized dense Synthesizer: computes two short vectors a and b instead of a long one.

    Position i·b + j gets a_i · b_j. length: the longest text; rows: the length of a (None = the
    root of `length`), b has length / rows; hidden: as in DenseSynthesizer.
    Weights: D·N·hidden + N·hidden·(a + b) a block, and the biases.
    Shapes: x (B, T, D) -> scores (B, N, T, S)
    Source: Tay et al. 2020, §3.3; the tiling there is read as an outer product, without which
    only a and b without a common divisor would reach all positions

    Example:
        >>> FactorizedDense(length=512).factors, FactorizedDense(length=512, rows=16).factors
        ((23, 23), (16, 32))

    """

    length: int = 512
    rows: int | None = None
    hidden: int | None = None

    kind: ClassVar[str] = "factorized_dense"
    counts = ("length", "rows", "hidden")

    @property
    def factors(self) -> tuple[int, int]:
        """How long a and b are; their product is at least `length`."""
        first = self.rows or math.isqrt(self.length - 1) + 1
        return first, -(-self.length // first)

    def make(self, attention: Host) -> "DenseScores":
        """The layers of one block."""
        named = tuple(zip(("first", "second"), self.factors, strict=True))
        return DenseScores(self, named, attention, self.kind)


class DenseScores(keras.layers.Layer, Part):
    """A hidden layer for all heads, then for each head one vector, or several to multiply."""

    def __init__(
        self,
        dense: "DenseSynthesizer | FactorizedDense",
        factors: tuple[tuple[str, int], ...],
        attention: Host,
        kind: str,
    ) -> None:
        super().__init__(name=name_for(attention, kind), dtype=attention.dtype_policy)
        self.heads, self.factors, self.length = attention.key_heads, factors, dense.length
        self.size = dense.hidden or max(attention.width // attention.key_heads, 1)
        self.initializer = attention.initializer
        self.hidden = Dense(
            self.heads * self.size,
            activation="relu",
            kernel_initializer=self.initializer.clone(),
            name="hidden",
            dtype=attention.dtype_policy,
        )

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (B, T, D)."""
        self.hidden.build(shape)
        self.tables = [
            (
                self.add_weight(
                    name=f"{name}_kernel",
                    shape=(self.heads, self.size, count),
                    initializer=self.initializer.clone(),
                ),
                self.add_weight(
                    name=f"{name}_bias", shape=(self.heads, 1, count), initializer="zeros"
                ),
            )
            for name, count in self.factors
        ]

    def logits(self, look: Look) -> Tensor:
        """Score the keys' positions from x: (B, N, T, S)."""
        y = ops.reshape(self.hidden(look.x), (-1, ops.shape(look.x)[1], self.heads, self.size))
        y = ops.transpose(y, (0, 2, 1, 3))
        tables = [[_computed(self, weight) for weight in table] for table in self.tables]
        if len(tables) > 1:
            factors = [ops.matmul(y, kernel) + bias for kernel, bias in tables]
            return columns(self._outer(*factors), look.keys)
        [(kernel, bias)] = tables
        biases = columns(ops.expand_dims(bias, 0), look.keys)
        return product(y, kernel, look.keys) + biases

    def _outer(self, a: Tensor, b: Tensor) -> Tensor:
        """All products of a number of a and one of b: (B, N, T, at least length)."""
        pairs = ops.expand_dims(a, -1) * ops.expand_dims(b, -2)
        return ops.reshape(pairs, (*ops.shape(a)[:-1], a.shape[-1] * b.shape[-1]))

    def products(self, sizes: Sizes) -> int:
        """Both layers; the columns of one vector are those of the keys, two are whole."""
        counts = [count for _, count in self.factors]
        columns = sizes.keys if len(counts) == 1 else sum(counts)
        return sizes.queries * self.heads * self.size * (sizes.width + columns)


@recipe
class MeshDense(_Limited):
    """Dense Synthesizer of Mesh TensorFlow: W₂ relu(q), one W₂ for all heads, no biases.

    Its hidden layer is the attention's own query projection. length: the longest text.
    Weights: H·length a block.
    Shapes: q (B, N, T, H) -> scores (B, N, T, S)
    Source: mesh_tensorflow `synthetic_attention`, "dense_minus"

    Example:
        >>> mesh = load(path, attention=MeshDense())
        >>> sorted(mesh.architecture.uses), mesh.report.fresh[0].shape
        (['output', 'query', 'value'], (16, 512))

    """

    length: int = 512

    uses = ("query", "value", "output")

    kind: ClassVar[str] = "mesh_dense"

    def make(self, attention: Host) -> "MeshScores":
        """The layer of one block."""
        return MeshScores(self.length, attention, self.kind)


class MeshScores(keras.layers.Layer, Part):
    """The layer (H, length)."""

    def __init__(self, length: int, attention: Host, kind: str) -> None:
        super().__init__(name=name_for(attention, kind), dtype=attention.dtype_policy)
        self.length, self.size = length, attention.key_size
        self.initializer = attention.initializer

    def build(self, shape: Any = None) -> None:
        """Create the weights."""
        self.kernel = self.add_weight(
            name="kernel", shape=(self.size, self.length), initializer=self.initializer.clone()
        )

    def logits(self, look: Look) -> Tensor:
        """Score the keys' positions from the query: (B, N, T, S)."""
        kernel = ops.expand_dims(_computed(self, self.kernel), 0)
        return product(ops.relu(look.q), kernel, look.keys)

    def products(self, sizes: Sizes) -> int:
        """The one layer's columns of the keys, for each head."""
        return sizes.key_heads * sizes.queries * self.size * sizes.keys


def _computed(layer: keras.layers.Layer, variable: Any) -> Tensor:
    """A weight in the dtype that its layer computes in."""
    return ops.cast(variable, layer.compute_dtype)


KINDS: dict[str, Callable[..., Part]] = {
    "dense": DenseSynthesizer,
    "random": RandomSynthesizer,
    "fixed": lambda **options: RandomSynthesizer(trainable=False, **{"spread": 1.0, **options}),
    "factorized_dense": FactorizedDense,
    "factorized_random": FactorizedRandom,
    "mesh_dense": MeshDense,
}
"""The Synthesizers by name; the fixed one is drawn so wide that its rows differ."""


def Synthesizer(kind: str, **options: Any) -> Part:
    """Make the Synthesizer of a kind; the options are the fields of its recipe.

    kind: "dense", "random", "fixed", "factorized_dense", "factorized_random" or "mesh_dense"
    Raises: ConfigError for an unknown kind, with the nearest
    Source: Tay et al. 2020

    Example:
        >>> Synthesizer("fixed", length=64)
        RandomSynthesizer(length=64, trainable=False, spread=1.0)

    """
    if kind not in KINDS:
        raise ConfigError(f"There is no Synthesizer {kind!r}.{nearest(kind, KINDS)}")
    return KINDS[kind](**options)
