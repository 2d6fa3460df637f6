"""Fitting a task: Keras' own loop, with the best epoch kept and an interrupted run continued."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import keras
import numpy as np

from playmask.errors import ConfigError
from playmask.files import read_json, write_json
from playmask.runtime.batches import Batches
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
    keep = KeepBest(task, batches, directory, checks)
    own: list[keras.callbacks.Callback] = [keep]
    finished = 0
    if directory is not None:
        backup = Backup(directory / BACKUP, plan.data)
        own.append(backup)
        finished = backup.take_up(network) if plan.resume else backup.clear()
    keep.start(resume=plan.resume)
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


class Backup(keras.callbacks.Callback):
    """What an interrupted training goes on from: one file of weights and optimizer an epoch.

    Each is written beside and renamed, its name holds the number of finished epochs, and the one
    before goes only then; so there is always a whole one, whenever the interruption comes. (Keras'
    BackupAndRestore writes in place: a Ctrl-C in that moment leaves a file that does not load.)
    """

    PATTERN = "epochs-*.weights.h5"

    def __init__(self, folder: Path, data: str) -> None:
        super().__init__()
        self.folder, self.data = folder, data

    def clear(self) -> int:
        """Forget a training that was there before; returns 0, the finished epochs."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
        return 0

    def take_up(self, network: keras.Model) -> int:
        """Restore weights and optimizer; returns how many epochs were finished."""
        saved = sorted(self.folder.glob(self.PATTERN), key=_finished)
        if not saved:
            return 0
        if (self.folder / DATA).read_text() != self.data:
            raise ConfigError(
                f"The training in {self.folder.parent} was on other examples; going on needs the "
                "same ones. Begin anew instead."
            )
        network.optimizer.build(network.trainable_variables)
        network.load_weights(saved[-1])
        return _finished(saved[-1])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write this epoch, then drop those before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DATA).write_text(self.data)
        file = self.folder / self.PATTERN.replace("*", str(epoch + 1))
        beside = file.with_name(f"writing.{file.name}")
        self.model.save_weights(beside, overwrite=True)
        beside.replace(file)
        for old in self.folder.iterdir():
            if old.name not in (file.name, DATA):
                old.unlink()

    def on_train_end(self, logs: Any = None) -> None:
        """A finished training needs no back-up."""
        self.clear()


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
    """Keeps the weights of the best epoch, on disk too where there is a directory.

    checks: validation examples, on which the task is measured by what it says is best
    """

    def __init__(
        self,
        task: Trainable,
        batches: Batches,
        directory: Path | None,
        checks: Sequence[Any],
    ) -> None:
        super().__init__()
        self.task, self.batches, self.directory = task, batches, directory
        self.checks = checks
        self.history: dict[str, list[float]] = {}
        self.best: list[np.ndarray] | None = None
        self.saved = False

    def start(self, *, resume: bool) -> None:
        """Forget an old history, or take up that of the interrupted training."""
        if self.directory is None:
            return
        if resume and (self.directory / HISTORY).is_file():
            self.history = read_json(self.directory / HISTORY)
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / HISTORY).unlink(missing_ok=True)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """A resumed training goes on with the order of batches it would have had."""
        self.batches.set_epoch(epoch)
        self.history = {name: values[:epoch] for name, values in self.history.items()}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep this epoch if it is the best so far.

        What is measured joins Keras' logs, so that its progress bar and other callbacks see it.
        (On JAX too, Keras has put the trained weights back into the network by then.)
        """
        logs = {} if logs is None else logs
        if self.task.best is not None and len(self.checks):
            logs[f"val_{self.task.best}"] = self.task.evaluate(self.checks)[self.task.best]
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if best_epoch(self.history, self.task.best) == len(self.history["loss"]) - 1:
            self.best = [np.array(weight) for weight in self.model.get_weights()]
            if self.directory is not None:
                self._save(self.directory)
        if self.directory is not None:
            write_json(self.directory / HISTORY, self.history)

    def _save(self, directory: Path) -> None:
        """The whole task at first, then only its weights: one file, replaced at once."""
        (self.task.save_weights if self.saved else self.task.save)(directory)
        self.saved = True

    def restore(self) -> None:
        """Put the best epoch's weights back into the network."""
        if self.best is not None:
            self.model.set_weights(self.best)
        elif self.directory is not None and self.history:
            self.task.load_weights(self.directory)
