"""Tasks whose network was exported: another program runs it, and they answer without Keras.

A folder of such a task holds task.json, tokenizer.json and model.onnx.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Never

import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json
from playmask.files.checksums import read_manifest
from playmask.generation.generator import Generator
from playmask.onnx.decoded_graph import load_generator
from playmask.onnx.graph import MODEL, WEIGHTS
from playmask.runtime.engine import Array, Engine, Run
from playmask.runtime.graph_runs import graph_run
from playmask.tasks.registry import task_class
from playmask.tasks.selection import WHOLE, Network, Selection
from playmask.tasks.task_json import TASK, described, read_settings
from playmask.tokenizers import Tokenizer

NETWORK = "network"
"""The key of task.json that says what is to be known of the graph."""

SAVED = "architecture.json", "weights.safetensors"
"""Files of a task that is saved, which an export has not."""


class NetworkNeeded(ConfigError, AttributeError):
    """A task whose network was exported is asked for what that network alone could do."""


class ExportedNetwork:
    """A network that another program runs: a task around it answers, and is measured.

    run: from a batch's inputs to what the network's `exported` returns; takes, size, constants: as
    of a `Network`; text_model: what goes on from texts, where it writes; opening: a function
    and its arguments that make the task again in another process, from its folder
    """

    positions: int | None = None  # it was exported with the rows of its task

    def __init__(
        self,
        run: Run,
        takes: Mapping[str, int],
        size: int | None = None,
        constants: Mapping[str, Array] | None = None,
        text_model: Generator | None = None,
        opening: tuple[Callable[[], Any], tuple[()]] | None = None,
    ) -> None:
        self.opening = opening
        self.run, self.takes, self.size = run, dict(takes), size
        self.text_model = text_model
        self._constants = dict(constants or {})

    def constants(self) -> Mapping[str, Array]:
        """Numbers that answers are read with, besides the outputs."""
        return self._constants

    def engine(self, limits: Mapping[str, int], selection: Selection = WHOLE) -> Engine:
        """What runs batches of it, and keeps what a selection says."""
        return Engine(partial(selection.in_numpy, self.run), limits)

    def __getattr__(self, name: str) -> Never:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NetworkNeeded(
            f"An exported network has no {name!r}: its task answers and is measured. What else a "
            "task does, the one does that was exported."
        )


def description(task: Any) -> dict[str, Any]:
    """What task.json holds of a task that is exported: also what is to be known of its network."""
    network: Network = task.network
    size = getattr(network, "size", None)
    facts = {
        "takes": dict(network.takes),
        "size": None if size is None else int(size),
        "constants": {name: array.tolist() for name, array in network.constants().items()},
        "generates": bool(getattr(network, "generates", False)),
    }
    return {**described(task), NETWORK: facts}


def is_exported(directory: Path) -> bool:
    """Whether a folder holds a task that was exported, not saved: its weights are in the graph."""
    return all((directory / name).is_file() for name in (MODEL, TASK)) and not any(
        (directory / name).exists() for name in SAVED
    )


def load_exported(
    directory: str | Path,
    *,
    engine: str | None = None,
    threads: int = 0,
    run: Run | None = None,
) -> Any:
    """Load a task that was exported, to answer and to be measured, without Keras and JAX.

    engine: what runs its graph, "onnxruntime" or "openvino"; None: the one that the environment's
    PLAYMASK_GRAPH_ENGINE names, or else ONNX Runtime; threads: of the engine; 0: as many as there
    are cores; run: in place of an engine, a function from the inputs of a batch to the outputs
    Raises: CheckpointError where there is no such task, or a file is not as it was exported, or the
            engine refuses it, and for one that writes where its export does not say how;
            ConfigError for an engine that is unknown or not installed

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> light = load_exported(task.export("exported").directory)
        >>> light.predict("味道不错").label == task.predict("味道不错").label
        True

    """
    directory = Path(directory)
    again = partial(load_exported, directory.resolve(), engine=engine, threads=threads)
    opening = None if run else (again, ())
    settings, training = read_settings(directory)
    read_manifest(directory).verify([TASK, *(() if run else (MODEL, WEIGHTS))])
    saved: Any = read_json(directory / TASK)
    facts = saved.get(NETWORK)
    try:
        takes = {str(name): int(limit) for name, limit in facts["takes"].items()}
        constants = {name: np.array(each, "float32") for name, each in facts["constants"].items()}
        size = None if facts["size"] is None else int(facts["size"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{directory / TASK} does not say what its network takes; it is no task that was "
            "exported."
        ) from None
    run = graph_run(directory / MODEL, engine, threads) if run is None else run
    tokenizer, text_model = Tokenizer.load(directory), None
    if facts.get("generates"):
        text_model = load_generator(
            directory, engine=engine, threads=threads, run=run, tokenizer=tokenizer
        )
    network = ExportedNetwork(run, takes, size, constants, text_model, opening)
    task = task_class(settings.task)(network, tokenizer, settings)
    task.training = training
    return task
