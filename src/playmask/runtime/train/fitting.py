"""Fitting a task: Keras' own loop, with the best epoch kept and an interrupted run continued."""

import errno
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import keras
import numpy as np

from playmask.checksums import read_manifest
from playmask.commits import committing, recover
from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json, write_json
from playmask.runtime.batches import Batches
from playmask.runtime.train.averages import averaged, swap, swapped_by
from playmask.runtime.train.finite import FiniteLoss, check_epoch
from playmask.runtime.train.hooks import OpenStep, StepHook, hooks_among
from playmask.runtime.train.optimizers import adamw
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.schedules import warm_up_then_decay

HISTORY, BACKUP, DATA = "training.json", ".playmask-training", "data.sha256"


class TrainingPlan(NamedTuple):
    """How to train, on which data (a fingerprint of them), and whether to go on with a training."""

    options: TrainingOptions
    resume: bool = False
    data: str = ""


class Trainable(Protocol):
    """What is trained: a network with its losses, and how its epochs are compared and kept.

    best: of `evaluate`, what is highest in the best epoch; None: the lowest loss
    """

    network: keras.Model
    best: ClassVar[str | None]

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its losses."""

    def evaluate(self, data: Any) -> dict[str, float]:
        """Measure on examples."""

    def save(self, directory: Path) -> Any:
        """Save the whole."""

    def save_weights(self, directory: Path) -> None:
        """Write the weights of what is saved already."""

    def load_weights(self, directory: Path) -> None:
        """Take back the weights that were saved."""


def train(
    task: Trainable,
    batches: Batches,
    validation: Batches | None,
    plan: TrainingPlan,
    *,
    checks: Sequence[Any],
    directory: Path | None,
    callbacks: list[keras.callbacks.Callback],
    verbose: Any,
) -> dict[str, list[float]]:
    """Fit a task's network; its best epoch's weights are in it afterwards, even if interrupted.

    checks: the examples of the validation, on which a task is measured that says by what
    """
    network = task.network
    options = plan.options
    task.compile(_optimizer(network, options, options.epochs * len(batches)))
    network.hooks = _hooks(network, callbacks)
    backup = None if directory is None else Backup(directory, plan.data)
    keep = KeepBest(task, batches, backup, checks, options)
    keep.swaps = not swapped_by(callbacks)
    finished = keep.start(resume=plan.resume)
    own = [FiniteLoss(options), keep]
    begin = [np.array(keras.ops.convert_to_numpy(v.value)) for v in network.variables]
    try:
        network.fit(
            batches,
            epochs=options.epochs,
            initial_epoch=finished,
            validation_data=validation,
            shuffle=False,  # the batches shuffle themselves, so that a resumed run can repeat it
            callbacks=[*own, *callbacks],
            verbose=verbose,
        )
    except BaseException:
        # Keras on JAX may stop while the values of all variables, seeds too, are handed over.
        for variable, value in zip(network.variables, begin, strict=False):
            variable.assign(value)
        raise
    finally:
        network.hooks = ()
        keep.restore()
    return keep.history


def _optimizer(
    network: keras.Model, options: TrainingOptions, steps: int
) -> keras.optimizers.Optimizer:
    """AdamW at a rate that warms up and decays over so many steps."""
    return adamw(
        network,
        warm_up_then_decay(options.learning_rate, steps, options.warm_up),
        weight_decay=options.weight_decay,
        clip=options.clip,
        multiplier=options.multiplier,
    )


def _hooks(network: keras.Model, callbacks: Sequence[Any]) -> list[StepHook]:
    """The hooks among the callbacks, for a network whose steps they can join."""
    hooks = hooks_among(callbacks)
    if hooks and not isinstance(network, OpenStep):
        raise ConfigError(
            f"{type(hooks[0]).__name__} joins the steps of a TaskNetwork; this network is a "
            f"{type(network).__name__}, whose steps are Keras' own."
        )
    return hooks


class Backup:
    """What an interrupted training goes on from: one file of weights and optimizer an epoch.

    It is written into the folder that is committed at the epoch's end; its name holds the number of
    finished epochs. (Keras' BackupAndRestore writes in place: a kill in that moment leaves a file
    that does not load.)
    """

    PATTERN = "epochs-*.weights.h5"

    def __init__(self, directory: Path, data: str) -> None:
        self.directory, self.data = directory, data

    def take_up(self, network: keras.Model) -> int:
        """Restore weights and optimizer; returns how many epochs were finished."""
        file = _newest(self.directory)
        if file is None:
            return 0
        manifest = read_manifest(self.directory)
        manifest.verify([f"{BACKUP}/{file.name}", f"{BACKUP}/{DATA}", HISTORY])
        known = file.with_name(DATA)
        data = known.read_text("utf-8", "replace") if known.is_file() else ""
        if len(data) != len(self.data):
            raise CheckpointError(
                f"{known} holds {data[:64]!r}, not the fingerprint of the examples that the "
                "training was on, so it cannot go on. Begin anew instead."
            )
        if data != self.data:
            raise ConfigError(
                f"The training in {self.directory} was on other examples; going on needs the "
                "same ones. Begin anew instead."
            )
        network.optimizer.build(network.trainable_variables)
        network.load_weights(file)
        return _finished(file)

    def write(self, staging: Path, network: keras.Model, finished: int) -> None:
        """Write the state after so many epochs, to be committed with what the last one left."""
        folder = staging / BACKUP
        folder.mkdir()
        (folder / DATA).write_text(self.data, "utf-8")
        try:
            network.save_weights(folder / self.PATTERN.replace("*", str(finished)))
        except RuntimeError as error:  # HDF5's, on a full disk
            raise OSError(errno.ENOSPC, f"the back-up could not be written ({error})") from error

    def names(self) -> list[str]:
        """The files there are, by their names in the directory."""
        folder = self.directory / BACKUP
        return [f"{BACKUP}/{file.name}" for file in folder.iterdir()] if folder.is_dir() else []


def finished_epochs(directory: Path) -> int | None:
    """How many epochs an interrupted training in a directory has finished; None: there is none."""
    file = _newest(directory)
    return None if file is None else _finished(file)


def is_finished(directory: Path) -> bool:
    """Whether a training in a directory came to its end: there is a history, and no back-up."""
    return finished_epochs(directory) is None and (directory / HISTORY).is_file()


def _newest(directory: Path) -> Path | None:
    recover(directory)
    return max((directory / BACKUP).glob(Backup.PATTERN), key=_finished, default=None)


def _finished(file: Path) -> int:
    return int(file.name.split("-")[1].split(".")[0])


def best_epoch(history: Mapping[str, Sequence[float]], measure: str | None) -> int:
    """Which epoch is the best, from 0: the last of those whose measure on validation is highest.

    measure: None = the loss, which is to be lowest; without validation the last epoch is the best
    """
    values = history.get(f"val_{measure or 'loss'}", [0.0] * len(history["loss"]))
    worth = np.nan_to_num(np.array(values) * (1 if measure else -1), nan=-np.inf)
    return len(worth) - 1 - int(np.argmax(worth[::-1]))


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and commits each epoch to disk where there is a back-up.

    Where the optimizer averages the weights, the averages are measured and kept; the training goes
    on with the weights themselves.

    checks: validation examples, on which the task is measured by what it says is best
    swaps: whether this callback puts the averages in place for validation
    """

    def __init__(
        self,
        task: Trainable,
        batches: Batches,
        backup: Backup | None,
        checks: Sequence[Any],
        options: TrainingOptions,
    ) -> None:
        super().__init__()
        self.task, self.batches, self.backup = task, batches, backup
        self.checks, self.options = checks, options
        self.history: dict[str, list[float]] = {}
        self.best: list[np.ndarray] | None = None
        self.saved = False
        self.swaps = True

    def start(self, *, resume: bool) -> int:
        """Take up an interrupted training, or forget an older one; returns the finished epochs."""
        if self.backup is None:
            return 0
        directory = self.backup.directory
        finished = self.backup.take_up(self.task.network) if resume else 0
        if finished:
            self.history = read_history(directory)
            return finished
        if self.backup.names() or (directory / HISTORY).exists():
            with committing(directory, [*self.backup.names(), HISTORY]):
                pass
        return 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """A resumed training goes on with the order of batches it would have had."""
        self.batches.set_epoch(epoch)
        self.history = {name: values[:epoch] for name, values in self.history.items()}

    def on_test_begin(self, logs: Any = None) -> None:
        """Validate with the averages."""
        if self.swaps:
            swap(self.model.optimizer)

    def on_test_end(self, logs: Any = None) -> None:
        """Go on with the weights."""
        if self.swaps:
            swap(self.model.optimizer)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep this epoch if it is the best so far, and commit it.

        What is measured joins Keras' logs, so that its progress bar and other callbacks see it.
        (On JAX too, Keras has put the trained weights back into the network by then.)
        """
        logs = {} if logs is None else logs
        with averaged(self.model.optimizer):
            weights = [np.array(weight) for weight in self.model.get_weights()]
            check_epoch(epoch, logs, weights, self.options)
            if self.task.best is not None and len(self.checks):
                logs[f"val_{self.task.best}"] = self.task.evaluate(self.checks)[self.task.best]
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        improved = best_epoch(self.history, self.task.best) == len(self.history["loss"]) - 1
        if improved:
            self.best = weights
        if self.backup is not None:
            self._commit(self.backup, epoch + 1, improved)

    def _commit(self, backup: Backup, finished: int, improved: bool) -> None:
        """Replace what is on disk at once: the best weights, the history and the back-up.

        The whole task is saved at first, then only its weights.
        """
        with committing(backup.directory, backup.names()) as staging:
            if improved:
                with averaged(self.model.optimizer):
                    (self.task.save_weights if self.saved else self.task.save)(staging)
            write_history(staging, self.history)
            backup.write(staging, self.model, finished)
        self.saved = self.saved or improved

    def on_train_end(self, logs: Any = None) -> None:
        """A finished training needs no back-up."""
        if self.backup is not None:
            with committing(self.backup.directory, self.backup.names()):
                pass

    def restore(self) -> None:
        """Put the best epoch's weights back into the network."""
        if self.best is not None:
            self.model.set_weights(self.best)
        elif self.backup is not None and self.history:
            self.task.load_weights(self.backup.directory)


def write_history(directory: Path, history: Mapping[str, Sequence[float]]) -> None:
    """Write the measures of each epoch; what is not finite stands as null, which JSON has."""
    finite = {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in history.items()
    }
    write_json(directory / HISTORY, finite)


def read_history(directory: Path) -> dict[str, list[float]]:
    """Read the measures of each epoch."""
    return {
        name: [math.nan if value is None else float(value) for value in values]
        for name, values in read_json(directory / HISTORY).items()
    }
