"""Training a task from the command line: everything is checked before it begins."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras

from playmask.checkpoints.source import WEIGHTS
from playmask.cli.actions.new_task import counted, new_task
from playmask.cli.actions.run_folder import (
    CURVE,
    TABLES,
    Job,
    Options,
    check_out,
    is_ours,
    options_of,
    record,
    settle,
)
from playmask.cli.actions.train_progress import progress
from playmask.cli.guard import Interrupted
from playmask.cli.input_texts import split
from playmask.cli.output import no_results, note, note_all, note_skipped, print_table
from playmask.data.examples import Examples
from playmask.errors import ConfigError
from playmask.files import make_directory
from playmask.inspection.draw import training_curve
from playmask.runtime.peer_processes import is_first
from playmask.runtime.train.backup import Position, position_in
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.history import History
from playmask.runtime.train.watching.measures import Measure, best_epoch, stale_epochs
from playmask.runtime.train.watching.step_measures import NORM, RATE
from playmask.tasks.loading import load_task
from playmask.tasks.registry import task_class
from playmask.tasks.settings import TaskSettings
from playmask.tasks.task import Task
from playmask.tasks.task_json import TASK, read_settings
from playmask.tasks.teaching import answered
from playmask.tasks.training import limited, measured, stream_of


class Stopping(keras.callbacks.Callback):
    """Ctrl-C that no bare `except:` in a library can swallow: it is raised again at the next batch.

    Used as a context, around the training that it is a callback of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requested = False
        self.before: Any = None
        self.unraisable: Any = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.before = signal.signal(signal.SIGINT, self._ask)
            self.unraisable, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
            sys.unraisablehook = self.unraisable

    def _swallowed(self, what: Any) -> None:
        """Say nothing of a Ctrl-C that came where Python can raise none; it is raised again."""
        if not issubclass(what.exc_type, KeyboardInterrupt):
            self.unraisable(what)

    def _ask(self, number: int, frame: Any) -> None:
        self.requested = True
        raise KeyboardInterrupt

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop, if that was requested."""
        if self.requested:
            raise KeyboardInterrupt


class Beginning(keras.callbacks.Callback):
    """What is done as soon as training begins, when nothing can be refused any more."""

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self.begin, self.begun = begin, False

    def on_train_begin(self, logs: Any = None) -> None:
        """Do it."""
        self.begun = True
        self.begin()


def run(settings_class: type[TaskSettings], job: Job, options: Options) -> None:
    """Train, and leave the task, its history and the picture of it in `job.out`."""
    kind = task_class(settings_class.task)
    going_on = check_out(job, options.get("model"))
    options = settle(job, options, settings_class)
    saved = _saved(settings_class, job.out) if job.resume and (job.out / TASK).exists() else None
    settings = saved if going_on and saved else options_of(settings_class, options)
    examples, checks, settings = read_data(
        kind, job, settings, options_of(TrainingOptions, options)
    )
    task = load_task(job.out) if going_on else new_task(kind, settings, options, examples)
    examples = check_data(task.read, job.train, examples, skip_bad=job.skip_bad)
    if job.validation is not None and checks is not None:
        checks = check_data(task.read_references, job.validation, checks, skip_bad=job.skip_bad)
    announce(task, options, examples, checks)
    if going_on:
        note(f"going on after {reached(job.out)} of {options['epochs']}")
    history = _fit(task, examples, checks, options, job, going_on)
    if not is_first():
        return  # another process writes, and says what came of it
    finished = position_in(job.out) is None
    record(job, options, finished=finished)
    if not finished:
        note(f"time is over after {reached(job.out)}; go on with --resume")
    training_curve(history, job.out / CURVE, steps=history.steps)
    measure = Measure.of(options["best"] or task.best)
    names = {task.best, measure.name} - {None, *history}  # Keras measures what training has too
    shares = measured_shares(map(str, names), checks)
    if options["stop_after"] and stale_epochs(history, measure) >= options["stop_after"]:
        note(
            f"stopped: no better {measure.name} in the last of --stop-after {options['stop_after']}"
        )
    best = best_epoch(history, measure)
    print_result(history, best, shares, job.out, settings.usage.format(out=job.out))


def reached(out: Path) -> str:
    """How far an interrupted training has come."""
    position = position_in(out) or Position(0)
    if not position.batch:
        return f"epoch {position.epoch}"
    return f"batch {position.batch} of epoch {position.epoch + 1}"


def _saved(settings_class: type[TaskSettings], out: Path) -> TaskSettings:
    """The settings of a task that is trained on; it must be of the kind."""
    settings, _ = read_settings(out)
    if not isinstance(settings, settings_class):
        raise ConfigError(
            f"{out} holds a training of {settings.task!r}, not of {settings_class.task!r}."
        )
    return settings


def read_data(
    kind: Any, job: Job, settings: TaskSettings, training: TrainingOptions
) -> tuple[Examples[Any], Examples[Any] | None, TaskSettings]:
    """Read both files, with the labels and what else only the first one says."""
    reading: dict[str, Any] = {"columns": split(job.columns), "skip_bad": job.skip_bad}
    if training.stream:
        examples: Any = stream_of(kind, settings, job.train, limit=training.limit, **reading)
        note(f"{job.train} has {len(examples):,} examples, which are read anew in every pass")
    elif training.label_by_teacher and training.teacher is not None:
        examples = limited(answered(load_task(training.teacher), job.train), training.limit)
    else:
        examples = limited(kind.parse(settings, job.train, **reading), training.limit)
    note_skipped(job.train, examples.skipped)
    note_all(job.train, examples.notes)
    settings = kind.learn(settings, examples)
    if job.validation is None:
        note("no --validation: the last epoch is kept, not the best")
        return examples, None, settings
    checks = kind.parse_references(settings, job.validation, **reading)
    note_skipped(job.validation, checks.skipped)
    note_all(job.validation, checks.notes)
    return examples, checks, settings


def check_data(
    read: Callable[..., Examples[Any]], path: Path, examples: Examples[Any], *, skip_bad: bool
) -> Examples[Any]:
    """Those of a file's examples that the task can learn, or be measured on."""
    checked = read(examples, skip_bad=skip_bad)
    note_skipped(path, checked.skipped[len(examples.skipped) :])
    note_all(path, checked.notes[len(examples.notes) :])
    return checked


def announce(
    task: Task[Any], options: Options, examples: Examples[Any], checks: Examples[Any] | None
) -> None:
    """Say what is trained on what, and how fast."""
    beside = f", {len(checks):,} for validation" if checks is not None else ""
    names = (name for example in examples for name in task.names(example))
    labels = counted(task.settings.labels, names)
    data = f"data: {len(examples):,} examples for training{beside}"
    note(f"{data}; labels {labels}" if labels else data)
    origin = "new" if options["new"] else "pretrained"
    count = task.network.count_params()
    note(f"model: {origin}, {count:,} parameters; texts of at most {task.settings.row_length}")
    note(f"learning rate: {options['learning_rate']:g}, {options['epochs']} epochs")


def _fit(
    task: Task[Any],
    examples: Examples[Any],
    checks: Examples[Any] | None,
    options: Options,
    job: Job,
    going_on: bool,
) -> History:
    out = job.out
    older = (out / WEIGHTS).exists()
    noted = [(each, len(each.notes)) for each in (examples, checks) if each is not None]

    def begin() -> None:
        for each, count in noted:
            note_all(each.path, each.notes[count:])
        if not is_first():
            return
        if not going_on and is_ours(out):
            (out / CURVE).unlink(missing_ok=True)
        if options["memory"] is not None and task.training is not None:
            note(f"batch size: {task.training.batch_size}, the largest within {options['memory']}")
        make_directory(out)
        record(job, options, finished=False)

    beginning = Beginning(begin)
    training = options_of(TrainingOptions, {**options, "label_by_teacher": False})
    training = training.change(log=tuple(dict.fromkeys((TABLES, *training.log))))
    try:
        with Stopping() as stopping, no_results(), progress() as watching:
            history: History = task.fit(
                examples,
                checks,
                training,
                directory=out,
                resume=going_on,
                callbacks=[beginning, stopping, *watching],
                verbose=0,
            )
            return history
    except KeyboardInterrupt:
        state = f"the best epoch so far is saved in {out}; go on with --resume"
        position = position_in(out)
        if not beginning.begun:
            state = "training had not begun, nothing has changed"
        elif position is not None and not position.epoch:
            state = f"{reached(out)} is saved in {out}; go on with --resume"
        elif position is None:
            state = "no epoch was complete yet, nothing is kept"
            if older:
                state = f"{state} but the task that was there before"
        raise Interrupted(f"interrupted; {state}") from None


def measured_shares(names: Iterable[str], checks: Examples[Any] | None) -> dict[str, str]:
    """Of which metrics a part of the validation data is the measure, and of how many examples."""
    part = 0 if checks is None else len(checks.part(measured(checks)))
    if checks is None or part == len(checks):
        return {}
    return {name: f"{name} (on {part:,} of the {len(checks):,} for validation)" for name in names}


def print_result(
    history: Mapping[str, Sequence[float]], best: int, shares: dict[str, str], out: Path, use: str
) -> None:
    """Show the metrics of the epoch that was kept; shares: the names of those of a part."""
    done = len(history["loss"])
    rows = []
    names = dict.fromkeys(name.removeprefix("val_") for name in history)
    for name in (name for name in names if name not in (RATE, NORM)):
        both = (history.get(name), history.get(f"val_{name}"))
        name = shares.get(name, name)
        rows.append([name, *(f"{v[best]:.4f}" if v and len(v) > best else "–" for v in both)])
    header = ("", "training", "validation")
    print_table(f"kept: epoch {best + 1} of {done}", rows, header=header, numbers=True)
    note(f"saved in {out}; try it: playmask {use}")
