"""Exports: the graphs of a model in a folder, with a description of them, whole or not at all."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import keras

from playmask.errors import ConfigError
from playmask.files import write_json
from playmask.files.commits import destination
from playmask.onnx.check import Lengths, compare
from playmask.onnx.exported import QUANTIZATION, Export, ExportedGraph, Quantization
from playmask.onnx.graph import EXPORT
from playmask.onnx.readme import readme
from playmask.onnx.tracing import Function, Program, TensorInfo, check_backend, traced
from playmask.onnx.writing import LARGEST, OPSET, onnx_library, write_program
from playmask.runtime.access import reading, weights_of
from playmask.runtime.compiled import Compiled
from playmask.runtime.graph_runs import onnxruntime_library
from playmask.runtime.train.weight_names import all_weights

README, FORMAT = "README.md", 1
VERSIONS = "playmask", "jax", "keras", "onnx", "onnxruntime"


class Entry(NamedTuple):
    """A function of a model that becomes one graph; lengths: those of texts that it can take."""

    file: str
    function: Function
    inputs: Mapping[str, TensorInfo]
    lengths: Lengths = Lengths()


Programs = Mapping[str, Program]
"""Programs by the files that hold them."""

Quantize = Callable[[Programs], tuple[Programs, Quantization]]
"""Writes programs in 8 bits in place of what is there, and returns what it has written."""


def write_export(
    model: keras.Model,
    entries: Sequence[Entry],
    folder: Path,
    *,
    about: Mapping[str, Any],
    largest: int = LARGEST,
    quantize: Quantize | None = None,
) -> Export:
    """Write the graphs of a model into a folder, compared with it, with export.json and README.md.

    about: what export.json says besides; largest: bytes of weights that a graph's own file holds;
    quantize: what writes the graphs in 8 bits, once they are there in float32
    Raises: ConfigError for what ONNX cannot do, and for precisions; CheckpointError where a graph
            differs from the model
    """
    check_backend()
    _check_precision(model)
    for library in (onnx_library, onnxruntime_library):
        library()
    with reading(weights_of(model)):
        names = {id(variable.value): name for name, variable in all_weights(model).items()}
        programs = {entry.file: traced(entry.function, entry.inputs, names) for entry in entries}
        for file, program in programs.items():
            write_program(program, folder / file, largest=largest)
        graphs, quantization = _compared(model, entries, programs, folder), None
        if quantize is not None:
            smaller, quantization = quantize(programs)
            graphs = _compared(model, entries, smaller, folder, inf)
    export = Export(destination(folder), graphs, quantization)
    write_json(folder / EXPORT, _description(export, folder, about))
    (folder / README).write_text(readme(export, about), encoding="utf-8")
    return export


def _compared(
    model: keras.Model,
    entries: Sequence[Entry],
    programs: Programs,
    folder: Path,
    most: float | None = None,
) -> tuple[ExportedGraph, ...]:
    """The graphs that are in a folder, each with its difference from the model."""

    def graph(entry: Entry) -> ExportedGraph:
        file, program = entry.file, programs[entry.file]
        function = Compiled(model, entry.function)
        distance = compare(folder / file, function, entry.inputs, entry.lengths, most)
        return ExportedGraph(file, program.inputs, program.outputs, distance, len(program.nodes))

    return tuple(map(graph, entries))


def _check_precision(model: keras.Model) -> None:
    """See that a model computes in float32, as the graph does."""
    transformer = getattr(model, "transformer", model)
    policy = transformer.dtype_policy
    if transformer.quantized is not None:
        raise ConfigError(
            f"The model was quantized to {transformer.quantized}; export the one in float32."
        )
    if policy.name != "float32":
        raise ConfigError(
            f"A graph computes in float32, and the model in {policy.name}; load it with "
            "dtype='float32'."
        )


def _description(export: Export, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """What export.json says."""
    graphs, quantization = export.graphs, export.quantization
    quantized = {} if quantization is None else {QUANTIZATION: quantization.described()}
    files = [name for graph in graphs for name in (graph.file, f"{graph.file}.data")]
    return {
        "format": FORMAT,
        **about,
        **quantized,
        "opset": OPSET,
        "graphs": {
            graph.file: {
                "inputs": _tensors(graph.inputs),
                "outputs": _tensors(graph.outputs),
                "difference": graph.difference,
                "nodes": graph.nodes,
            }
            for graph in graphs
        },
        "versions": {name: version(name) for name in VERSIONS},
        "sha256": {name: _sha256(folder / name) for name in files if (folder / name).exists()},
    }


def _tensors(tensors: Mapping[str, TensorInfo]) -> dict[str, Any]:
    return {name: {"shape": [*each.sizes], "dtype": each.dtype} for name, each in tensors.items()}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
