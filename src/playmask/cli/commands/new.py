"""`playmask new TASK FILE`: a file of all options of a training, for `playmask run`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def new(
    task: Annotated[str, Argument(metavar="TASK", help="A task, as of playmask train.")],
    file: Annotated[Path, Argument(metavar="FILE", help="The file, such as task.yaml.")],
    force: Annotated[bool, Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write a file of YAML with every option of a task, for playmask run to train by.

    Options that have a default are comments, below what they mean.
    """
    from playmask.cli.actions.task_file import write_template

    write_template(task, file, force=force)
