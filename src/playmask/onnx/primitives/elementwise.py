"""Primitives that compute each element by itself: nothing is broadcast before it has to be."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from playmask.onnx.lowering import Equation, Lowering, Table, Value
from playmask.onnx.sizes import Shape

OPERATORS = {
    "abs": "Abs",
    "add": "Add",
    "add_any": "Add",
    "and": "And",
    "ceil": "Ceil",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "is_finite": "IsFinite",
    "le": "LessOrEqual",
    "log": "Log",
    "logistic": "Sigmoid",
    "lt": "Less",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tan": "Tan",
    "tanh": "Tanh",
    "xor": "Xor",
}
"""Primitives that ONNX has one operator for."""


def stored(values: Sequence[Value]) -> Shape:
    """The shape of what is computed of tensors as they are stored."""
    rank = max(len(value.stored) for value in values)
    sizes: list[Any] = [1] * rank
    for value in values:
        shape = (1,) * (rank - len(value.stored)) + tuple(value.stored)
        sizes = [new if str(new) != "1" else old for old, new in zip(sizes, shape, strict=True)]
    return tuple(sizes)


def of(equation: Equation, name: str) -> list[Value]:
    """An output that is as far broadcast as its inputs together are."""
    return [Value(name, equation.shape, stored(equation.inputs))]


def _operator(kind: str) -> Lowering:
    return lambda equation: of(equation, equation.graph.add(kind, *equation.names))


def _constant(equation: Equation, number: float) -> str:
    return equation.graph.constant(np.array(number, equation.dtype))


def _max(equation: Equation) -> list[Value]:
    """The greater one; of what is -inf, the other, so that nothing is computed."""
    for value, other in (equation.inputs, equation.inputs[::-1]):
        lowest = equation.graph.constants.get(value.name)
        if lowest is not None and lowest.ndim == 0 and lowest == -np.inf:
            return [other]
    return of(equation, equation.graph.add("Max", *equation.names))


def _rsqrt(equation: Equation) -> list[Value]:
    root = equation.graph.add("Sqrt", *equation.names)
    return of(equation, equation.graph.add("Reciprocal", root))


def _power(equation: Equation) -> list[Value]:
    power, (x,) = int(equation.params["y"]), equation.names
    if power < 0:
        exponent = _constant(equation, float(power))
        return of(equation, equation.graph.add("Pow", x, exponent))
    name = x
    for _ in range(power - 1):
        name = equation.graph.add("Mul", name, x)
    return of(equation, name)


def _square(equation: Equation) -> list[Value]:
    return of(equation, equation.graph.add("Mul", *equation.names * 2))


def _log1p(equation: Equation) -> list[Value]:
    more = equation.graph.add("Add", *equation.names, _constant(equation, 1.0))
    return of(equation, equation.graph.add("Log", more))


def _expm1(equation: Equation) -> list[Value]:
    grown = equation.graph.add("Exp", *equation.names)
    return of(equation, equation.graph.add("Sub", grown, _constant(equation, 1.0)))


def _not_equal(equation: Equation) -> list[Value]:
    equal = equation.graph.add("Equal", *equation.names)
    return of(equation, equation.graph.add("Not", equal))


def _select(equation: Equation) -> list[Value]:
    which, no, yes = equation.names
    return of(equation, equation.graph.add("Where", which, yes, no))


def _cast(equation: Equation) -> list[Value]:
    to = np.dtype(equation.params["new_dtype"])
    if equation.dtypes[0] == to:
        return [equation.inputs[0]]
    return of(equation, equation.graph.add("Cast", *equation.names, to=to))


def _remainder(equation: Equation) -> list[Value]:
    """With the sign of the dividend, as C has it."""
    return of(equation, equation.graph.add("Mod", *equation.names, fmod=1))


def _round(equation: Equation) -> list[Value]:
    """To whole numbers: halves to even ones, or away from 0."""
    graph, (x,) = equation.graph, equation.names
    if int(equation.params["rounding_method"]) == 1:
        return of(equation, graph.add("Round", x))
    up = graph.add("Add", graph.add("Abs", x), _constant(equation, 0.5))
    return of(equation, graph.add("Mul", graph.add("Sign", x), graph.add("Floor", up)))


def _same(equation: Equation) -> list[Value]:
    return [equation.inputs[0]]


def _clamp(equation: Equation) -> list[Value]:
    low, x, high = equation.names
    return of(equation, equation.graph.add("Min", equation.graph.add("Max", x, low), high))


TABLE: Table = {
    **{name: _operator(kind) for name, kind in OPERATORS.items()},
    "clamp": _clamp,
    "convert_element_type": _cast,
    "copy": _same,
    "copy_p": _same,
    "expm1": _expm1,
    "integer_pow": _power,
    "log1p": _log1p,
    "max": _max,
    "ne": _not_equal,
    "pow": _operator("Pow"),
    "rem": _remainder,
    "round": _round,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "square": _square,
    "stop_gradient": _same,
}
"""The lowering of each primitive of this kind."""
