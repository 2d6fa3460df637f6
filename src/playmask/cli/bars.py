"""How far something is: bars on stderr where a person sees them, and nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from playmask.cli.messages import translated
from playmask.cli.output import is_terminal
from playmask.untrusted import spelled


class Words(TextColumn):
    """A field of a task, in the reader's language."""

    def render(self, task: Task) -> Text:
        """The text beside a bar."""
        return Text(spelled(translated(self.text_format.format(task=task))))


def shows_progress(*, results: bool = False) -> bool:
    """Whether somebody sees on stderr how far a command is.

    results: whether it prints some meanwhile, which on a terminal show that themselves
    """
    return is_terminal(sys.stderr) and not (results and is_terminal(sys.stdout))


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars with the part that is done and the time left, which go when they are done."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield progress


@contextmanager
def training_bar(width: int = 40, *, redirect: bool = True) -> Iterator[Progress]:
    """A bar with steps and a task's field `state`, which goes when it is done.

    width: of the bar alone, in columns; redirect: whether what goes to stdout is shown above it
    """
    words = Words("{task.description}"), Words("{task.fields[state]}")
    columns = (words[0], BarColumn(width), MofNCompleteColumn(), words[1])
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=redirect) as progress:
        yield progress


@contextmanager
def waiting(title: str, *, results: bool = False) -> Iterator[None]:
    """Show what is done, and for how long, where no number tells how far it is.

    results: as of `shows_progress`
    """
    if not shows_progress(results=results):
        yield
        return
    columns = SpinnerColumn(), Words("{task.description}"), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        progress.add_task(title, total=None)
        yield
