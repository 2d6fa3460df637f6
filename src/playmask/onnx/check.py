"""Whether a graph computes what the model does, at sizes that it was not traced for."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from playmask.errors import CheckpointError
from playmask.onnx.graph import Array
from playmask.onnx.signature import BATCH, PAST
from playmask.onnx.tracing import Function, TensorInfo
from playmask.runtime.graph_runs import onnx_session

MOST = 2e-5
"""The largest difference, in parts of the largest value of an output."""

HIDDEN = 1e8
"""Numbers that stand for what may not be chosen are no measure of the others."""

CASES = (
    {"batch": 1, "length": 1, "targets": 1, "past": 0},
    {"batch": 3, "length": 19, "targets": 11},
)
"""Sizes to compare at; those of other names are drawn."""


class Lengths(NamedTuple):
    """How many tokens a text has, at least and at most; None = any number."""

    least: int = 1
    most: int | None = None

    def within(self, length: int) -> int:
        """A length, or the nearest that there may be."""
        return max(min(length, self.most or length), self.least)

    def fit(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Sizes by name, those of texts no longer or shorter than there may be."""
        fixed = (BATCH, PAST)
        return {n: size if n in fixed else self.within(size) for n, size in sizes.items()}


def compare(
    file: Path,
    function: Function,
    inputs: Mapping[str, TensorInfo],
    lengths: Lengths,
    most: float | None = None,
) -> float:
    """Run a graph and the function it was made of on random inputs.

    inputs: of the function, of which the graph has those that it needs; lengths: of texts; most:
    the difference that is allowed; None: MOST
    Returns: the largest difference, in parts of the largest value of an output
    Raises: CheckpointError where it is more than what is allowed
    """
    running, random, worst = onnx_session(file), np.random.default_rng(0), 0.0
    most = MOST if most is None else most
    names = [each.name for each in running.get_inputs()]
    outputs = [each.name for each in running.get_outputs()]
    for case in CASES:
        sizes = lengths.fit(case)
        arrays = drawn(inputs, sizes, random)
        expected = function(arrays)
        results = running.run(outputs, {name: arrays[name] for name in names})
        for name, result in zip(outputs, results, strict=True):
            distance = difference(keras.ops.convert_to_numpy(expected[name]), result)
            if not distance <= most:
                raise CheckpointError(
                    f"The graph's output {name!r} differs from the model's by {distance:.1e} of "
                    f"its largest value at {sizes}, which is more than {most:.0e}; nothing was "
                    "written."
                )
            worst = max(worst, distance)
    return worst


def difference(expected: Array, result: Array) -> float:
    """The largest difference in parts of the largest value; inf where shapes are not the same."""
    if expected.shape != result.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    a, b = expected.astype("float64"), result.astype("float64")
    visible = np.abs(a) < HIDDEN
    if not np.array_equal(visible, np.abs(b) < HIDDEN):
        return float("inf")
    largest = np.abs(a[visible]).max(initial=0.0)
    distance = np.abs(a - b)[visible].max(initial=0.0)
    return float(distance / largest) if largest else float(distance)


def drawn(
    inputs: Mapping[str, TensorInfo], sizes: Mapping[str, int], random: np.random.Generator
) -> dict[str, Array]:
    """Random inputs; sizes that nobody names are drawn too."""
    known = dict(sizes)
    arrays = {}
    for name, tensor in inputs.items():
        for size in tensor.sizes:
            if isinstance(size, str):
                known.setdefault(size, int(random.integers(1, 7)))
        shape = tuple(size if isinstance(size, int) else known[size] for size in tensor.sizes)
        arrays[name] = _array(name, tensor, shape, known, random)
    return arrays


def _array(
    name: str,
    tensor: TensorInfo,
    shape: tuple[int, ...],
    sizes: Mapping[str, int],
    random: np.random.Generator,
) -> Array:
    if tensor.dtype == "bool":  # the first of some are valid, one at least
        count = random.integers(1, max(shape[-1], 1) + 1, shape[:-1])
        return np.arange(shape[-1]) < count[..., None]
    if tensor.dtype != "int32":
        return random.normal(size=shape).astype(tensor.dtype)
    below = sizes[tensor.below] if isinstance(tensor.below, str) else tensor.below or 1
    numbers = random.integers(0, below, shape).astype("int32")
    return np.sort(numbers, axis=-1) if name == "segments" else numbers
