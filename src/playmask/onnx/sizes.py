"""Symbolic sizes: what a shape is, where a batch and a length are not known."""

import ast
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul, sub
from typing import Any

import numpy as np

from playmask.errors import ConfigError
from playmask.onnx.graph import Graph

Dim = Any  # an int, or JAX's symbolic dimension
Shape = tuple[Dim, ...]


def is_number(dim: Dim) -> bool:
    """Whether a size is known before the model runs."""
    return isinstance(dim, (int, np.integer))


def same(a: Dim, b: Dim) -> bool:
    """Whether two sizes are one, whatever the batch and the length."""
    return a is b or str(a) == str(b)


class Size:
    """A size that the graph computes: the name of an int64 tensor of the shape (1,).

    It takes part in arithmetic with numbers and with others.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def _with(self, kind: str, other: "Size | int", *, flipped: bool = False) -> "Size":
        names = [self.name, name_of(self.graph, other)]
        return Size(self.graph, self.graph.add(kind, *(names[::-1] if flipped else names)))

    def __add__(self, other: "Size | int") -> "Size":
        return self._with("Add", other)

    def __sub__(self, other: "Size | int") -> "Size":
        return self._with("Sub", other)

    def __rsub__(self, other: int) -> "Size":
        return self._with("Sub", other, flipped=True)

    def __mul__(self, other: "Size | int") -> "Size":
        return self._with("Mul", other)

    def __neg__(self) -> "Size":
        return self * -1

    __radd__, __rmul__ = __add__, __mul__


def name_of(graph: Graph, size: Size | int) -> str:
    """The name of a size as an int64 tensor of the shape (1,)."""
    return size.name if isinstance(size, Size) else graph.integers([size])


OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {ast.Add: add, ast.Mult: mul, ast.Sub: sub}
FUNCTIONS = {"floordiv": "Div", "max": "Max", "min": "Min", "mod": "Mod"}
"""How JAX calls what it does with sizes, and the operators; sizes are no less than 0."""


class Sizes:
    """The sizes of a graph, by the names of their dimensions."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.known: dict[str, Size] = {}

    def declare(self, tensor: str, shape: Sequence[Dim]) -> None:
        """Learn the dimensions that an input has."""
        for axis, dim in enumerate(shape):
            if not is_number(dim) and str(dim) not in self.known:
                name = self.graph.add("Shape", tensor, start=axis, end=axis + 1)
                self.known[str(dim)] = Size(self.graph, name)

    def of(self, dim: Dim) -> Size | int:
        """A size as a number, or as a tensor of the graph."""
        if is_number(dim):
            return int(dim)
        if str(dim) not in self.known:
            size = self._evaluated(ast.parse(str(dim), mode="eval").body)
            if isinstance(size, int):
                return size
            self.known[str(dim)] = size
        return self.known[str(dim)]

    def _evaluated(self, tree: ast.expr) -> Size | int:
        """A symbolic dimension, as JAX writes it: "2*length - 1", "floordiv(length, 2)"."""
        match tree:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return self.known[name]
            case ast.UnaryOp(operand=operand):  # of which there is the minus
                return -self._evaluated(operand)
            case ast.BinOp(left=base, op=ast.BitXor(), right=ast.Constant(value=int(power))):
                return reduce(mul, [self._evaluated(base)] * power)
            case ast.BinOp(left=left, op=operator, right=right):
                apply = OPERATIONS[type(operator)]
                result: Size | int = apply(self._evaluated(left), self._evaluated(right))
                return result
            case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in FUNCTIONS:
                names = [name_of(self.graph, self._evaluated(each)) for each in (left, right)]
                return Size(self.graph, self.graph.add(FUNCTIONS[name], *names))
        raise ConfigError(f"The size {ast.unparse(tree)!r} cannot be computed in ONNX.")

    def scalar(self, dim: Dim) -> str:
        """A size as an int64 scalar."""
        name = name_of(self.graph, self.of(dim))
        return self.graph.add("Squeeze", name, self.graph.integers([0]))

    def vector(self, dims: Sequence[Dim], *, inferred: bool = False) -> str:
        """Sizes as an int64 list; inferred: one that is not known may be -1, as in Reshape."""
        sizes = [self.of(dim) for dim in dims]
        unknown = [i for i, size in enumerate(sizes) if isinstance(size, Size)]
        if inferred and len(unknown) == 1:
            sizes[unknown[0]] = -1
        numbers = [size for size in sizes if isinstance(size, int)]
        if len(numbers) == len(sizes):
            return self.graph.integers(numbers)
        return self.graph.add("Concat", *(name_of(self.graph, size) for size in sizes), axis=0)
