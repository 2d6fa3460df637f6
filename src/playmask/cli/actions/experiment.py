"""Running an experiment from the command line: progress, the table of results, the report."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli.actions.train import Stopping
from playmask.cli.bars import progress_bars
from playmask.cli.guard import Interrupted
from playmask.cli.input_texts import split
from playmask.cli.output import note, print_table
from playmask.errors import ConfigError, nearest
from playmask.experiments import EXPERIMENTS
from playmask.experiments import report as reports
from playmask.experiments.plan import SCALES, Experiment, Trial, Watch
from playmask.experiments.runner import Result, taking_part, trials
from playmask.experiments.runner import run as run_trials


class Wish(NamedTuple):
    """What the command line asks for."""

    scale: str
    data: Path | None
    out: Path
    seeds: str | None
    only: str | None
    report: Path | None
    model: Path | None = None
    redraw: bool = False


def show_list(scale: str) -> None:
    """Print every experiment with its tasks and variants."""
    rows = []
    for name, experiment in EXPERIMENTS.items():
        trials(experiment, scale)  # refuses a scale that there is not
        for task in experiment.tasks:
            variants = ", ".join(taking_part(experiment, task, scale))
            rows.append((name, task.name, variants))
    print_table("experiments", rows, header=("name", "task", "variants"))
    for name, one in SCALES.items():
        note(f"--scale {name}: {one.about}")


def run(name: str, wish: Wish) -> None:
    """Run one experiment, show what came out, and write the report where one is wished for."""
    if name not in EXPERIMENTS:
        raise ConfigError(f"There is no experiment {name!r}.{nearest(name, EXPERIMENTS)}")
    experiment = EXPERIMENTS[name]
    if wish.redraw and wish.report is None:
        raise ConfigError("--redraw needs --report, the folder of the report to write anew.")
    if wish.redraw and wish.report:
        results = reports.read(experiment, wish.scale, wish.report)
    else:
        results = _trained(experiment, wish)
    for task in experiment.tasks:
        header, rows = reports.numbers(task, results)
        if rows:
            print_table(task.title, rows, header=header, numbers=True)
    if wish.report is not None:
        note(f"the report is {reports.write(experiment, wish.scale, results, wish.report)}")


def _trained(experiment: Experiment, wish: Wish) -> list[Result]:
    """The results of all trials, those that are there already included."""
    try:
        with _watching() as watch:
            return run_trials(
                experiment,
                wish.scale,
                out=wish.out,
                data=wish.data,
                encoder=wish.model,
                seeds=_numbers(wish.seeds),
                only=split(wish.only) or (),
                watch=watch,
            )
    except KeyboardInterrupt:
        state = f"what is finished is kept in {wish.out}; the same command goes on"
        raise Interrupted(f"interrupted; {state}") from None


class Spoken(Watch):
    """Tells of each trial in a line, for files and pipes."""

    def __init__(self, stopping: Stopping) -> None:
        self.stopping = stopping

    def begin(self, trial: Trial, number: int, count: int, cached: bool) -> None:
        """A line for each trial."""
        title = _title(trial, number, count)
        note(f"{title}: kept" if cached else title)

    def step(self, doing: str, part: float) -> None:
        """Stop, if that was requested."""
        if self.stopping.requested:
            raise KeyboardInterrupt


class Shown(Spoken):
    """Shows two bars on a terminal: of all trials, and of what is being done."""

    def __init__(self, stopping: Stopping, progress: Any) -> None:
        super().__init__(stopping)
        self.progress = progress
        self.all = progress.add_task("", total=None)
        self.one = progress.add_task("", total=1.0)

    def begin(self, trial: Trial, number: int, count: int, cached: bool) -> None:
        """Move the bar of all trials."""
        title = _title(trial, number, count)
        self.progress.update(self.all, description=title, total=count, completed=number - 1)

    def step(self, doing: str, part: float) -> None:
        """Move the bar of what is being done."""
        super().step(doing, part)
        self.progress.update(self.one, description=f"  {doing}", completed=part)


@contextmanager
def _watching() -> Iterator[Watch]:
    """What follows a run here, and makes Ctrl-C sure."""
    with Stopping() as stopping:
        if not sys.stderr.isatty():
            yield Spoken(stopping)
            return
        with progress_bars() as progress:
            yield Shown(stopping, progress)


def _title(trial: Trial, number: int, count: int) -> str:
    return f"{number}/{count} {trial.task.name}: {trial.variant}, seed {trial.seed}"


def _numbers(seeds: str | None) -> list[int]:
    named = split(seeds) or []
    if not all(seed.isdecimal() for seed in named):
        raise ConfigError(f"--seeds are whole numbers such as 0,1, not {seeds!r}.")
    return [int(seed) for seed in named]
