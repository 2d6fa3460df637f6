"""A task as it lies on disk, read but not yet built."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from playmask.checkpoints.load_report import Report
from playmask.model.architecture import Architecture
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.settings import TaskSettings


class StoredTask(NamedTuple):
    """A task as it lies on disk, all of it known before anything is built.

    heads: of its Transformer; fill: gives a blank network its weights (network, copy), and returns
    the report of a load from a dialect
    """

    settings: TaskSettings
    training: TrainingOptions | None
    architecture: Architecture
    heads: tuple[str, ...]
    tokenizer: Any
    fill: Callable[[keras.Model, bool], Report | None]
