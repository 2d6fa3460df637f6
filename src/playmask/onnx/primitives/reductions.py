"""Primitives that bring an axis down to one number, or go along it."""

import numpy as np

from playmask.onnx.lowering import Equation, Lowering, Table, Value

OPERATORS = {
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_sum": "ReduceSum",
}
"""Primitives that ONNX has one operator for."""


def _reduced(equation: Equation, name: str) -> list[Value]:
    axes, (x, *_) = equation.params["axes"], equation.inputs
    stored = tuple(size for i, size in enumerate(x.stored) if i not in axes)
    return [Value(name, equation.shape, stored)]


def _operator(kind: str) -> Lowering:
    def lower(equation: Equation) -> list[Value]:
        (x,), axes, graph = equation.inputs, equation.params["axes"], equation.graph
        name = equation.whole(x, axes)
        return _reduced(equation, graph.add(kind, name, graph.integers(axes), keepdims=0))

    return lower


def _logical(kind: str) -> Lowering:
    """Any and all, of which ONNX has none: the greatest and the least of 0 and 1."""

    def lower(equation: Equation) -> list[Value]:
        (x,), axes, graph = equation.inputs, equation.params["axes"], equation.graph
        name = graph.add("Cast", equation.whole(x, axes), to=np.dtype("int32"))
        name = graph.add(kind, name, graph.integers(axes), keepdims=0)
        return _reduced(equation, graph.add("Cast", name, to=np.dtype("bool")))

    return lower


def _place(kind: str) -> Lowering:
    def lower(equation: Equation) -> list[Value]:
        (x,), (axis,) = equation.inputs, equation.params["axes"]
        name = equation.graph.add(kind, equation.whole(x, [axis]), axis=int(axis), keepdims=0)
        name = equation.graph.add("Cast", name, to=np.dtype(equation.dtype))
        return _reduced(equation, name)

    return lower


def _cumsum(equation: Equation) -> list[Value]:
    (x,), params = equation.inputs, equation.params
    axis = equation.graph.constant(np.int64(params["axis"]))
    name = equation.whole(x, [params["axis"]])
    name = equation.graph.add("CumSum", name, axis, reverse=int(params["reverse"]))
    return [Value(name, equation.shape, x.stored if name else x.shape)]


def _top_k(equation: Equation) -> list[Value]:
    """The largest, and where they stand; of equal ones the first, as JAX has it."""
    axis, graph = len(equation.inputs[0].shape) - 1, equation.graph
    count = graph.integers([int(equation.params["k"])])
    best, places = graph.add_several("TopK", [*equation.full(), count], 2, axis=axis)
    places = graph.add("Cast", places, to=np.dtype(equation.outputs[1].dtype))
    both = zip((best, places), equation.outputs, strict=True)
    return [Value(name, spec.shape, spec.shape) for name, spec in both]


TABLE: Table = {
    **{name: _operator(kind) for name, kind in OPERATORS.items()},
    "argmax": _place("ArgMax"),
    "argmin": _place("ArgMin"),
    "cumsum": _cumsum,
    "reduce_and": _logical("ReduceMin"),
    "reduce_or": _logical("ReduceMax"),
    "top_k": _top_k,
}
"""The lowering of each primitive of this kind."""
