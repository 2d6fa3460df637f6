"""A function of a model as a graph: traced by JAX with symbolic sizes, then lowered."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.model.seams import exporting
from playmask.onnx.graph import Array, Graph, Node
from playmask.onnx.lowering import Value
from playmask.onnx.sizes import Sizes

Function = Callable[[dict[str, Any]], Mapping[str, Any]]
"""inputs, arrays by name -> outputs, arrays by name."""


class TensorInfo(NamedTuple):
    """An input or output: its sizes, numbers or names of sizes, and its dtype.

    below: what the whole numbers of an input stay below, a number or the name of a size
    """

    sizes: tuple[int | str, ...]
    dtype: str
    below: int | str | None = None


class Program(NamedTuple):
    """A whole graph: its nodes and constants, and the tensors that go in and come out."""

    nodes: list[Node]
    constants: dict[str, Array]
    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


def check_backend() -> None:
    """See that Keras runs on JAX, whose programs can be read.

    Raises: ConfigError
    """
    name = keras.backend.backend()
    if name != "jax":
        raise ConfigError(
            f"Models are exported on JAX, and Keras runs on {name}: set KERAS_BACKEND=jax before "
            "Python starts. What is saved on any backend loads on every other."
        )


def traced(
    function: Function,
    inputs: Mapping[str, TensorInfo],
    names: Mapping[int, str] | None = None,
) -> Program:
    """Trace a function with sizes that are not known, and lower what it computes.

    Inputs that nothing is computed of are left out.
    names: of weights, by the identity of their arrays
    Raises: ConfigError where something has no form in ONNX, and where a size must be known
    """
    check_backend()
    from playmask.onnx.converter import Converter  # which imports JAX

    closed, outputs = _jaxpr(function, inputs)

    graph = Graph(names)
    sizes = Sizes(graph)
    values = []
    for name, variable in zip(inputs, closed.jaxpr.invars, strict=True):
        shape = tuple(variable.aval.shape)
        sizes.declare(name, shape)
        values.append(Value(name, shape, shape))
    converter = Converter(graph, sizes)
    results = converter.run(closed.jaxpr, closed.consts, values)
    tensors = {}
    for name, result, aval in zip(outputs, results, closed.out_avals, strict=True):
        whole = converter.whole(result)
        graph.nodes.append(Node("Identity", (whole,), (name,), {}))
        tensors[name] = TensorInfo(tuple(map(_named, aval.shape)), str(np.dtype(aval.dtype)))
    nodes, constants = graph.only(outputs)
    read = {name for node in nodes for name in node.inputs}
    return Program(nodes, constants, {n: x for n, x in inputs.items() if n in read}, tensors)


def _named(size: Any) -> int | str:
    return size if isinstance(size, int) else str(size).replace(" ", "")


def _jaxpr(function: Function, inputs: Mapping[str, TensorInfo]) -> tuple[Any, list[str]]:
    """The jaxpr of a function, and the names of its outputs."""
    import jax
    from jax import export

    shaped: Any = jax.ShapeDtypeStruct  # which has no types
    from playmask.onnx.primitives.seams import mark

    scope, dims = export.SymbolicScope(), dict[str, Any]()

    def dim(size: int | str) -> Any:
        if isinstance(size, int):
            return size
        if size not in dims:
            dims[size] = export.symbolic_shape(size, scope=scope)[0]
        return dims[size]

    specs = [
        shaped(tuple(dim(size) for size in each.sizes), np.dtype(each.dtype))
        for each in inputs.values()
    ]
    outputs: list[str] = []

    def run(*tensors: Any) -> list[Any]:
        results = function(dict(zip(inputs, tensors, strict=True)))
        outputs[:] = results
        return [*results.values()]

    with exporting(mark):
        try:
            closed = jax.make_jaxpr(run)(*specs)
        except jax.errors.InconclusiveDimensionOperation as error:
            raise InputError(f"A size must be known before the model runs: {error}") from None
    return closed, outputs
