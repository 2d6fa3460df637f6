"""Dense Synthesizers: scores of all positions from the query's hidden state alone.

Columns of the scores are read by position, never by slot.
"""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from playmask.model.dense import Dense
from playmask.model.masks import Tensor
from playmask.model.parts.part import Host, Look, Part, Sizes, name_for
from playmask.model.parts.positioned import Limited, columns, product
from playmask.model.recipes import recipe


@recipe
class DenseSynthesizer(Limited):
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
class FactorizedDense(Limited):
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
        tables = [
            [ops.cast(weight, self.compute_dtype) for weight in table] for table in self.tables
        ]
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
class MeshDense(Limited):
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
        kernel = ops.expand_dims(ops.cast(self.kernel, self.compute_dtype), 0)
        return product(ops.relu(look.q), kernel, look.keys)

    def products(self, sizes: Sizes) -> int:
        """The one layer's columns of the keys, for each head."""
        return sizes.key_heads * sizes.queries * self.size * sizes.keys
