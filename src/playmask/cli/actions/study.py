"""A search in a folder, with Optuna: its trials, and the folder of the best one."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmask.cli.actions.run_folder import CURVE, RUN
from playmask.errors import ConfigError
from playmask.files import make_directory, read_json, write_json
from playmask.files.commits import contents
from playmask.runtime.train.backup import HISTORY
from playmask.runtime.train.watching.logs import FOLDER as LOGS
from playmask.runtime.train.watching.trackers import package
from playmask.tasks.task_json import TASK

PLAN, JOURNAL, FOLDERS = "search.json", "journal.log", "trials"
BEST, NEXT, BEFORE = "best", "best.next", "best.before"
LIGHT = (HISTORY, TASK, RUN, CURVE, LOGS)
"""What stays of a trial that is not the best: enough for playmask compare."""


class Study:
    """The trials of a search, each of which is on disk as soon as it is finished.

    known: what a search that goes on must have been told before
    Raises: ConfigError where the folder holds another search, or other files
    """

    def __init__(
        self, out: Path, known: Mapping[str, Any], *, highest: bool, seed: int, prunes: bool
    ) -> None:
        optuna = package("optuna", "The search", "tune")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.out, self.states = out, optuna.trial.TrialState
        self.Pruned = optuna.TrialPruned
        check_folder(out, known)
        backend = optuna.storages.journal.JournalFileBackend(str(out / JOURNAL))
        storage = optuna.storages.JournalStorage(backend)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4) if prunes else None
        self.study = optuna.create_study(
            storage=storage,
            study_name="search",
            load_if_exists=True,
            direction="maximize" if highest else "minimize",
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        # A sampler begins with its seed: one that goes on must not draw the same again.
        self.study.sampler = optuna.samplers.TPESampler(seed=seed + len(self.study.trials))
        for trial in self.study.get_trials(states=(self.states.RUNNING,)):
            self._again(trial.number, trial.params)  # of a process that was killed
        self._mend()

    @property
    def best(self) -> Path:
        """The folder of the best task."""
        return self.out / BEST

    @property
    def count(self) -> int:
        """How many trials are done, those that failed too, but not those that were given up."""
        return len(self.results())

    def folder(self, trial: Any) -> Path:
        """The folder of a trial."""
        return self.out / FOLDERS / f"{trial.number + 1:03}"

    def ask(self) -> Any:
        """The next trial."""
        trial = self.study.ask()
        shutil.rmtree(self.folder(trial), ignore_errors=True)
        self.folder(trial).parent.mkdir(exist_ok=True)
        return trial

    def report(self, trial: Any, epoch: int, value: float) -> None:
        """Note what an epoch has measured; raises `Pruned` for a trial that is to end."""
        trial.report(value, epoch)
        if trial.should_prune():
            raise self.Pruned

    def end(self, trial: Any, value: float | None, **attributes: Any) -> bool:
        """Note what a trial has measured, None if it was ended early; whether it is the best."""
        for name, each in attributes.items():
            trial.set_user_attr(name, each)
        if value is None or value != value:
            self.study.tell(trial, state=self.states.PRUNED if value is None else self.states.FAIL)
        else:
            self.study.tell(trial, value)
            if self.study.best_trial.number == trial.number:
                self._promote(self.folder(trial))
                return True
        _lighten(self.folder(trial))
        return False

    def fail(self, trial: Any, error: str) -> None:
        """Note why a trial could not be done."""
        trial.set_user_attr("error", error)
        self.study.tell(trial, state=self.states.FAIL)
        _lighten(self.folder(trial))

    def give_up(self, trial: Any) -> None:
        """Let a trial be done again later, from its beginning."""
        self._again(trial.number, trial.params)
        shutil.rmtree(self.folder(trial), ignore_errors=True)

    def _again(self, number: int, values: Mapping[str, Any]) -> None:
        self.study.tell(number, state=self.states.FAIL)
        self.study.enqueue_trial(dict(values))

    def results(self) -> list[dict[str, Any]]:
        """The trials that are done: finished, ended early or failed, with their options."""
        names = {
            self.states.COMPLETE: "finished",
            self.states.PRUNED: "early",
            self.states.FAIL: "failed",
        }
        results = []
        for trial in self.study.get_trials(deepcopy=False, states=tuple(names)):
            attributes = trial.user_attrs
            if trial.state == self.states.FAIL and not attributes:
                continue  # given up
            value = trial.value if trial.state == self.states.COMPLETE else None
            results.append(
                {
                    "trial": trial.number,
                    "state": names[trial.state],
                    "value": value,
                    "options": dict(trial.params),
                    "reports": {str(epoch): v for epoch, v in trial.intermediate_values.items()},
                    **attributes,
                }
            )
        return results

    def _promote(self, folder: Path) -> None:
        """Let a trial's task be the best one: whole, or not at all."""
        shutil.rmtree(self.out / NEXT, ignore_errors=True)
        shutil.copytree(folder, self.out / NEXT)
        if self.best.exists():
            self.best.rename(self.out / BEFORE)
        (self.out / NEXT).rename(self.best)
        shutil.rmtree(self.out / BEFORE, ignore_errors=True)
        _lighten(folder)

    def _mend(self) -> None:
        """Finish what a kill has left between a trial's end and its promotion."""
        if not self.best.exists() and (self.out / BEFORE).exists():
            (self.out / BEFORE).rename(self.best)
        done = self.study.get_trials(deepcopy=False, states=(self.states.COMPLETE,))
        if not done:
            return
        first = self.study.best_trial
        held = read_json(self.best / RUN).get("trial") if (self.best / RUN).exists() else None
        if held != first.number and self.folder(first).exists():
            self._promote(self.folder(first))


def check_folder(out: Path, known: Mapping[str, Any]) -> None:
    """See that a folder is new, or holds the very search; what it knows is written there."""
    if (out / PLAN).is_file():
        before = read_json(out / PLAN)
        other = next((name for name in known if before.get(name) != _through_json(known[name])), "")
        if other:
            raise ConfigError(
                f"{out} holds a search with another {other.removesuffix('s')}; give a new folder "
                "as --out."
            )
        return
    if out.exists() and (not out.is_dir() or contents(out)):
        raise ConfigError(f"{out} holds other files; give a new folder as --out.")
    make_directory(out)
    write_json(out / PLAN, dict(known))


def _through_json(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, Mapping):
        return {name: _through_json(each) for name, each in value.items()}
    return [*map(_through_json, value)] if isinstance(value, (list, tuple)) else value


def _lighten(folder: Path) -> None:
    """Remove the weights and what else a trial needs no more."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in LIGHT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
