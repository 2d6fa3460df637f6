"""Bulk inference from the command line: how far it is, and what came of it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playmask.cli.actions.predict_request import Request
from playmask.cli.bars import training_bar
from playmask.cli.guard import Interrupted
from playmask.cli.input_texts import split
from playmask.cli.output import clock_time, is_terminal, note
from playmask.errors import ConfigError
from playmask.tasks.bulk import bulk_predict
from playmask.tasks.bulk.run import Progress

WIDTH = 20  # columns of the bar
EVERY = 10.0  # seconds between two lines, where there is no terminal


def run(request: Request, out: Path) -> None:
    """Answer the rows of a file into a folder."""
    if request.file is None or str(request.file) == "-":
        raise ConfigError("--out is for a file; name it.")
    for name in ("text", "pair", "submission"):
        if getattr(request, name):
            raise ConfigError(f"--{name} and --out do not go together.")
    columns = tuple(split(request.columns) or ())
    odd = next((column for column in columns if "=" not in column), None)
    if odd is not None:
        raise ConfigError(
            f"--columns names {odd!r}; with --out columns are said as text=NAME, by the names that "
            "the file gives them."
        )
    answer(
        request.task_directory,
        request.file,
        out,
        columns=columns,
        size=request.size,
        schema=request.schema,
        skip_bad=request.skip_bad,
        **request.bulk,
    )


def answer(task: Path, file: Path, out: Path, **options: Any) -> None:
    """Answer the rows of a file into a folder, and say how far that is."""
    with _shown() as show:
        try:
            done = bulk_predict(task, file, out, progress=show, **options)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what is done is in {out}, and the same command goes on."
            ) from None
    if done.skipped:
        note(f"{done.skipped:,} bad rows skipped (the first: {done.reason}); all: {out}/_skipped-*")
    rows = f"{done.rows:,} rows are in {out}"
    note(f"{rows}, {done.before:,} of them from before" if done.before else rows)


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """What shows how far a run is, as what reads stderr can show it."""
    rate = Rate()
    if not is_terminal(sys.stderr):
        yield Lines(rate)
        return
    with training_bar(WIDTH) as bar:
        line = bar.add_task("rows", total=None, state="starting…")

        def show(progress: Progress) -> None:
            bar.update(line, completed=progress.done, total=progress.total, state=rate(progress))

        yield show


class Rate:
    """Rows a second since the first part was done, before which tasks are loaded and compiled."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.now = now
        self.first: tuple[float, int] | None = None

    def __call__(self, progress: Progress) -> str:
        """The rate and the time left, as they are shown; nothing where neither is known yet."""
        now, rows = self.now(), progress.done - progress.before
        if self.first is None:
            self.first = (now, rows) if rows else None
            return ""
        begun, before = self.first
        rate = (rows - before) / max(now - begun, 1e-9)
        if not rate:
            return ""
        rest = None if progress.total is None else max(0, progress.total - progress.done) / rate
        pace = f"{rate:,.1f} rows/s"
        return f"{pace} · {clock_time(rest)} left" if rest else pace


class Lines:
    """Notes how far a run is, every few seconds."""

    def __init__(self, rate: Rate) -> None:
        self.rate, self.last = rate, rate.now()

    def __call__(self, progress: Progress) -> None:
        """Note it, unless that was done just now."""
        pace, now = self.rate(progress), self.rate.now()
        if now - self.last >= EVERY:
            self.last = now
            state = f"{progress.done:,} rows"
            if progress.total is not None:
                state = f"{progress.done:,} of {progress.total:,} rows"
            note(f"{state}; {pace}" if pace else state)
