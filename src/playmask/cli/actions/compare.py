"""Comparing trainings: a table of what differs and what came out, and their curves."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli.actions.run_folder import RUN, seconds_of
from playmask.cli.output import clock_time, note, print_json, print_table
from playmask.errors import ConfigError
from playmask.files import read_json
from playmask.inspection.draw.runs import compared_curves
from playmask.inspection.draw.sheet import check_picture
from playmask.runtime.train.backup import HISTORY, finished_epochs, read_history
from playmask.runtime.train.watching.measures import Measure, best_epoch
from playmask.runtime.train.watching.step_measures import NORM, RATE
from playmask.tasks.registry import task_class
from playmask.tasks.task_json import TASK

SILENT = ("log", "log_every")  # options that change no training
NONE = "–"


class Run(NamedTuple):
    """A training in a folder; seconds: None where nothing tells."""

    name: str
    history: Mapping[str, Sequence[float]]
    options: Mapping[str, Any]
    measure: Measure
    seconds: float | None
    finished: bool

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """The training in a folder; raises ConfigError if there is none."""
        if not (folder / HISTORY).is_file() or not (folder / TASK).is_file():
            raise ConfigError(f"{folder} holds no training; {HISTORY} and {TASK} are expected.")
        saved = read_json(folder / TASK)
        training = saved.get("training") or {}
        start = read_json(folder / RUN).get("options") if (folder / RUN).is_file() else {}
        options = _plain(start or {}) | _plain(saved.get("settings") or {}) | _plain(training)
        best = options.get("best") or task_class(saved["task"]).best
        return cls(
            str(folder),
            read_history(folder),
            {name: value for name, value in options.items() if name not in SILENT},
            Measure.of(best),
            seconds_of(folder),
            finished_epochs(folder) is None,
        )

    @property
    def best(self) -> int:
        """The best epoch, from 0."""
        return best_epoch(self.history, self.measure)

    @property
    def scores(self) -> dict[str, float]:
        """What was measured in the best epoch: on validation, or without one in training."""
        validated = any(name.startswith("val_") for name in self.history)
        names = [n for n in self.history if n.startswith("val_") or not validated]
        values = {name: self.history[name] for name in names if name not in (RATE, NORM)}
        return {name: each[self.best] for name, each in values.items() if len(each) > self.best}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that stand in a cell; lists with commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in values.items()
        if not isinstance(value, dict) and name not in ("is", "format")
    }


def run(folders: Sequence[Path], *, out: Path | None, as_json: bool) -> None:
    """Compare the trainings in some folders; files among them, and folders of none, are left out.

    A folder that is named alone must hold one.
    """
    if out is not None:
        check_picture(out)
    runs = _read(folders)
    differing = differences([run.options for run in runs])
    ordered = sorted(runs, key=_worth, reverse=True)
    if as_json:
        print_json([_as_json(run, differing) for run in ordered])
    else:
        _print(ordered, differing)
    if out is not None:
        keys = dict.fromkeys(["val_loss", *(run.measure.key for run in runs)])
        names = [key for key in keys if any(key in run.history for run in runs)] or ["loss"]
        compared_curves({run.name: run.history for run in ordered}, names, out)
        note(f"The curves are in {out}.")


def _read(folders: Sequence[Path]) -> list[Run]:
    """The trainings of folders; what else `runs/*` has named is noted, not refused."""
    runs = []
    for folder in folders:
        try:
            runs.append(Run.read(folder))
        except ConfigError as error:
            if len(folders) == 1:
                raise
            note(f"left out: {error}")
    if not runs:
        raise ConfigError("None of the folders holds a training.")
    return runs


def differences(options: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the options that are not the same in all trainings; None and "" are alike."""
    names = dict.fromkeys(name for each in options for name in each)
    return [n for n in names if len({str(each.get(n) or "") for each in options}) > 1]


def _worth(run: Run) -> tuple[bool, float]:
    """What the best run has most of; one without the measure comes last."""
    value = run.scores.get(run.measure.key)
    if value is None or value != value:
        return False, 0.0
    return True, value if run.measure.highest else -value


def _as_json(run: Run, differing: Iterable[str]) -> dict[str, Any]:
    return {
        "run": run.name,
        "finished": run.finished,
        "measure": run.measure.name,
        "best_epoch": run.best + 1,
        "epochs": len(run.history["loss"]),
        "seconds": run.seconds,
        "scores": run.scores,
        "differing": {name: run.options.get(name) for name in differing},
        "options": run.options,
    }


def _print(runs: Sequence[Run], differing: Sequence[str]) -> None:
    measures = list(dict.fromkeys(name for run in runs for name in run.scores))
    keys = {run.measure.key for run in runs}
    measures.sort(key=lambda name: name not in keys)  # what epochs are compared by stands first
    shared = os.path.commonpath([run.name for run in runs]) if len(runs) > 1 else ""
    header = ["run", *(n.removeprefix("val_") for n in measures), "best epoch", "time", *differing]
    rows = [
        [
            os.path.relpath(run.name, shared) if shared else run.name,
            *(_number(run.scores.get(name)) for name in measures),
            f"{run.best + 1}/{len(run.history['loss'])}{'' if run.finished else ' so far'}",
            NONE if run.seconds is None else clock_time(run.seconds),
            *(_cell(run.options.get(name)) for name in differing),
        ]
        for run in runs
    ]
    title = f"{len(runs)} trainings in {shared}" if shared else f"{len(runs)} trainings"
    print_table(title, rows, header=header, numbers=True)


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _cell(value: Any) -> str:
    if value in (None, "", False):
        return NONE
    return format(value, "g") if isinstance(value, float) else str(value)
