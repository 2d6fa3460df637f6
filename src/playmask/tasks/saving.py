"""Saving and loading of tasks: their weights by name, and the directory that holds one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.load import architecture, load
from playmask.errors import CheckpointError, nearest
from playmask.files import read_json
from playmask.model.recipes import from_json
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import undisturbed
from playmask.tasks.registry import TASKS, task_class

TASK = "task.json"


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


def load_reader(path: str | Path, *, family: str | None = None, **options: Any) -> Transformer:
    """Load a model to read texts with: of an encoder-decoder its encoder alone."""
    if architecture(path, family=family).decoder is not None:
        options["decoder"] = None
    return load(path, family=family, **options)


@undisturbed()
def load_task(directory: str | Path, *, dtype: Any = None) -> Any:
    """Load a task of any kind from the directory it was saved in.

    dtype: to hold its Transformer's weights and compute in, as of `playmask.load`
    Raises: CheckpointError where there is none, or only half of one
    """
    directory = Path(directory)
    if not (directory / TASK).is_file():
        raise CheckpointError(f"There is no task in {directory}: it has no {TASK}.")
    saved = read_json(directory / TASK)
    if saved.get("format") != 1 or saved.get("task") not in TASKS:
        raise CheckpointError(
            f"{directory / TASK} holds a task {saved.get('task')!r} of format "
            f"{saved.get('format')!r}.{nearest(str(saved.get('task')), TASKS)}"
        )
    task = task_class(saved["task"]).restore(directory, saved["settings"], dtype)
    task.training = from_json(saved["training"]) if "training" in saved else None
    return task
