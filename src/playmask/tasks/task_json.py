"""task.json: what a folder holds, as a task, its settings and how it was trained."""

from pathlib import Path
from typing import Any, Protocol

from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.files import read_json
from playmask.files.commits import recover
from playmask.model.recipes import from_json, to_json
from playmask.runtime.train.options import TrainingOptions
from playmask.tasks.registry import SETTINGS
from playmask.tasks.settings import TaskSettings

TASK, FORMAT = "task.json", 2


class Settled(Protocol):
    """What has settings, and perhaps was trained."""

    settings: Any
    training: Any


def described(task: Settled) -> dict[str, Any]:
    """What task.json holds: the task, its settings, and how it was trained last."""
    settings, training = task.settings, task.training
    trained = {} if training is None else {"training": to_json(training)}
    return {"format": FORMAT, "task": settings.task, "settings": to_json(settings), **trained}


def read_settings(directory: Path) -> tuple[TaskSettings, TrainingOptions | None]:
    """The settings of the task that a directory holds, and its last training's options or None.

    Raises: CheckpointError where there is no task, or one of another format
    """
    recover(directory)
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
