"""How far a command is: a bar on a terminal, with the time that is left; nothing elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from playmask.cli.bars import shows_progress, training_bar
from playmask.cli.output import clock_time
from playmask.runtime.batch_progress import BatchProgress, listening

WIDTH = 30  # columns of a bar


Step = Callable[[], None]


@contextmanager
def steps(*names: str) -> Iterator[Step]:
    """Show which of several steps is done; gives what begins the next one.

    The time left is what the rest takes if its steps are as long as those before, on average.
    """
    if not shows_progress():
        yield lambda: None
        return
    begun, left = time.perf_counter(), iter(enumerate(names))
    with training_bar(WIDTH, redirect=False) as bar:
        line: Any = bar.add_task("", total=len(names), state="")

        def step() -> None:
            done, name = next(left)
            each = (time.perf_counter() - begun) / max(1, done)
            state = f"{clock_time(each * (len(names) - done))} left" if done else ""
            bar.update(line, completed=done, description=name, state=state)

        yield step


class Pace:
    """What is done of a number of items, of which groups are predicted one after another.

    The rate is that of batches whose shapes were compiled before.
    """

    def __init__(self, total: int | None, now: Callable[[], float] = time.perf_counter) -> None:
        self.total, self.now = total, now
        self.before = self.size = 0  # items of the groups before, and of this one
        self.done = 0.0
        self.state = "starting…"
        self.last = now()
        self.moved = self.seconds = 0.0

    def group(self, size: int) -> None:
        """A group of some items begins."""
        self.before += self.size
        self.size, self.done = size, float(self.before)

    def batch(self, progress: BatchProgress) -> None:
        """A batch of the group begins to be compiled, or is done."""
        now, part = self.now(), progress.done / max(1, progress.rows)
        done = max(self.done, self.before + self.size * part)
        if not (progress.shape or progress.compiled):
            self.moved += done - self.done
            self.seconds += now - self.last
        self.done, self.last = done, now
        if progress.shape:
            self.state = f"compiling {progress.shape} of {progress.shapes} shapes"
        else:
            self.state = "" if self.left is None else f"{clock_time(self.left)} left"

    @property
    def left(self) -> float | None:
        """The seconds that the rest will take, where that is known."""
        if self.total is None or not self.moved:
            return None
        return (self.total - self.done) * self.seconds / self.moved


@contextmanager
def items_done(title: str, total: int | None, *, results: bool = False) -> Iterator[Pace]:
    """Show how many of some items are done, while batches of them are predicted.

    total: None where nobody knows; results: as of `shows_progress`
    """
    pace = Pace(total)
    if not shows_progress(results=results):
        yield pace
        return
    with ExitStack() as stack:
        bar = stack.enter_context(training_bar(WIDTH, redirect=False))
        line: Any = bar.add_task(title, total=total, state=pace.state)

        def show(progress: BatchProgress) -> None:
            pace.batch(progress)
            bar.update(line, completed=int(pace.done), state=pace.state)

        stack.enter_context(listening(show))
        yield pace
