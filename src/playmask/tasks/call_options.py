"""What one use of a saved task may choose: shorter vectors, another schema."""

from pathlib import Path
from typing import Any

from playmask.data.lines import read_whole
from playmask.errors import ConfigError
from playmask.tasks.settings import TaskSettings
from playmask.tasks.task import Task

LONGEST_PATH = 1024  # characters of what may be the path of a schema


def cut_vectors(task: Task[Any], size: int | None) -> None:
    """Let an encoder of sentences make smaller vectors; raises ConfigError for another task."""
    if size is None:
        return
    if not hasattr(task, "cut_vectors"):
        raise ConfigError(f"A task {task.name!r} takes no --size.")
    task.cut_vectors(size)


def with_schema(settings: TaskSettings, schema: str) -> TaskSettings:
    """The settings of a task with another schema: a name, JSON, or a file of it.

    Raises: ConfigError where it takes none, or this is none
    """
    if not hasattr(settings, "schema"):
        raise ConfigError(f"A task {settings.task!r} takes no --schema.")
    file = Path(schema)
    is_file = len(schema) < LONGEST_PATH and file.is_file()
    return settings.change(schema=read_whole(file).strip() if is_file else schema)
