"""Saving of tasks: their weights by name, and the directory that holds one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from playmask.checkpoints import safetensors, weights_file
from playmask.checkpoints.adapter_files import describe_adapters, read_adapters, write_adapters
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.load import architecture as architecture_of
from playmask.checkpoints.load import load
from playmask.checkpoints.save import check_can_be_saved, describe
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.files import write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import committing, recover
from playmask.model.recipes import to_json
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.adapters import FILES, assign, attached, merged_kernels
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks.task_json import TASK, described
from playmask.tokenizers import Tokenizer


def arrays_of(network: keras.Model) -> dict[str, np.ndarray]:
    """A task network's weights as arrays; adapters that it has are merged into them."""
    return arrays(all_weights(network)) | merged_kernels(network.transformer)


def own_arrays(network: keras.Model) -> dict[str, np.ndarray]:
    """The weights that a task has put on its Transformer, as arrays."""
    inside = weights_by_name(network.transformer)
    return arrays({n: v for n, v in all_weights(network).items() if n not in inside})


def arrays(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Variables as arrays, by their names."""
    return {n: np.asarray(keras.ops.convert_to_numpy(v.value)) for n, v in weights.items()}


def check_weights(network: keras.Model, tensors: Tensors) -> None:
    """See that every weight has a tensor of its shape, and that there are no others."""
    weights = all_weights(network)
    odd = sorted(set(weights) ^ set(tensors))
    if odd:
        raise CheckpointError(
            f"{tensors.path} is not of the task beside it: {odd[0]} is only in one of them."
        )
    for name, variable in weights.items():
        shape = tensors.spec(name).shape
        if shape != tuple(variable.shape):
            raise CheckpointError(
                f"{tensors.path}: {name} has the shape {shape}, the task needs {variable.shape}."
            )


def save_weights(network: keras.Model, directory: Path) -> None:
    """Write a network's weights into the directory of a task that is saved already."""
    with committing(directory) as staging:
        _write_weights(staging, network)


def _write_weights(
    folder: Path,
    network: keras.Model,
    write: Callable[[Path, Mapping[str, np.ndarray]], None] = safetensors.write,
) -> None:
    """Write a network's weights, and by themselves the adapters that are merged into them."""
    write(folder / WEIGHTS, arrays_of(network))
    write_adapters(folder, network.transformer, own_arrays(network))


def assign_weights(network: keras.Model, directory: Path) -> None:
    """Give a network the weights of a directory."""
    if directory.is_file():
        raise CheckpointError(
            f"{directory} is a file; the directory of a saved task is due. What bert4keras saved "
            f"is loaded by load_task({str(directory)!r:.200}, config=…, task=…)."
        )
    recover(directory)
    read_manifest(directory).verify([WEIGHTS])
    tensors = weights_file.read(directory / WEIGHTS)
    check_weights(network, tensors)
    layers = attached(network.transformer)  # whose kernels stay as they were before any adapter
    for name, variable in all_weights(network).items():
        if name.removesuffix("/kernel") not in layers or not name.endswith("/kernel"):
            variable.assign(tensors[name])
    if layers:
        assign(network.transformer, read_adapters(directory).adapters.matrices)


def load_reader(
    path: str | Path, *, family: str | None = None, config: Any = None, **options: Any
) -> Transformer:
    """Load a model to read texts with: of an encoder-decoder its encoder alone."""
    if architecture_of(path, family=family, config=config).decoder is not None:
        options["decoder"] = None
    return load(path, family=family, config=config, **options)


class Saved(Protocol):
    """A task that is saved: a network around a Transformer, a tokenizer, settings, its training.

    dialects: what writes it as each program does, as "module:function" of it and a directory
    """

    dialects: ClassVar[Mapping[str, Any]]
    network: keras.Model
    tokenizer: Tokenizer
    settings: Any
    training: Any

    @property
    def transformer(self) -> Transformer:
        """The Transformer inside."""

    @property
    def name(self) -> str:
        """The task's name."""


def save_task(task: Saved, directory: str | Path, container: str = "safetensors") -> Path:
    """Save into a directory: task.json, architecture.json, tokenizer.json, weights.safetensors.

    container: "safetensors", or "int8": large weights in 8 bits, a quarter of the size, and loaded
    as float32, rounded
    Adapters are merged into the weights, and lie beside them by themselves. All are replaced
    together, whatever comes between, and checksums.json lists them.
    """
    check_can_be_saved(task.transformer)
    write = weights_file.WRITERS.get(container)
    if write is None:
        raise ConfigError(
            f"There is no container {container!r}.{nearest(container, weights_file.WRITERS)}"
        )
    if not isinstance(task.tokenizer, Tokenizer):
        raise ConfigError(
            "The task has no tokenizer, so it would not be whole; give it one (task.tokenizer = …) "
            "or save with dialect='huggingface'."
        )
    directory = Path(directory)
    with committing(directory, FILES) as staging:
        write_json(staging / TASK, described(task))
        write_json(staging / ARCHITECTURE, describe(task.transformer))
        task.tokenizer.save(staging)
        _write_weights(staging, task.network, write)
        describe_adapters(staging, task.transformer, to_json(task.settings))
    return directory


def refuse_task_in(directory: Path) -> None:
    """Refuse to write another program's folder where a task of ours would be found first."""
    if (directory / TASK).exists():
        raise CheckpointError(
            f"{directory} already holds a task ({TASK}), which would be found first; give another "
            "directory."
        )
