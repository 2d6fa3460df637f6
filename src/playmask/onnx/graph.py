"""An ONNX graph while it is made: nodes as values, constants as arrays, nothing twice."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MODEL, WEIGHTS = "model.onnx", "model.onnx.data"
"""The files of a graph, and of its weights where they are large."""

EXPORT, ENCODER = "export.json", "encoder.onnx"
"""What describes an export's graphs; the first graph of an encoder-decoder that writes."""

DECODING = "decoding"
"""The key of export.json that says what a decoding has to know of the model."""

BATCH, PAST, CACHE, MEMORY = "batch", "past", "cache", "memory"
"""The size that all inputs have; what the names begin with of a cache that goes in, of one that
comes out, and of what an encoder returns."""

SMALL = 4096
"""Elements up to which equal constants are one, and what is computed of constants is one."""


class Node(NamedTuple):
    """An operator with the names of what it takes and returns.

    attributes: a dtype stands for the number that ONNX has for it
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Graph:
    """Nodes in the order they run, and the constants they take; all by name.

    names: of constants by the identity of their arrays, as weights have them
    """

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self._names = names or {}
        self._of_constants: dict[Any, str] = {}
        self._of_nodes: dict[Any, tuple[str, ...]] = {}
        self._makers: dict[str, Node] = {}
        self._arrays: list[Any] = []  # keeps identities from being used again

    def constant(self, value: Any) -> str:
        """The name of a constant; equal ones have one."""
        array = np.asarray(value, order="C")
        key: Any = id(value)
        if array.size <= SMALL and id(value) not in self._names:
            key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._of_constants:
            name = self._names.get(id(value), f"constant_{len(self.constants)}")
            self._of_constants[key] = name
            self.constants[name] = array
            self._arrays.append(value)
        return self._of_constants[key]

    def integers(self, values: Iterable[int]) -> str:
        """A constant list of int64, as operators take axes and shapes."""
        return self.constant(np.array([*values], "int64"))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator of one output, and return its name."""
        folded = self._folded(kind, inputs, attributes)
        return self.add_several(kind, inputs, 1, **attributes)[0] if folded is None else folded

    def add_several(
        self, kind: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operator of several outputs; the same of the same inputs is added once."""
        inputs = tuple(inputs)
        key = kind, inputs, count, tuple(sorted((k, str(v)) for k, v in attributes.items()))
        if key not in self._of_nodes:
            stem = f"{kind.lower()}_{len(self.nodes)}"
            outputs = (stem,) if count == 1 else tuple(f"{stem}_{i}" for i in range(count))
            node = Node(kind, inputs, outputs, attributes)
            self.nodes.append(node)
            self._makers.update(dict.fromkeys(outputs, node))
            self._of_nodes[key] = outputs
        return self._of_nodes[key]

    def maker(self, name: str) -> Node | None:
        """The node that makes a value; None for inputs and constants."""
        return self._makers.get(name)

    def _folded(
        self, kind: str, inputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> str | None:
        """The name of what needs no operator: it is a constant, or there already."""
        maker = self._makers.get(inputs[0]) if inputs else None
        undone = kind == "Squeeze" and maker is not None and maker.kind == "Unsqueeze"
        if undone and maker is not None and maker.inputs[1] == inputs[1]:
            return maker.inputs[0]
        if kind not in FOLDED or not all(name in self.constants for name in inputs):
            return None
        arrays = [self.constants[name] for name in inputs]
        if any(array.size > SMALL for array in arrays):
            return None
        value = FOLDED[kind](*arrays, **attributes)
        return self.constant(value) if value.size <= SMALL else None

    def only(self, outputs: Iterable[str]) -> tuple[list[Node], dict[str, Array]]:
        """The nodes and constants that some outputs depend on."""
        return needed(self.nodes, self.constants, outputs)


def needed(
    nodes: Sequence[Node], constants: Mapping[str, Array], outputs: Iterable[str]
) -> tuple[list[Node], dict[str, Array]]:
    """The nodes and constants that some outputs depend on."""
    names, needed_nodes = {*outputs}, list[Node]()
    for node in reversed(nodes):
        if names.intersection(node.outputs):
            needed_nodes.append(node)
            names.update(node.inputs)
    return needed_nodes[::-1], {n: a for n, a in constants.items() if n in names}


def _axes(axes: Array) -> tuple[int, ...]:
    return tuple(int(axis) for axis in axes)


FOLDED: dict[str, Any] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Less": np.less,
    "Cast": lambda x, to: x.astype(to),
    "Where": np.where,
    "Squeeze": lambda x, axes: np.squeeze(x, _axes(axes)),
    "Unsqueeze": lambda x, axes: np.expand_dims(x, _axes(axes)),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Range": np.arange,
}
"""What is computed at once where all that goes in is constant."""
