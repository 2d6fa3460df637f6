"""Seams of the model as one operator each; see `playmask/model/seams.py`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import jax

from playmask.onnx.lowering import Equation, Value
from playmask.onnx.primitives.elementwise import of

MARK = "playmask seam: "


def mark(
    function: Callable[..., Any], tensors: tuple[Any, ...], attributes: Mapping[str, Any]
) -> Any:
    """Call a seam's function so that the jaxpr has it under its name, with its attributes."""

    def named(*tensors: Any) -> Any:
        return function(*tensors, **attributes)

    named.__name__ = f"{MARK}{function.__name__} {json.dumps(attributes)}"
    return jax.jit(named)(*tensors)


def lower(name: str, equation: Equation) -> list[Value] | None:
    """The operator of a seam, by its name in a jaxpr; None where it is not one of them."""
    if not name.startswith(MARK):
        return None
    function, _, attributes = name.removeprefix(MARK).partition(" ")
    return OPERATORS[function](equation, json.loads(attributes))


def _gelu(equation: Equation, attributes: Mapping[str, Any]) -> list[Value]:
    return of(equation, equation.graph.add("Gelu", *equation.names))


def _gelu_tanh(equation: Equation, attributes: Mapping[str, Any]) -> list[Value]:
    return of(equation, equation.graph.add("Gelu", *equation.names, approximate="tanh"))


def _exponentials(equation: Equation, attributes: Mapping[str, Any]) -> list[Value]:
    (x,) = equation.inputs
    name = equation.graph.add("Softmax", equation.whole(x, [len(x.shape) - 1]), axis=-1)
    return [Value(name, equation.shape, x.stored)]


def _layer_norm(equation: Equation, attributes: Mapping[str, Any]) -> list[Value]:
    epsilon = float(attributes["epsilon"])
    x, *weights = equation.full()
    return equation.value(
        equation.graph.add("LayerNormalization", x, *weights, axis=-1, epsilon=epsilon)
    )


OPERATORS: dict[str, Callable[[Equation, Mapping[str, Any]], list[Value]]] = {
    "exponentials": _exponentials,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "layer_norm": _layer_norm,
}
"""The operator of each seam."""
