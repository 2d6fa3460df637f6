"""A program with its weights in 8 bits: integers from -127 to 127, and a scale for each channel.

A channel of a matrix is what one output is summed of, a channel of a table of embeddings a row, so
that one large row spoils no other. What a matrix is multiplied with becomes integers when the graph
runs (dynamic), or by a range that was measured before (static). ONNX Runtime fuses what is written
here into one operator a product; `onnxruntime.quantization`, which the tests compare with, takes a
whole table by one scale and a vocabulary head not at all.

Where a matrix has more rows than columns, as the outer one of a feed-forward layer, each token has
a scale of its own unless ranges were measured: one token's activations may be 30 times as large as
most tokens'. The other matrices would gain next to nothing, and each token's scale takes its time.
"""

from collections.abc import Container, Mapping
from typing import NamedTuple

import numpy as np

from playmask.onnx.graph import Array, Node, needed
from playmask.onnx.tracing import Program

LEAST = 32
"""The smaller side of a weight from which on 8 bits gain something: heads of few labels stay."""

LARGEST = 127
"""The largest integer of a weight; -128 has no opposite."""

STEPS = 255
"""How many steps the range of what goes into a product has: it becomes unsigned integers."""

OF_TOKENS: Mapping[str, Array] = {
    "token/scale": np.asarray(np.float32(1 / LARGEST)),
    "token/zero": np.asarray(np.uint8(LARGEST + 1)),
    "token/axis": np.asarray([-1], "int64"),
    "token/least": np.asarray(np.finfo("float32").tiny),
}
"""Constants of the grid that parts of a token's largest value, from -1 to 1, are rounded to."""

Ranges = Mapping[str, tuple[float, float]]
"""The least and the largest value of what goes into products, by name."""


class Place(NamedTuple):
    """A node that reads a weight, which can be in 8 bits there.

    axis: along which a channel of the weight lies, which has one scale; transposed: whether the
    product takes it the other way round, as a vocabulary head takes the table of tokens
    """

    node: Node
    weight: str
    axis: int
    transposed: bool = False

    @property
    def is_product(self) -> bool:
        """Whether the weight is a factor, else its rows are looked up."""
        return self.node.kind == "MatMul"

    @property
    def output(self) -> str:
        """The name of what the node returns."""
        return self.node.outputs[0]

    @property
    def stored(self) -> str:
        """The name of the weight's integers; its scales have one that begins so."""
        return f"{self.weight}/int8" if self.axis == 1 else f"{self.weight}/int8/columns"


def places(program: Program) -> list[Place]:
    """Where a program reads weights that can be in 8 bits, in the order in which it runs."""
    turned = {
        node.outputs[0]: node.inputs[0] for node in program.nodes
        if node.kind == "Transpose" and list(node.attributes["perm"]) == [1, 0]
    }  # fmt: skip

    def place(node: Node) -> Place | None:
        if node.kind == "MatMul":
            name = turned.get(node.inputs[1], node.inputs[1])
            transposed = name != node.inputs[1]
            return Place(node, name, 1 if transposed else 0, transposed)
        if node.kind == "Gather" and node.attributes.get("axis", 0) == 0:
            return Place(node, node.inputs[0], 1)
        return None

    return [each for each in map(place, program.nodes) if each and _worth(program, each.weight)]


def _worth(program: Program, name: str) -> bool:
    array = program.constants.get(name)
    return (
        array is not None
        and array.dtype == np.float32
        and array.ndim == 2
        and min(array.shape) >= LEAST
    )


def weights_in(program: Program) -> list[str]:
    """The names of the weights that can be in 8 bits, each once."""
    return [*dict.fromkeys(place.weight for place in places(program))]


def integers_of(weight: Array, axis: int) -> tuple[Array, Array]:
    """A weight's integers, and the scale of each channel along an axis, which is kept as 1.

    Source: symmetric and per channel, as `onnxruntime.quantization` has it
    """
    scales = np.abs(weight).max(axis=axis, keepdims=True) / np.float32(LARGEST)
    scales = np.where(scales == 0, np.float32(1), scales).astype("float32")
    return np.rint(weight / scales).astype("int8"), scales


def in_int8(
    program: Program, float32: Container[str] = (), ranges: Ranges | None = None
) -> Program:
    """The program with its weights in 8 bits.

    float32: names of weights that stay as they are; ranges: of what goes into products; None: they
    are measured in each call, over its whole batch or for each token
    """
    changed = {each.output: each for each in places(program) if each.weight not in float32}
    constants, nodes = dict(program.constants), dict[str, Node]()
    for node in program.nodes:
        place = changed.get(node.outputs[0])
        for each in [node] if place is None else replacement(place, constants, ranges):
            nodes.setdefault(each.outputs[0], each)  # what several products take is made once
    left = needed([*nodes.values()], constants, program.outputs)
    return program._replace(nodes=left[0], constants=left[1])


def replacement(
    place: Place, constants: dict[str, Array], ranges: Ranges | None = None
) -> list[Node]:
    """What computes a node's output in 8 bits; the constants of it are added to those there are."""
    if place.stored not in constants:
        integers, scales = integers_of(constants[place.weight], place.axis)
        constants[place.stored] = integers
        constants[f"{place.stored}/scales"] = scales
        constants[f"{place.stored}/scale"] = scales.ravel()
    if not place.is_product:
        return _rows(place)
    x, matrix = place.node.inputs[0], place.stored
    turned = [Node("Transpose", (matrix,), (f"{matrix}/transposed",), {"perm": [1, 0]})]
    matrix = turned[0].outputs[0] if place.transposed else matrix
    factors = Factors(x, matrix, f"{place.stored}/scale", place.output)
    rows, columns = constants[place.stored].shape[:: -1 if place.transposed else 1]
    if ranges is not None:
        constants |= _grid(x, *ranges[x])
        product = _on_grid(factors, Grid(f"{x}/scale", f"{x}/zero"))
    elif rows > columns:
        constants |= OF_TOKENS
        product = _by_token(factors)
    else:
        product = _by_batch(factors)
    return [*(turned if place.transposed else ()), *product]


def _rows(place: Place) -> list[Node]:
    """Rows of a table, each with its scale."""
    ids, output = place.node.inputs[1], place.output
    return [
        Node("Gather", (place.stored, ids), (f"{output}/int8",), {}),
        Node("Cast", (f"{output}/int8",), (f"{output}/whole",), {"to": np.dtype("float32")}),
        Node("Gather", (f"{place.stored}/scales", ids), (f"{output}/scale",), {}),
        Node("Mul", (f"{output}/whole", f"{output}/scale"), (output,), {}),
    ]


class Factors(NamedTuple):
    """The names of a product's factors, of the scales of the matrix' columns, and of its output."""

    x: str
    matrix: str
    scale: str
    output: str


class Grid(NamedTuple):
    """The names of the scale of integers, and of the integer of 0."""

    scale: str
    zero: str


def _by_batch(factors: Factors) -> list[Node]:
    """A product whose first factor becomes integers by its own range."""
    x, matrix, scale, output = factors
    whole = f"{x}/uint8", f"{x}/scale", f"{x}/zero"
    float32 = {"to": np.dtype("float32")}
    return [
        Node("DynamicQuantizeLinear", (x,), whole, {}),
        Node("MatMulInteger", (whole[0], matrix, whole[2]), (f"{output}/int32",), {}),
        Node("Cast", (f"{output}/int32",), (f"{output}/whole",), float32),
        Node("Mul", (whole[1], scale), (f"{output}/scale",), {}),
        Node("Mul", (f"{output}/whole", f"{output}/scale"), (output,), {}),
    ]


def _by_token(factors: Factors) -> list[Node]:
    """A product whose first factor becomes integers by the largest absolute value of each token.

    Source: Yao et al. 2022 (ZeroQuant), its token-wise quantization
    """
    x, output = factors.x, factors.output
    largest, parts, product = f"{x}/largest", f"{x}/parts", f"{output}/parts"
    return [
        Node("Abs", (x,), (f"{x}/absolute",), {}),
        Node("ReduceMax", (f"{x}/absolute", "token/axis"), (f"{x}/most",), {"keepdims": 1}),
        Node("Max", (f"{x}/most", "token/least"), (largest,), {}),  # a token may be all 0
        Node("Div", (x, largest), (parts,), {}),
        *_on_grid(factors._replace(x=parts, output=product), Grid("token/scale", "token/zero")),
        Node("Mul", (product, largest), (output,), {}),
    ]


def _on_grid(factors: Factors, grid: Grid) -> list[Node]:
    """A product whose first factor becomes integers of a grid that is known."""
    x, matrix, scale, output = factors
    return [
        Node("QuantizeLinear", (x, *grid), (f"{x}/uint8",), {}),
        Node("DequantizeLinear", (f"{x}/uint8", *grid), (f"{x}/on grid",), {}),
        Node("DequantizeLinear", (matrix, scale), (f"{matrix}/float32",), {"axis": 1}),
        Node("MatMul", (f"{x}/on grid", f"{matrix}/float32"), (output,), {}),
    ]


def _grid(x: str, least: float, largest: float) -> dict[str, Array]:
    """The scale and the integer of 0 of a range, which 0 belongs to."""
    least, largest = min(least, 0.0), max(largest, 0.0)
    scale = np.float32((largest - least) / STEPS or 1.0)
    zero = np.uint8(np.clip(np.rint(-least / scale), 0, STEPS))
    return {f"{x}/scale": np.asarray(scale), f"{x}/zero": np.asarray(zero)}
