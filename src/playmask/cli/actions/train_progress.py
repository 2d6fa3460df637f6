"""How far a training is: a bar on a terminal, a line for each epoch in a file or a pipe."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from playmask.cli.bars import training_bar
from playmask.cli.messages import translated
from playmask.cli.output import clock_time, is_terminal, note
from playmask.runtime.train.watching.clock import Clock
from playmask.runtime.train.watching.ordered_steps import Values
from playmask.runtime.train.watching.step_measures import NORM, RATE
from playmask.untrusted import spelled


class Lines(Clock):
    """Notes what each epoch has measured, how long it took, and how long the rest will take."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Note that training begins."""
        super().on_train_begin(logs)
        self.say(f"training: {self.params['epochs']} epochs of {self.params['steps']} steps")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the epoch."""
        self.say(epoch_line(self, epoch, logs or {}))

    def say(self, line: str) -> None:
        """Write a line."""
        note(line)


class Bar(Lines):
    """Moves a bar with each step, and writes the lines of the epochs above it."""

    def __init__(self, bar: Any, *, lines: bool = True) -> None:
        super().__init__()
        self.lines = lines
        self.bar = bar
        self.task = bar.add_task("", total=None, state="")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Name the epoch."""
        super().on_epoch_begin(epoch, logs)
        epochs, steps = self.params["epochs"], self.params["steps"]
        total = epochs * steps if steps else None
        title = f"epoch {epoch + 1}/{epochs}"
        self.bar.update(self.task, description=title, total=total, completed=epoch * (steps or 0))

    def add_loss(self, step: Any) -> None:
        """Say that the step compiles."""
        super().add_loss(step)
        if self.compiled == self.shapes:  # it was not planned
            self.bar.update(self.task, state="compiling a new shape…")

    def set_shapes(self, compiled: int, shapes: int) -> None:
        """Say which of the shapes compiles."""
        super().set_shapes(compiled, shapes)
        if compiled < shapes:
            self.bar.update(self.task, state=_compiling(self))

    def end_step(self, batch: int, logs: Values) -> None:
        """Move the bar."""
        super().end_step(batch, logs)
        state = f"loss {logs.get('loss', float('nan')):.4f}"
        if self.compiled < self.shapes:
            state = _compiling(self)
        elif self.left is not None:
            state = f"{state} · {clock_time(self.left)} left"
        self.bar.update(self.task, advance=1, state=state)

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        if self.lines:
            self.bar.console.print(spelled(translated(line)), markup=False, highlight=False)


@contextmanager
def progress(*, lines: bool = True) -> Iterator[list[Clock]]:
    """What shows how far a training is, as what reads stderr can show it.

    lines: whether each epoch leaves one
    """
    if is_terminal(sys.stderr):
        with training_bar() as bar:
            yield [Bar(bar, lines=lines)]
    else:
        yield [Lines()] if lines else []


def _compiling(clock: Clock) -> str:
    """Which of the planned shapes compiles."""
    shape, shapes = clock.compiled + 1, clock.shapes
    return f"compiling {shape} of {shapes} shapes"


def epoch_line(clock: Clock, epoch: int, logs: Mapping[str, Any]) -> str:
    """An epoch in a line."""
    values = ", ".join(f"{name} {logs[name]:.4f}" for name in logs if name not in (RATE, NORM))
    times = clock_time(clock.elapsed)
    if clock.compiling:
        times = f"{times}, {clock_time(clock.compiling)} of it compiling"
    if clock.left is not None and epoch + 1 < clock.params["epochs"]:
        times = f"{times}; {clock_time(clock.left)} left"
    return f"epoch {epoch + 1} of {clock.params['epochs']}: {values}; {times}"
