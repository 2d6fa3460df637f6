"""A jaxpr, equation by equation, as the nodes of a graph."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from playmask.errors import ConfigError
from playmask.onnx.graph import Graph
from playmask.onnx.lowering import Equation, Spec, Value
from playmask.onnx.primitives import PRIMITIVES, elementwise, indexing, seams
from playmask.onnx.sizes import Sizes

INLINED = ("closed_call", "custom_jvp_call", "custom_vjp_call", "jit", "pjit", "remat2")
"""Primitives that call another jaxpr, which is put in their place."""


class PlacedError(ConfigError):
    """What cannot be lowered, with the line of the model that it comes from."""


class Converter:
    """Lowers jaxprs into a graph."""

    def __init__(self, graph: Graph, sizes: Sizes) -> None:
        self.graph, self.sizes = graph, sizes

    def run(self, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Value]) -> list[Value]:
        """Lower all equations, and return the outputs."""
        values: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, constant in zip(jaxpr.constvars, constants, strict=True):
            values[variable] = self._constant(constant, variable.aval)

        def read(atom: Any) -> Value:
            if not isinstance(atom, Literal):
                return values[atom]
            aval: Any = atom.aval
            return self._constant(np.asarray(atom.val, aval.dtype), aval)

        for equation in jaxpr.eqns:
            outputs = self._equation(equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def whole(self, value: Value) -> str:
        """A tensor that has its own shape."""
        return Equation(self.graph, self.sizes, [], {}, []).whole(self._ranked(value))

    def _ranked(self, value: Value) -> Value:
        """A tensor that has all axes of its shape."""
        missing = len(value.shape) - len(value.stored)
        if not missing:
            return value
        axes = self.graph.integers(range(missing))
        name = self.graph.add("Unsqueeze", value.name, axes)
        return value._replace(name=name, stored=(1,) * missing + tuple(value.stored))

    def _constant(self, value: Any, aval: Any) -> Value:
        return Value(self.graph.constant(value), tuple(aval.shape), tuple(aval.shape))

    def _equation(self, source: Any, inputs: list[Value]) -> list[Value]:
        specs = [Spec(tuple(v.aval.shape), v.aval.dtype) for v in source.outvars]
        dtypes = [atom.aval.dtype for atom in source.invars]
        primitive = source.primitive.name
        if primitive not in elementwise.TABLE:
            inputs = [self._ranked(value) for value in inputs]
        equation = Equation(self.graph, self.sizes, inputs, source.params, specs, dtypes)
        try:
            if primitive in INLINED:
                return self._call(equation)
            if primitive not in PRIMITIVES:
                raise ConfigError(
                    f"The primitive {primitive!r} of JAX {jax.__version__} has no lowering to ONNX."
                )
            return PRIMITIVES[primitive](equation)
        except PlacedError:
            raise
        except ConfigError as error:
            place = _place(source)
            if place is None:
                raise
            raise PlacedError(f"{error} It is needed in {place}.") from None

    def _call(self, equation: Equation) -> list[Value]:
        """A function inside: a seam's operator, or its equations in its place."""
        params = equation.params
        inner = params.get("jaxpr") or params.get("call_jaxpr") or params["fun_jaxpr"]
        jaxpr, constants = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
        name = str(params.get("name", ""))
        lowered = seams.lower(name, equation)
        if lowered is None and name in indexing.NAMED:
            lowered = indexing.named(equation, jaxpr)
        return self.run(jaxpr, constants, equation.inputs) if lowered is None else lowered


def _place(source: Any) -> str | None:
    """Which line of the model an equation comes from, where JAX knows one."""
    trace = getattr(source.source_info, "traceback", None)
    for frame in trace.frames if trace is not None else ():
        _, inside, file = frame.file_name.replace("\\", "/").rpartition("/playmask/")
        if inside and not file.startswith(("onnx/", "model/seams", "runtime/")):
            return f"playmask/{file}, line {frame.line_num} ({frame.function_name})"
    return None
