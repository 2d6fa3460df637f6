"""Exported graphs as functions of a batch's inputs, by each engine that runs ONNX."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.runtime.engine import Array, Run
from playmask.runtime.threads import usable_cores

VARIABLE = "PLAYMASK_GRAPH_ENGINE"
"""The variable of the environment that names the engine, where nobody does."""

DTYPES = {"int32": "int32", "int64": "int64", "bool": "bool", "float": "float32"}
"""numpy's names of the types that ONNX Runtime says a graph's inputs have."""

OF_OPENVINO: Mapping[str, Any] = {
    "ENABLE_CPU_PINNING": False,  # the process may be bound to some of the cores
    # OpenVINO 2026.4 refuses some graphs in whose fused loops a scalar has several readers:
    # "All consumers of a Scalar expression are expected to have the same loop IDs".
    "SNIPPETS_MODE": "DISABLE",
}


def graph_run(path: Path, engine: str | None = None, threads: int = 0) -> Run:
    """Open the graph of a file, to be run on the processor, by any number of threads at once.

    engine: a name of `GRAPH_ENGINES`; None: the one that PLAYMASK_GRAPH_ENGINE names, or else
    "onnxruntime"; threads: that compute one batch; 0: as many as the process
    has cores
    Raises: ConfigError for an engine that is unknown or not installed, CheckpointError for a file
            that it refuses
    """
    name = engine or os.environ.get(VARIABLE) or "onnxruntime"
    if name not in GRAPH_ENGINES:
        raise ConfigError(
            f"The engine of a graph is {name!r}, which is unknown.{nearest(name, GRAPH_ENGINES)}"
        )
    return GRAPH_ENGINES[name](path, threads)


def onnxruntime_library() -> Any:
    """The module onnxruntime, without its telemetry unless the environment says otherwise.

    Its official builds send events of their use, and keep an identifier in the home directory.
    Raises: ConfigError where it is not installed
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read when the library is imported
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise ConfigError("ONNX Runtime runs exported tasks; pip install onnxruntime.") from None
    return onnxruntime


def onnx_session(path: Path, threads: int = 1) -> Any:
    """A session of ONNX Runtime on the processor; threads: of it; 0: as many as there are cores.

    No thread spins while it waits, since others need the cores too.
    Raises: ConfigError where it is not installed, CheckpointError for a file that it refuses
    """
    onnxruntime = onnxruntime_library()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors, which are raised too; its warnings are of no use
    options.intra_op_num_threads = threads or usable_cores()  # 0: bound to others as well
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's have no base of their own
        raise CheckpointError(f"{path}: {error!s:.300}") from None


def by_onnxruntime(path: Path, threads: int) -> Run:
    """A graph in ONNX Runtime, in float32 unless its weights are in 8 bits."""
    graph = onnx_session(path, threads)
    dtypes = {each.name: DTYPES[each.type[7:-1]] for each in graph.get_inputs()}  # tensor(…)
    names = [each.name for each in graph.get_outputs()]

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        return dict(zip(names, graph.run(None, feeds(inputs, dtypes)), strict=True))

    return run


def by_openvino(path: Path, threads: int) -> Run:
    """A graph in OpenVINO, in the precision that it takes for the fastest here.

    That is bfloat16 where the processor multiplies it (AVX512-BF16, AMX), else float32.
    """
    try:
        import openvino
    except ModuleNotFoundError:
        raise ConfigError(
            "The engine 'openvino' needs the library openvino: pip install 'playmask[openvino]'."
        ) from None
    options = {**OF_OPENVINO, "INFERENCE_NUM_THREADS": threads}
    try:
        graph = openvino.Core().read_model(path)
        compiled = openvino.compile_model(graph, "CPU", options)
    except RuntimeError as error:
        last = [*filter(None, map(str.strip, str(error).splitlines()))][-1]
        raise CheckpointError(f"{path}: OpenVINO refuses it: {last:.300}") from None
    dtypes = {each.get_any_name(): each.element_type.to_dtype() for each in graph.inputs}
    # A tensor may also have the name of the operator that makes it; a result has its own alone.
    names = [each.node.get_friendly_name().removesuffix("/sink_port_0") for each in graph.outputs]

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        results = compiled.create_infer_request().infer(feeds(inputs, dtypes))  # one runs one batch
        return dict(zip(names, results.values(), strict=True))

    return run


def feeds(inputs: Mapping[str, Array], dtypes: Mapping[str, Any]) -> dict[str, Array]:
    """What a graph takes of a batch's inputs, in the types that it has; zeros for what is not said.

    Rows do not always say their segments.
    """
    missing = dtypes.keys() - inputs.keys()
    whole = {**inputs, **{name: np.zeros_like(inputs["tokens"]) for name in missing}}
    return {name: whole[name].astype(dtype, copy=False) for name, dtype in dtypes.items()}


GRAPH_ENGINES: Mapping[str, Callable[[Path, int], Run]] = {
    "onnxruntime": by_onnxruntime,
    "openvino": by_openvino,
}
"""What opens the graph of a file with a number of threads, by name."""
