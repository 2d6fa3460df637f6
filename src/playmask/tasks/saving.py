"""Saving and loading of tasks: their weights by name, and the directory that holds one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from playmask.checkpoints import safetensors
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.load import architecture as architecture_of
from playmask.checkpoints.load import in_dtype, load, policy_of
from playmask.checkpoints.save import check_can_be_saved, describe
from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.files import make_directory, read_json, write_json
from playmask.model.architecture import Architecture
from playmask.model.recipes import from_json, to_json
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank, fill, undisturbed
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.registry import SETTINGS, task_class
from playmask.tasks.settings import TaskSettings
from playmask.tokenizers import Tokenizer

TASK, FORMAT = "task.json", 2


def all_weights(network: keras.Model) -> dict[str, Any]:
    """A task network's weights: the Transformer's by their own names, the rest as "task/…"."""
    inside = weights_by_name(network.transformer)
    known = {id(variable) for variable in inside.values()}
    return inside | {v.path: v for v in network.weights if id(v) not in known}


def arrays_of(network: keras.Model) -> dict[str, np.ndarray]:
    """A task network's weights as arrays."""
    return {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value))
        for name, variable in all_weights(network).items()
    }


def fill_weights(
    network: keras.Model, tensors: Tensors, put: Callable[[Any, np.ndarray], Any]
) -> None:
    """Give every weight its tensor, after seeing that each has one of its shape."""
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
    arrays = {name: tensors[name] for name in weights}
    for name, variable in weights.items():
        put(variable, arrays[name])


def assign_weights(network: keras.Model, directory: Path) -> None:
    """Give a network the weights of a directory."""
    tensors = safetensors.read(directory / WEIGHTS)
    fill_weights(network, tensors, lambda variable, array: variable.assign(array))


def load_reader(path: str | Path, *, family: str | None = None, **options: Any) -> Transformer:
    """Load a model to read texts with: of an encoder-decoder its encoder alone."""
    if architecture_of(path, family=family).decoder is not None:
        options["decoder"] = None
    return load(path, family=family, **options)


class Saved(Protocol):
    """A task that is saved: a network around a Transformer, a tokenizer, settings, its training."""

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


def save_task(task: Saved, directory: str | Path) -> Path:
    """Save into a directory: task.json, architecture.json, tokenizer.json, weights.safetensors.

    The new weights are gathered first; then the old ones go, and the new ones come last, in one
    file: a directory never holds half of one task and half of another.
    """
    check_can_be_saved(task.transformer)
    directory = Path(directory)
    make_directory(directory)
    arrays = arrays_of(task.network)
    (directory / WEIGHTS).unlink(missing_ok=True)
    write_json(directory / TASK, _described(task))
    write_json(directory / ARCHITECTURE, describe(task.transformer))
    task.tokenizer.save(directory)
    safetensors.write(directory / WEIGHTS, arrays)
    return directory


def _described(task: Saved) -> dict[str, Any]:
    """What task.json holds: the task, its settings, and how it was trained last."""
    training = {} if task.training is None else {"training": to_json(task.training)}
    return {"format": FORMAT, "task": task.name, "settings": to_json(task.settings), **training}


def read_settings(directory: Path) -> tuple[TaskSettings, TrainingOptions | None]:
    """The settings of the task that a directory holds, and its last training's options or None.

    Raises: CheckpointError where there is no task, or one of another format
    """
    path = directory / TASK
    if not path.is_file():
        raise CheckpointError(f"There is no task in {directory}: it has no {TASK}.")
    saved = read_json(path)
    name, number = str(saved.get("task")), saved.get("format")
    if number != FORMAT:
        raise CheckpointError(
            f"{path} holds a task {name!r} of format {number!r}; this playmask reads format "
            f"{FORMAT}."
        )
    if name not in SETTINGS:
        raise CheckpointError(f"{path} holds a task {name!r}.{nearest(name, SETTINGS)}")
    try:
        settings, training = (from_json(saved.get(key)) for key in ("settings", "training"))
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}") from None
    if not isinstance(settings, SETTINGS[name]):
        raise CheckpointError(f"{path}: The settings are {settings!r:.60}, not those of {name!r}.")
    if training is not None and not isinstance(training, TrainingOptions):
        raise CheckpointError(f"{path}: `training` is {training!r:.60}, not TrainingOptions.")
    return settings, training


@undisturbed()
def load_task(directory: str | Path, *, dtype: Any = None) -> Any:
    """Load a task of any kind from the directory it was saved in.

    dtype: to hold its Transformer's weights and compute in, as of `playmask.load`
    Raises: CheckpointError where there is none, or only half of one

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> playmask.load_task(task.save("reviews")).settings.labels
        ('bad', 'good')
    """
    directory = Path(directory)
    settings, training = read_settings(directory)
    held = read_json(directory / ARCHITECTURE)
    architecture, heads = Architecture.from_json(held["architecture"]), held["heads"]
    tokenizer, kind = Tokenizer.load(directory), task_class(settings.task)

    def build() -> keras.Model:
        transformer = Transformer(architecture, heads, dtype=policy_of(dtype))
        return kind.build_network(transformer, tokenizer, settings)

    network = blank(build)
    fill_weights(network, safetensors.read(directory / WEIGHTS), fill)
    network.transformer.tokenizer = tokenizer
    in_dtype(network.transformer, dtype)
    task = kind(network, tokenizer, settings)
    task.training = training
    return task
