"""Fitting a task: Keras' own loop, with the best epoch kept and an interrupted run continued."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.checkpoints.save import write_json
from playmask.checkpoints.source import read_json
from playmask.data.batches import Batches
from playmask.errors import ConfigError
from playmask.train.optimizers import adamw
from playmask.train.schedules import warm_up_then_decay

HISTORY, BACKUP = "training.json", ".playmask-training"


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast to train; warm_up is a part of all steps, rates are per step."""

    epochs: int
    learning_rate: float
    warm_up: float = 0.1
    weight_decay: float = 0.01
    clip: float | None = 1.0
    resume: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"epochs must be at least 1, not {self.epochs}.")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be between 0 and 1, not {self.learning_rate}.")
        if not 0 <= self.warm_up < 1:
            raise ConfigError(f"warm_up is a part of the training, 0 to 1, not {self.warm_up}.")


def train(
    task: Any,
    batches: Batches,
    validation: Batches | None,
    plan: TrainingPlan,
    *,
    directory: Path | None,
    callbacks: list[keras.callbacks.Callback],
    verbose: Any,
) -> dict[str, list[float]]:
    """Fit a task's network; its best epoch's weights are in it afterwards, even if interrupted."""
    network = task.network
    rate = warm_up_then_decay(plan.learning_rate, plan.epochs * len(batches), plan.warm_up)
    task.compile(adamw(network, rate, weight_decay=plan.weight_decay, clip=plan.clip))
    keep = KeepBest(task, batches, directory, watched="val_loss" if validation else None)
    own: list[keras.callbacks.Callback] = [keep]
    if directory is not None:
        own.append(_backup(directory, plan.resume))
    keep.start(resume=plan.resume)
    try:
        network.fit(
            batches,
            epochs=plan.epochs,
            validation_data=validation,
            shuffle=False,  # the batches shuffle themselves, so that a resumed run can repeat it
            callbacks=[*own, *callbacks],
            verbose=verbose,
        )
    finally:
        keep.restore()
    return keep.history


def _backup(directory: Path, resume: bool) -> keras.callbacks.Callback:
    """Keras' own back-up of weights, optimizer and epoch; a fresh training drops an old one."""
    folder = directory / BACKUP
    if not resume and folder.is_dir():
        shutil.rmtree(folder)
    return keras.callbacks.BackupAndRestore(str(folder), double_checkpoint=True)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, on disk too where there is a directory.

    watched: a metric, lower is better; None = the last epoch is the best.
    """

    def __init__(
        self, task: Any, batches: Batches, directory: Path | None, watched: str | None
    ) -> None:
        super().__init__()
        self.task, self.batches, self.directory, self.watched = task, batches, directory, watched
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
        """Keep this epoch if it is the best so far."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        values = self.history[self.watched] if self.watched else [0.0]
        if values[-1] <= min(values):
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
