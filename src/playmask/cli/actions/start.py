"""A training as the options of a command, or of a file, say: of one task, or of folds."""

from typing import Any

from playmask.cli.actions import folds
from playmask.cli.actions.devices import spread
from playmask.cli.actions.run_folder import Job
from playmask.cli.actions.train import run
from playmask.tasks.settings import TaskSettings


def start(
    settings: type[TaskSettings], options: dict[str, Any], *, task_file: str | None = None
) -> None:
    """Train; options: all of the command's, by name; task_file: what they were read from."""
    spread(options)
    names = [name for name in Job._fields if name in options]
    job = Job(**{name: options.pop(name) for name in names}, task_file=task_file)
    (folds.run if job.folds is not None or job.ensemble else run)(settings, job, options)
