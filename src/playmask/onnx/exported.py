"""What an export has written, as values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playmask.onnx.tracing import TensorInfo

QUANTIZATION = "quantization"
"""The key of export.json and task.json that says what 8 bits are worth, and cost."""


class ExportedGraph(NamedTuple):
    """A graph that was written.

    difference: from the model, in parts of the largest value; nodes: how many operators
    """

    file: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    difference: float
    nodes: int


class Comparison(NamedTuple):
    """A task in 8 bits beside itself in float32, on examples.

    measure: the name of the task's main measure; float32, int8: what it is of each; agreement: the
    share of answers that are the same
    """

    measure: str
    float32: float
    int8: float
    agreement: float
    examples: int

    @property
    def loss(self) -> float:
        """What 8 bits cost, in points: hundredths of a measure that is 1 at best."""
        return 100 * (self.float32 - self.int8)


class Quantization(NamedTuple):
    """Graphs in 8 bits beside the same in float32.

    activations: "dynamic", each batch's own range, or "static", measured before; float32: names of
    the weights that stayed so; bytes: of the graphs' files, and before; speed: how many times as
    fast, at `sizes`; comparison: of a task's answers, where examples were there
    Units:   processor time of one thread
    """

    activations: str
    float32: tuple[str, ...]
    bytes: int
    bytes_before: int
    speed: float
    sizes: Mapping[str, int]
    comparison: Comparison | None = None

    def lines(self) -> list[tuple[str, str]]:
        """What people are shown of it, line by line: a name and its value."""
        sizes = ", ".join(f"{name} {size}" for name, size in self.sizes.items())
        size, before = self.bytes / 1e6, self.bytes_before / 1e6
        lines = [
            ("size", f"{size:.1f} MB, {self.bytes / self.bytes_before:.2f} of {before:.1f} MB"),
            ("speed", f"{self.speed:.2f} times as fast ({sizes}; one thread)"),
            ("activations", self.activations),
        ]
        if self.comparison is None:
            lines.append(("answers", "not compared, without examples"))
        else:
            measure, float32, int8, agreement, examples = self.comparison
            lines += [
                (measure, f"{int8:.4f}, float32 {float32:.4f} ({examples:,} examples)"),
                ("answers that agree", f"{agreement:.2%}"),
            ]
        return [*lines, ("weights in float32", ", ".join(self.float32) or "the small ones alone")]

    def described(self) -> dict[str, Any]:
        """What files of JSON say of it."""
        compared = self.comparison
        own = {**self._asdict(), "float32": [*self.float32], "sizes": {**self.sizes}}
        return {"weights": "int8", **own, "comparison": compared and compared._asdict()}


class Export(NamedTuple):
    """What an export has written: its folder, and its graphs.

    quantization: what 8 bits are worth and cost, where the graphs are in 8 bits

    Example:
        >>> written = export(model, "exported")
        >>> [graph.file for graph in written.graphs], written.difference < 2e-5
        (['model.onnx'], True)

    """

    directory: Path
    graphs: tuple[ExportedGraph, ...]
    quantization: Quantization | None = None

    @property
    def difference(self) -> float:
        """The largest difference from the model, in parts of the largest value of an output."""
        return max(graph.difference for graph in self.graphs)
