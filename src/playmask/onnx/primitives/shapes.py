"""Primitives that change the shape of a tensor, or take a piece of it."""

import numpy as np

from playmask.errors import ConfigError
from playmask.onnx.lowering import Equation, Table, Value
from playmask.onnx.sizes import Dim, is_number, same


def _broadcast(equation: Equation) -> list[Value]:
    """New axes; along those that are there already, the tensor stays as it is."""
    (x,), shape = equation.inputs, equation.shape
    places = equation.params["broadcast_dimensions"]
    stored: list[Dim] = [1] * len(shape)
    for place, size in zip(places, x.stored, strict=True):
        stored[place] = size
    new = [axis for axis in range(len(shape)) if axis not in places]
    if new == [*range(len(new))]:  # in front, where operators need no axes to broadcast
        return [Value(x.name, shape, x.stored)]
    name = x.name
    if new:
        name = equation.graph.add("Unsqueeze", x.name, equation.graph.integers(new))
    return [Value(name, shape, tuple(stored))]


def _reshape(equation: Equation) -> list[Value]:
    """Axes of size 1 that come or go are no work; the rest is a Reshape of the whole tensor."""
    x, graph = equation.inputs[0], equation.graph
    shape = equation.shape
    old = [size for size in x.shape if str(size) != "1"]
    new = [size for size in shape if str(size) != "1"]
    if len(old) == len(new) and all(map(same, old, new)):
        return [_without_ones(equation, x)]
    copied = [
        0 if i < len(x.shape) and not is_number(size) and same(size, x.shape[i]) else size
        for i, size in enumerate(shape)
    ]  # 0 is the size that is there
    sizes = equation.sizes.vector(copied, inferred=True)
    return equation.value(graph.add("Reshape", equation.whole(x), sizes))


def _without_ones(equation: Equation, x: Value) -> Value:
    """Take away axes of size 1, and put others in their place."""
    graph, shape = equation.graph, equation.shape
    ones = [i for i, size in enumerate(x.shape) if str(size) == "1"]
    others = [i for i, size in enumerate(shape) if str(size) == "1"]
    name, rest = x.name, iter([s for i, s in enumerate(x.stored) if i not in ones])
    if ones == others and len(x.shape) == len(shape):
        return Value(name, shape, x.stored)
    if ones:
        name = graph.add("Squeeze", name, graph.integers(ones))
    if others:
        name = graph.add("Unsqueeze", name, graph.integers(others))
    return Value(name, shape, tuple(1 if i in others else next(rest) for i in range(len(shape))))


def _transpose(equation: Equation) -> list[Value]:
    (x,), order = equation.inputs, [int(axis) for axis in equation.params["permutation"]]
    name = equation.graph.add("Transpose", x.name, perm=order)
    return [Value(name, equation.shape, tuple(x.stored[axis] for axis in order))]


def _squeeze(equation: Equation) -> list[Value]:
    (x,), axes = equation.inputs, equation.params["dimensions"]
    name = equation.graph.add("Squeeze", x.name, equation.graph.integers(axes))
    stored = tuple(size for i, size in enumerate(x.stored) if i not in axes)
    return [Value(name, equation.shape, stored)]


def _expand_dims(equation: Equation) -> list[Value]:
    (x,), axes = equation.inputs, equation.params["dimensions"]
    name = equation.graph.add("Unsqueeze", x.name, equation.graph.integers(axes))
    rest = iter(x.stored)
    stored = tuple(1 if i in axes else next(rest) for i in range(len(equation.shape)))
    return [Value(name, equation.shape, stored)]


def _concatenate(equation: Equation) -> list[Value]:
    axis = int(equation.params["dimension"])
    return equation.value(equation.graph.add("Concat", *equation.full(), axis=axis))


def _stack(equation: Equation) -> list[Value]:
    axis, graph = int(equation.params["axis"]), equation.graph
    parts = [graph.add("Unsqueeze", x, graph.integers([axis])) for x in equation.full()]
    return equation.value(graph.add("Concat", *parts, axis=axis))


def _slice(equation: Equation) -> list[Value]:
    (x,), params, graph = equation.inputs, equation.params, equation.graph
    starts, limits = params["start_indices"], params["limit_indices"]
    strides = params["strides"] or [1] * len(starts)
    axes = [
        i
        for i, (start, limit, stride) in enumerate(zip(starts, limits, strides, strict=True))
        if not (same(start, 0) and same(limit, x.shape[i]) and same(stride, 1))
    ]
    bounds = (equation.sizes.vector([each[i] for i in axes]) for each in (starts, limits))
    steps = graph.integers(int(strides[i]) for i in axes)
    name = equation.whole(x, axes)
    name = graph.add("Slice", name, *bounds, graph.integers(axes), steps) if axes else name
    stored = tuple(equation.shape[i] if i in axes else size for i, size in enumerate(x.stored))
    return [Value(name, equation.shape, stored)]


def _dynamic_slice(equation: Equation) -> list[Value]:
    """A piece that begins where tensors say, and lies within."""
    x, *starts = equation.inputs
    graph, sizes = equation.graph, equation.params["slice_sizes"]
    axes = [i for i, size in enumerate(sizes) if not same(size, x.shape[i])]
    if not axes:
        return [x]
    first = [
        graph.add("Unsqueeze", int64(equation, starts[i].name), graph.integers([0])) for i in axes
    ]
    start = graph.add("Concat", *first, axis=0)
    end = graph.add("Add", start, equation.sizes.vector([sizes[i] for i in axes]))
    name = graph.add("Slice", equation.whole(x), start, end, graph.integers(axes))
    return equation.value(name)


def int64(equation: Equation, name: str) -> str:
    """A tensor as int64, as places and sizes are."""
    return equation.graph.add("Cast", name, to=np.dtype("int64"))


def _pad(equation: Equation) -> list[Value]:
    """Put a value before and behind; nothing is put between or taken away."""
    x, value = equation.inputs
    before, behind, between = zip(*equation.params["padding_config"], strict=True)
    if any(between) or any(is_number(n) and n < 0 for n in (*before, *behind)):
        raise ConfigError("ONNX has no padding that takes away or stands between.")
    sizes = equation.sizes.vector([*before, *behind])
    return equation.value(equation.graph.add("Pad", equation.whole(x), sizes, value.name))


def _split(equation: Equation) -> list[Value]:
    (x,), axis = equation.inputs, int(equation.params["axis"])
    count = len(equation.outputs)
    sizes = equation.sizes.vector(equation.params["sizes"])
    names = equation.graph.add_several(
        "Split", [equation.whole(x, [axis]), sizes], count, axis=axis
    )
    return [
        Value(name, spec.shape, _with_axis(x, axis, spec.shape[axis]))
        for name, spec in zip(names, equation.outputs, strict=True)
    ]


def _with_axis(x: Value, axis: int, size: Dim) -> tuple[Dim, ...]:
    return tuple(size if i == axis else stored for i, stored in enumerate(x.stored))


def _reverse(equation: Equation) -> list[Value]:
    (x,), axes, graph = equation.inputs, equation.params["dimensions"], equation.graph
    first, last, back = (graph.integers([n] * len(axes)) for n in (-1, -(2**62), -1))
    name = graph.add("Slice", equation.whole(x), first, last, graph.integers(axes), back)
    return equation.value(name)


def _iota(equation: Equation) -> list[Value]:
    axis, graph, shape = int(equation.params["dimension"]), equation.graph, equation.shape
    zero, one = (graph.constant(np.int64(n)) for n in (0, 1))
    name = graph.add("Range", zero, equation.sizes.scalar(shape[axis]), one)
    name = graph.add("Cast", name, to=np.dtype(equation.dtype))
    others = [i for i in range(len(shape)) if i != axis]
    if others:
        name = graph.add("Unsqueeze", name, graph.integers(others))
    return [Value(name, shape, tuple(shape[axis] if i == axis else 1 for i in range(len(shape))))]


def _size(equation: Equation) -> list[Value]:
    name = equation.sizes.scalar(equation.params["dim"])
    return equation.value(equation.graph.add("Cast", name, to=np.dtype(equation.dtype)))


TABLE: Table = {
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "dim_as_value": _size,
    "dynamic_slice": _dynamic_slice,
    "expand_dims": _expand_dims,
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "rev": _reverse,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "transpose": _transpose,
}
"""The lowering of each primitive of this kind."""
