"""Rows of a table, elements by their places, and pieces that begin where numbers say."""

from typing import Any

from playmask.errors import ConfigError
from playmask.onnx.lowering import Equation, Table, Value
from playmask.onnx.primitives.shapes import int64
from playmask.onnx.sizes import same


def gather(equation: Equation) -> list[Value]:
    """One operator for each form that JAX' indexing has: take, take_along_axis, a slice."""
    _, indices = equation.inputs
    dims = equation.params["dimension_numbers"]
    axes = tuple(dims.start_index_map)
    rank = len(indices.shape) - 1  # of the indices without the axis of their numbers
    one = len(axes) == 1 and tuple(dims.collapsed_slice_dims) == axes
    if one and dims.operand_batching_dims:
        return _along(equation, dims, axes[0], rank)
    if one and not dims.operand_batching_dims:
        return _take(equation, dims, axes[0], rank)
    if not rank and not dims.operand_batching_dims:
        return _piece(equation, dims, axes)
    raise ConfigError(f"ONNX has no operator for a gather of the form {dims}.")


def _numbers(equation: Equation, rank: int, *, wide: bool = False) -> str:
    """The indices without the axis of their numbers, which has one."""
    _, indices = equation.inputs
    axis = equation.graph.integers([rank])
    name = equation.graph.add("Squeeze", equation.whole(indices, range(rank)), axis)
    return int64(equation, name) if wide else name


def _take(equation: Equation, dims: Any, axis: int, rank: int) -> list[Value]:
    """Rows along one axis; ONNX puts the indices' axes where the axis was."""
    x = equation.inputs[0]
    axes = [axis] if _is_whole(equation, axis) else range(len(x.shape))
    name = equation.graph.add(
        "Gather", equation.whole(x, axes), _numbers(equation, rank), axis=axis
    )
    others = iter(
        x.stored[i] if axes == [axis] else x.shape[i] for i in range(len(x.shape)) if i != axis
    )
    places = [i for i in range(len(equation.shape)) if i not in dims.offset_dims]
    if places != list(range(axis, axis + rank)):
        raise ConfigError(f"ONNX has no operator for a gather of the form {dims}.")
    stored = tuple(
        equation.shape[i] if i in places else next(others) for i in range(len(equation.shape))
    )
    return [Value(name, equation.shape, stored)]


def _is_whole(equation: Equation, axis: int) -> bool:
    """Whether a gather takes all that there is along all other axes."""
    x, sizes = equation.inputs[0], equation.params["slice_sizes"]
    if all(same(size, x.shape[i]) for i, size in enumerate(sizes) if i != axis):
        return True
    raise ConfigError("ONNX has no operator for a gather of parts of rows.")


def _along(equation: Equation, dims: Any, axis: int, rank: int) -> list[Value]:
    """Elements by places of their own in each row, or vectors of it."""
    x, graph = equation.inputs[0], equation.graph
    batch = tuple(dims.operand_batching_dims)
    if len(batch) == len(x.shape) - 1 and tuple(dims.start_indices_batching_dims) == batch:
        name = graph.add("GatherElements", equation.whole(x), _numbers(equation, rank), axis=axis)
        return equation.value(name)
    count = len(batch)
    leading = tuple(range(count))
    if not batch == tuple(dims.start_indices_batching_dims) == leading:
        raise ConfigError(f"ONNX has no operator for a gather of the form {dims}.")
    others = [i for i in range(count, len(x.shape)) if i != axis]
    name, order = equation.whole(x), [*leading, axis, *others]
    if order != [*range(len(order))]:  # GatherND has the axis right behind the batch's
        name = graph.add("Transpose", name, perm=order)
    indices = int64(equation, equation.whole(equation.inputs[1]))
    name = graph.add("GatherND", name, indices, batch_dims=count)
    places = iter(range(rank, rank + len(others)))
    first = iter(range(rank))
    order = [
        next(places) if i in dims.offset_dims else next(first) for i in range(len(equation.shape))
    ]
    if order != [*range(len(order))]:
        name = graph.add("Transpose", name, perm=order)
    return equation.value(name)


def _piece(equation: Equation, dims: Any, axes: tuple[int, ...]) -> list[Value]:
    """A piece that begins where the indices say; axes of one element may go."""
    x, graph, sizes = equation.inputs[0], equation.graph, equation.params["slice_sizes"]
    start = int64(equation, equation.inputs[1].name)
    end = graph.add("Add", start, equation.sizes.vector([sizes[axis] for axis in axes]))
    name = graph.add("Slice", equation.whole(x), start, end, graph.integers(axes))
    gone = tuple(dims.collapsed_slice_dims)
    if gone:
        name = graph.add("Squeeze", name, graph.integers(gone))
    return equation.value(name)


def named(equation: Equation, inner: Any) -> list[Value] | None:
    """JAX' own seams take and take_along_axis: the gather inside, which ends them.

    ONNX counts indices below 0 from the end, as JAX does by further operations before it.
    """
    last = inner.eqns[-1]
    if last.primitive.name != "gather" or len(equation.inputs) != 2:
        return None
    x, indices = equation.inputs
    if str(last.invars[0].aval.shape) != str(x.shape):
        return None
    rank = len(last.invars[1].aval.shape) - 1
    graph = equation.graph
    dims = last.params["dimension_numbers"]
    known = {*dims.operand_batching_dims, *dims.start_index_map}
    extra = [i for i in range(len(indices.shape)) if i not in known]
    extra = extra if len(indices.shape) > rank else []
    name, stored = indices.name, indices.stored
    if extra:
        name = graph.add("Squeeze", name, graph.integers(extra))
        stored = tuple(size for i, size in enumerate(stored) if i not in extra)
    name = graph.add("Unsqueeze", name, graph.integers([rank]))
    shape = tuple(last.invars[1].aval.shape)
    column = Value(name, shape, (*stored, 1))
    return gather(equation._replace(inputs=[x, column], params=last.params))


NAMED = ("_take", "take_along_axis")
"""What JAX calls them in a jaxpr."""

TABLE: Table = {"gather": gather}
"""The lowering of each primitive of this kind."""
