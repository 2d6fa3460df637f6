"""Lowering: what an equation of a jaxpr takes, and the table of what lowers each primitive."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from playmask.onnx.graph import Graph
from playmask.onnx.sizes import Shape, Sizes, same


class Value(NamedTuple):
    """A tensor of the graph that stands for one of the jaxpr: it broadcasts to its shape.

    stored: the shape that the tensor itself has, 1 where it is still to be broadcast; only what
    computes each element by itself gets tensors that lack axes in front
    """

    name: str
    shape: Shape
    stored: Shape


class Spec(NamedTuple):
    """Shape and dtype of what an equation returns."""

    shape: Shape
    dtype: Any


class Equation(NamedTuple):
    """One equation: its inputs in the graph, its parameters, and what it returns.

    dtypes: of the inputs
    """

    graph: Graph
    sizes: Sizes
    inputs: Sequence[Value]
    params: Mapping[str, Any]
    outputs: Sequence[Spec]
    dtypes: Sequence[Any] = ()

    @property
    def shape(self) -> Shape:
        """The shape of the first output."""
        return self.outputs[0].shape

    @property
    def dtype(self) -> Any:
        """The dtype of the first output."""
        return self.outputs[0].dtype

    @property
    def names(self) -> list[str]:
        """The inputs' names."""
        return [value.name for value in self.inputs]

    def whole(self, value: Value, axes: Sequence[int] | None = None) -> str:
        """A tensor that has its own shape along some axes, by default along all."""
        axes = range(len(value.shape)) if axes is None else axes
        if all(same(value.stored[axis], value.shape[axis]) for axis in axes):
            return value.name
        sizes = [size if i in axes else 1 for i, size in enumerate(value.shape)]
        return self.graph.add("Expand", value.name, self.sizes.vector(sizes))

    def full(self) -> list[str]:
        """The inputs' names, each of its own shape."""
        return [self.whole(value) for value in self.inputs]

    def value(self, name: str) -> list[Value]:
        """The first output, of its whole shape."""
        return [Value(name, self.shape, self.shape)]


Lowering = Callable[[Equation], list[Value]]
Table = dict[str, Lowering]
