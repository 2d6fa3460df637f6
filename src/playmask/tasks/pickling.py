"""Pickling of tasks, as for a process that multiprocessing spawns: all that they are, by value.

Not the directory that a task came from: its weights, or that directory, may have changed since.
"""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from playmask.checkpoints.save import check_can_be_saved
from playmask.model.transformer import Transformer
from playmask.runtime.access import reading, weights_of
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks.saving import Saved, own_arrays
from playmask.tokenizers import Tokenizer

Arrays = dict[str, npt.NDArray[Any]]
Parts = tuple[type, Transformer, Tokenizer, Any, Arrays, TrainingOptions | None]


def reduced(task: Saved) -> tuple[Callable[..., Any], Parts]:
    """What a task is pickled as: what makes it again, and of what.

    Raises: ConfigError for quantised weights, BusyError where another thread trains it
    """
    check_can_be_saved(task.transformer)
    with reading(weights_of(task.network)):
        arrays = own_arrays(task.network)
    model = task.transformer
    return restored, (type(task), model, task.tokenizer, task.settings, arrays, task.training)


def restored(
    kind: Any,
    transformer: Transformer,
    tokenizer: Tokenizer,
    settings: Any,
    arrays: Arrays,
    training: TrainingOptions | None,
) -> Any:
    """Make a task of a class again."""
    network = kind.build_network(transformer, tokenizer, settings)
    weights = all_weights(network)
    for name, array in arrays.items():
        weights[name].assign(array)
    task = kind(network, tokenizer, settings)
    task.training = training
    return task
