"""What a training keeps: the best epoch's weights, and what it can go on from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from playmask.files.commits import committing
from playmask.runtime.adapters import FILES
from playmask.runtime.batches import Batches
from playmask.runtime.host_copies import HostCopy, assign_copy, host_copy, whole_weights
from playmask.runtime.peer_processes import committing_with_peers, first_ones, is_first
from playmask.runtime.train.averages import Pairs, averaged, put_averages, put_back
from playmask.runtime.train.backup import (
    HISTORY,
    Backup,
    Position,
    read_history,
    write_history,
)
from playmask.runtime.train.finite import check_epoch, check_weights
from playmask.runtime.train.limits import Limits
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.state_files import format_for
from playmask.runtime.train.watching.history import History
from playmask.runtime.train.watching.measures import Measure, best_epoch, stale_epochs


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


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and commits each epoch to disk where there is a back-up.

    Where a hook or the optimizer averages the weights, the averages are measured and kept; the
    training goes on with the weights themselves.

    checks: validation examples, on which the task is measured by what it says is best
    measure: what epochs are compared by; after so many that are no better, training stops
    limits: what knows how far the training has come
    swaps: whether this callback puts the averages in place for validation
    """

    def __init__(
        self,
        task: Trainable,
        batches: Batches,
        backup: Backup | None,
        checks: Sequence[Any],
        options: TrainingOptions,
        measure: Measure,
    ) -> None:
        super().__init__()
        self.measure = measure
        self.task, self.batches, self.backup = task, batches, backup
        self.checks, self.options = checks, options
        self.history = History()
        self.best: list[HostCopy] | None = None
        self.trained: Pairs = []  # the weights, while averages stand in their place
        self.limits: Limits
        self.saved = self.there = False  # by this training; by it, or before it was interrupted
        self.swaps = True

    def start(self, *, resume: bool) -> Position:
        """Take up an interrupted training, or forget an older one; returns where it goes on."""
        if self.backup is None:
            return Position(0)
        directory = self.backup.directory
        format_for(self.task.network)  # refuses what cannot be written
        position = self.backup.take_up(self.task.network) if resume else Position(0)
        if any(position):
            self.history = History(read_history(directory))
            self.batches.set_epoch(position.epoch)
            self.there = True
            return position
        if is_first() and (self.backup.names() or (directory / HISTORY).exists()):
            with committing(directory, [*self.backup.names(), HISTORY]):
                pass
        return Position(0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """A resumed training goes on with the order of batches, and measures, it would have had."""
        self.batches.set_epoch(epoch)
        if self.backup is not None:
            self.backup.take_up_measures(self.model)

    def on_test_begin(self, logs: Any = None) -> None:
        """Validate with the averages."""
        if self.swaps:
            self.trained = put_averages(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        """Go on with the weights."""
        put_back(self.trained)
        self.trained = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep this epoch if it is the best so far, and commit it.

        What is measured joins Keras' logs, so that its progress bar and other callbacks see it.
        (On JAX too, Keras has put the trained weights back into the network by then.)
        """
        logs = {} if logs is None else logs
        with averaged(self.model):
            weights = [host_copy(weight.value) for weight in self.model.weights]
            check_epoch(epoch, logs, weights, self.options)
            logs.update(_as_first(logs | self._measured(logs)))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        improved = best_epoch(self.history, self.measure) == len(self.history["loss"]) - 1
        if improved:
            self.best = weights
        if self.backup is not None:
            self._commit(self.backup, self.limits.next(), improved)
        if self.stopped:
            self.model.stop_training = True

    @property
    def stopped(self) -> bool:
        """Whether so many epochs have been no better that training is to stop."""
        limit = self.options.stop_after
        stale = stale_epochs(self.history, self.measure) if self.history else 0
        return limit is not None and stale >= limit

    def _measured(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """What the task says is best and what epochs are compared by, where Keras measures none."""
        names = {n for n in (self.task.best, self.measure.name) if n and f"val_{n}" not in logs}
        if not names or not len(self.checks):
            return {}
        scores = self.task.evaluate(self.checks)
        return {f"val_{name}": scores[name] for name in sorted(names)}

    def save(self, position: Position) -> None:
        """Commit what an epoch has come to, to go on from there."""
        if self.backup is None:
            return
        getattr(self.model, "jax_state_sync", lambda: None)()
        weights = [host_copy(weight.value) for weight in self.model.weights]
        check_weights(f"in epoch {position.epoch + 1}", weights, self.options)
        self._commit(self.backup, position, not self.there)

    def _commit(self, backup: Backup, position: Position, weights: bool) -> None:
        """Replace what is on disk at once: the history, the back-up and, if asked, the weights.

        The whole task is saved at first, then only its weights. Of several processes one writes,
        but for the back-up.
        """
        anew = FILES if weights and not self.saved else ()  # no older training's adapters stay
        with committing_with_peers(backup.directory, [*backup.names(), *anew]) as staging:
            if weights:
                with averaged(self.model), whole_weights(self.model):
                    if is_first():
                        (self.task.save_weights if self.saved else self.task.save)(staging)
            if is_first():
                write_history(staging, self.history)
            backup.write(staging, self.model, position)
        self.saved = self.saved or weights
        self.there = self.there or weights

    def on_train_end(self, logs: Any = None) -> None:
        """A finished training needs no back-up, one whose time was over does."""
        over = self.limits.is_interrupted(self.options.epochs)
        if self.backup is not None and not over and is_first():
            with committing(self.backup.directory, self.backup.names()):
                pass

    def restore(self) -> None:
        """Put the best epoch's weights back into the network."""
        if self.best is not None:
            for weight, copy in zip(self.model.weights, self.best, strict=True):
                assign_copy(weight, copy)
        elif self.backup is not None and self.history:
            self.task.load_weights(self.backup.directory)


def _as_first(measures: Mapping[str, Any]) -> dict[str, float]:
    """An epoch's measures as the first process has them: all are to find the same epoch best."""
    values = np.array([float(value) for value in measures.values()])
    return dict(zip(measures, first_ones(values).tolist(), strict=True))
