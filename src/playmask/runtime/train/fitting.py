"""Fitting a task: Keras' own loop, with the best epoch kept and an interrupted run continued."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import keras
import numpy as np

from playmask.errors import ConfigError
from playmask.files.commits import committing
from playmask.runtime.adapters import FILES
from playmask.runtime.batches import Batches
from playmask.runtime.train.averages import (
    Pairs,
    averaged,
    check_one_average,
    put_averages,
    put_back,
    swapped_by,
)
from playmask.runtime.train.backup import HISTORY, Backup, read_history, write_history
from playmask.runtime.train.finite import FiniteLoss, check_epoch
from playmask.runtime.train.hooks import OpenStep, StepHook, hooks_among
from playmask.runtime.train.methods import methods_of
from playmask.runtime.train.optimizers.building import optimizer_for
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.measures import Measure, best_epoch, stale_epochs
from playmask.runtime.train.watching.watch import Watch, measure_of


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
    methods = [m for m in methods_of(options) if isinstance(m, keras.callbacks.Callback)]
    callbacks = [*methods, *callbacks]
    watch = Watch.of(network, options, directory, callbacks)
    measure = measure_of(task, options, checks, validated=validation is not None)
    hooks = _hooks(network, watch.around(callbacks))
    if isinstance(network, OpenStep):
        network.join(hooks, batches)
    backup = None if directory is None else Backup(directory, plan.data)
    keep = KeepBest(task, batches, backup, checks, options, measure)
    keep.swaps = not swapped_by(callbacks)
    begin: list[Any] = []
    try:
        optimizer = optimizer_for(network, options, options.epochs * len(batches))
        check_one_average(hooks, optimizer)
        task.compile(optimizer)
        if isinstance(network, OpenStep):
            network.check()
        watch.attach(network.optimizer)
        # TensorFlow would build it in the compiled step
        network.optimizer.build(network.trainable_variables)
        finished = keep.start(resume=plan.resume)
        own = [FiniteLoss(options), keep]
        begin += [np.array(keras.ops.convert_to_numpy(v.value)) for v in network.variables]
        with watch.running(options, epoch=finished, steps=len(batches)):
            network.fit(
                batches,
                epochs=options.epochs,
                initial_epoch=options.epochs if keep.stopped else finished,
                validation_data=validation,
                shuffle=False,  # the batches do by themselves, so that a resumed run can repeat it
                callbacks=watch.around([*own, *callbacks]),
                verbose=verbose,
            )
    except BaseException:
        # Keras on JAX may stop while the values of all variables, seeds too, are handed over.
        for variable, value in zip(network.variables, begin, strict=False):
            variable.assign(value)
        raise
    finally:
        keep.restore()
        if isinstance(network, OpenStep):
            network.leave(hooks)
    return keep.history


def _hooks(network: keras.Model, callbacks: Sequence[Any]) -> list[StepHook]:
    """The hooks among the callbacks, for a network whose steps they can join."""
    hooks = hooks_among(callbacks)
    if not isinstance(network, OpenStep):
        hooks = [hook for hook in hooks if not hook.passive]
    if hooks and not isinstance(network, OpenStep):
        raise ConfigError(
            f"{type(hooks[0]).__name__} joins the steps of a TaskNetwork; this network is a "
            f"{type(network).__name__}, whose steps are Keras' own."
        )
    return hooks


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and commits each epoch to disk where there is a back-up.

    Where a hook or the optimizer averages the weights, the averages are measured and kept; the
    training goes on with the weights themselves.

    checks: validation examples, on which the task is measured by what it says is best
    measure: what epochs are compared by; after so many that are no better, training stops
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
        self.history: dict[str, list[float]] = {}
        self.best: list[np.ndarray] | None = None
        self.trained: Pairs = []  # the weights, while averages stand in their place
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
            weights = [np.array(weight) for weight in self.model.get_weights()]
            check_epoch(epoch, logs, weights, self.options)
            logs.update(self._measured(logs))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        improved = best_epoch(self.history, self.measure) == len(self.history["loss"]) - 1
        if improved:
            self.best = weights
        if self.backup is not None:
            self._commit(self.backup, epoch + 1, improved)
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

    def _commit(self, backup: Backup, finished: int, improved: bool) -> None:
        """Replace what is on disk at once: the best weights, the history and the back-up.

        The whole task is saved at first, then only its weights.
        """
        anew = FILES if improved and not self.saved else ()  # no older training's adapters stay
        with committing(backup.directory, [*backup.names(), *anew]) as staging:
            if improved:
                with averaged(self.model):
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
