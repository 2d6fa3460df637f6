"""`playmask run FILE`: a training whose options stand in a file."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def run(
    file: Annotated[Path, Argument(metavar="FILE", help="A file as playmask new writes it.")],
    resume: Annotated[bool, Option("--resume", help="Go on after an interruption.")] = False,
    force: Annotated[
        bool, Option("--force", help="Replace the task that the folder holds; it goes at once.")
    ] = False,
) -> None:
    """Train a task by a file of options, just as playmask train does by those of its line.

    The folder of the task keeps the file as task.yaml.
    """
    from playmask.cli.actions.start import start
    from playmask.cli.actions.task_file import read_task_file

    settings, options, text = read_task_file(file)
    start(settings, {**options, "resume": resume, "force": force}, task_file=text)
