"""What an export has written, as values."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from playmask.onnx.tracing import TensorInfo


class ExportedGraph(NamedTuple):
    """A graph that was written.

    difference: from the model, in parts of the largest value; nodes: how many operators
    """

    file: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    difference: float
    nodes: int


class Export(NamedTuple):
    """What an export has written: its folder, and its graphs.

    Example:
        >>> written = export(model, "exported")
        >>> [graph.file for graph in written.graphs], written.difference < 2e-5
        (['model.onnx'], True)

    """

    directory: Path
    graphs: tuple[ExportedGraph, ...]

    @property
    def difference(self) -> float:
        """The largest difference from the model, in parts of the largest value of an output."""
        return max(graph.difference for graph in self.graphs)
