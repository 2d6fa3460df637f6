"""Training a task from the command line: everything is checked before it begins."""

import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import keras

from playmask.checkpoints.source import ARCHITECTURE, WEIGHTS
from playmask.cli.actions.new_task import KINDS, Kind, counted
from playmask.cli.actions.run_folder import (
    CURVE,
    RUN,
    Job,
    Options,
    check_out,
    is_ours,
    settle,
    training_options,
)
from playmask.cli.guard import Interrupted
from playmask.cli.input_texts import rechecked, split
from playmask.cli.output import note, note_skipped, print_table
from playmask.data.examples import Examples, ordered
from playmask.errors import ConfigError, DataError
from playmask.files import read_json, write_json
from playmask.inspection.draw import training_curve
from playmask.runtime.train.fitting import BACKUP, HISTORY, best_epoch
from playmask.tasks import load_task
from playmask.tasks.saving import TASK

FILES = (TASK, ARCHITECTURE, "tokenizer.json", WEIGHTS, HISTORY, RUN, CURVE)


class Stopping(keras.callbacks.Callback):
    """Ctrl-C that no bare `except:` in a library can swallow: it is raised again at the next batch.

    Used as a context, around the training that it is a callback of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
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
        self.asked = True
        raise KeyboardInterrupt

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop, if that was asked for."""
        if self.asked:
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


def run(name: str, job: Job, given: Options) -> None:
    """Train, and leave the task, its history and the picture of it in `job.out`."""
    kind = KINDS[name]
    going_on = check_out(job, given.get("model"))
    options = settle(job, given, kind.defaults)
    labels = split(options.get("labels"))
    if going_on:
        labels = _saved_labels(name, job.out)
    examples, checks, labels = _read(kind, job, options, labels)
    task = load_task(job.out) if going_on else kind.make(options, examples, labels)
    examples = _learnable(task, job.train, examples, skip_bad=job.skip_bad)
    if job.validation is not None and checks is not None:
        checks = _learnable(task, job.validation, checks, skip_bad=job.skip_bad)
    _announce(kind, task, options, examples, checks)
    if going_on and (job.out / HISTORY).exists():
        done = len(read_json(job.out / HISTORY)["loss"])
        note(f"going on after epoch {done} of {options['epochs']}")
    history = _fit(task, examples, checks, options, job.out, going_on)
    write_json(job.out / RUN, {"format": 1, "finished": True, "options": options})
    training_curve(history, job.out / CURVE)
    best = best_epoch(history, task.best)
    _print_result(history, best, job.out, kind.use.format(out=job.out))


def _saved_labels(name: str, out: Path) -> list[str] | None:
    """The labels of a task that is trained on; it must be of the kind."""
    saved = read_json(out / TASK)
    if saved.get("task") != name:
        raise ConfigError(f"{out} holds a training of {saved.get('task')!r}, not of {name!r}.")
    return saved["settings"].get("labels") or None


def _read(
    kind: Kind, job: Job, options: Options, labels: list[str] | None
) -> tuple[Examples, Examples | None, list[str] | None]:
    """Read both files, with one set of labels."""
    read = kind.read(options)
    how: dict[str, Any] = {"columns": split(job.columns), "skip_bad": job.skip_bad}
    if labels:
        how["labels"] = labels
    examples = _well_formed(read, job.train, how)
    if kind.labelled(options):
        how["labels"] = labels = labels or ordered(_names(kind, examples))
        kind.check(job.train, examples, labels)
    if job.validation is None:
        note("no --validation: the last epoch is kept, not the best")
        return examples, None, labels
    checks = _well_formed(read, job.validation, how)
    for path, some in ((job.train, examples), (job.validation, checks)):
        if len({tuple(text is None for text in kind.texts(e)) for e in [examples[0], *some]}) > 1:
            raise DataError(f"{path} mixes single texts and pairs with the other lines; give one.")
    return examples, checks, labels


def _well_formed(read: Callable[..., Examples], path: Path, how: dict[str, Any]) -> Examples:
    """The examples of a file, whatever task they are for."""
    examples = rechecked(path, read(path, **how), skip_bad=how["skip_bad"])
    note_skipped(path, examples.skipped)
    return examples


def _learnable(task: Any, path: Path, examples: Examples, *, skip_bad: bool) -> Examples:
    """Those of a file's examples that the task can learn."""
    kept = rechecked(path, examples, task.suitable, skip_bad=skip_bad)
    note_skipped(path, kept.skipped[len(examples.skipped) :])
    return kept


def _names(kind: Kind, examples: Examples) -> Iterator[str]:
    return (name for example in examples for name in kind.names(example))


def _announce(
    kind: Kind, task: Any, options: Options, examples: Examples, checks: Examples | None
) -> None:
    beside = f", {len(checks):,} for validation" if checks is not None else ""
    labels = counted(task.settings.get("labels", []), _names(kind, examples))
    note(f"data: {len(examples):,} examples for training{beside}{labels}")
    origin = "new" if options["new"] else "pretrained"
    count = task.network.count_params()
    note(f"model: {origin}, {count:,} parameters; texts of at most {task.settings['max_length']}")
    note(f"learning rate: {options['learning_rate']:g}, {options['epochs']} epochs")


def _clear(out: Path, *, everything: bool) -> None:
    """Drop what another training left, so that the folder never mixes two."""
    out.mkdir(parents=True, exist_ok=True)
    if everything and is_ours(out):
        for name in FILES:
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / BACKUP, ignore_errors=True)


def _fit(
    task: Any,
    examples: Examples,
    checks: Examples | None,
    options: Options,
    out: Path,
    going_on: bool,
) -> dict[str, list[float]]:
    def begin() -> None:
        _clear(out, everything=not going_on)
        write_json(out / RUN, {"format": 1, "finished": False, "options": options})

    beginning = Beginning(begin)
    try:
        with Stopping() as stopping:
            return task.fit(
                examples,
                checks,
                training_options(options),
                directory=out,
                resume=going_on,
                callbacks=[beginning, stopping],
                verbose=1 if sys.stdout.isatty() else 2,
            )
    except KeyboardInterrupt:
        kept = f"the best epoch so far is saved in {out}; go on with --resume"
        if not beginning.begun:
            kept = "training had not begun, nothing has changed"
        elif not (out / WEIGHTS).exists():
            kept = "no epoch was complete yet, nothing is kept"
        raise Interrupted(f"interrupted; {kept}") from None


def _print_result(history: dict[str, list[float]], best: int, out: Path, use: str) -> None:
    """Show the metrics of the epoch that was kept."""
    done = len(history["loss"])
    rows = []
    for name in dict.fromkeys(name.removeprefix("val_") for name in history):
        both = (history.get(name), history.get(f"val_{name}"))
        rows.append([name, *(f"{v[best]:.4f}" if v and len(v) > best else "–" for v in both)])
    header = ("", "training", "validation")
    print_table(f"kept: epoch {best + 1} of {done}", rows, header=header, numbers=True)
    note(f"saved in {out}; try it: playmask {use}")
