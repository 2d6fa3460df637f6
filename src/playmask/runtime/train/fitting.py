"""Fitting a task: Keras' own loop, with the best epoch kept and an interrupted run continued."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras

from playmask.errors import ConfigError
from playmask.runtime.batches import Batches
from playmask.runtime.host_copies import assign_copy, host_copy
from playmask.runtime.peer_processes import agree, together
from playmask.runtime.train.accumulation import (
    Accumulating,
    GroupedBatches,
    Grouping,
    check_accumulates,
)
from playmask.runtime.train.ahead import compiled_ahead
from playmask.runtime.train.averages import check_one_average, swapped_by
from playmask.runtime.train.backup import Backup, Position
from playmask.runtime.train.finite import FiniteLoss
from playmask.runtime.train.hooks import OpenStep, StepHook, hooks_among
from playmask.runtime.train.keeping import KeepBest, Trainable
from playmask.runtime.train.limits import Limits
from playmask.runtime.train.loop import run_epochs
from playmask.runtime.train.memory import (
    further_savings,
    largest_batch_size,
    resized,
    step_bytes,
)
from playmask.runtime.train.methods import methods_of
from playmask.runtime.train.optimizers.building import optimizer_for
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.precision import computing_in, scaled
from playmask.runtime.train.rematerialization import rematerializing
from playmask.runtime.train.units import size_in_bytes
from playmask.runtime.train.watching.history import History
from playmask.runtime.train.watching.logs import CSV, FOLDER
from playmask.runtime.train.watching.table_log import steps_in
from playmask.runtime.train.watching.watch import Watch, measure_of

UNWATCHED = Watch()


class TrainingPlan(NamedTuple):
    """How to train, on which data (a fingerprint of them), and whether to go on with a training."""

    options: TrainingOptions
    resume: bool = False
    data: str = ""


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
) -> History:
    """Fit a task's network; its best epoch's weights are in it afterwards, even if interrupted.

    checks: the examples of the validation, on which a task is measured that says by what
    """
    network, options = task.network, plan.options
    _agree(plan)
    if directory is None and options.save_every is not None:
        raise ConfigError("save_every saves into the folder of the task: give fit a directory.")
    callbacks = [*_methods(options), *callbacks]
    watch = Watch.of(network, options, directory, callbacks)
    measure = measure_of(task, options, checks, validated=validation is not None)
    grouping = Grouping(len(batches), options.accumulate)
    backup = None if directory is None else Backup(directory, plan.data, batches, grouping)
    keep = KeepBest(task, batches, backup, checks, options, measure)
    keep.limits = Limits(options, grouping, keep.save)
    keep.swaps = not swapped_by(callbacks)
    own = [FiniteLoss(options), keep, keep.limits]
    grouped = batches if grouping.size == 1 else GroupedBatches(batches, grouping.size)
    steps = grouping.updates_of(options) * grouping.size
    ahead = compiled_ahead(grouped, validation, steps, callbacks)
    with prepared(task, options, batches, callbacks, watch), ahead as compiling:
        position = keep.start(resume=plan.resume)
        agree("where the interrupted training stands", str(position))
        if keep.stopped:
            position = Position(options.epochs)
        done = position.epoch * len(batches) + position.batch
        running = watch.running(options, done=done, steps=len(batches))
        with together(), _kept(network, keep), running:
            run_epochs(
                network,
                grouped,
                position,
                options.epochs,
                callbacks=[*watch.around([*own, *callbacks]), *compiling],
                validation=validation,
                verbose=verbose,
            )
    if directory is not None and CSV in options.log:
        keep.history.steps = steps_in(directory / FOLDER)
    return keep.history


def _agree(plan: TrainingPlan) -> None:
    """See that all processes train the same."""
    agree("the options of the training", repr(plan.options))
    agree("the data", plan.data)


def _methods(options: TrainingOptions) -> list[Any]:
    """The methods that take part in the loop."""
    return [m for m in methods_of(options) if isinstance(m, keras.callbacks.Callback)]


@contextmanager
def prepared(
    task: Trainable,
    options: TrainingOptions,
    batches: Batches,
    callbacks: Sequence[Any],
    watch: Watch = UNWATCHED,
) -> Iterator[None]:
    """Compile a task's network for a training, and let it compute as that asks meanwhile."""
    network, grouping = task.network, Grouping(len(batches), options.accumulate)
    hooks = _hooks(network, watch.around(callbacks))
    with (
        computing_in(network, options.precision),
        rematerializing(network, on=options.rematerialize),
        _joined(network, hooks, batches, options),
    ):
        updates = grouping.updates_of(options)
        if isinstance(network, OpenStep):
            network.updates, network.updates_of_epoch = updates, grouping.updates
        optimizer = optimizer_for(network, options, updates)
        check_one_average(hooks, optimizer)
        optimizer = scaled(optimizer, options.precision)
        task.compile(optimizer if grouping.size == 1 else Accumulating(optimizer, grouping))
        if isinstance(network, OpenStep):
            network.check()
        if grouping.size > 1:
            check_accumulates(network)
        watch.attach(network.optimizer)
        # TensorFlow would build it in the compiled step
        network.optimizer.build(network.trainable_variables)
        yield


@contextmanager
def _joined(
    network: keras.Model, hooks: Sequence[StepHook], batches: Batches, options: TrainingOptions
) -> Iterator[None]:
    """Let hooks join a network's steps meanwhile."""
    if not isinstance(network, OpenStep):
        yield
        return
    network.join(hooks, batches)
    network.accumulates = options.accumulate > 1
    try:
        yield
    finally:
        network.accumulates = False
        network.leave(hooks)


@contextmanager
def _kept(network: keras.Model, keep: KeepBest) -> Iterator[None]:
    """Leave the best epoch's weights in a network, or those it began with where there is none."""
    begin = [host_copy(variable.value) for variable in network.variables]
    try:
        yield
    except BaseException:
        # Keras on JAX may stop while the values of all variables, seeds too, are handed over.
        for variable, value in zip(network.variables, begin, strict=False):
            assign_copy(variable, value)
        raise
    finally:
        keep.restore()


def batch_size_within(
    task: Trainable, batches: Batches, options: TrainingOptions, callbacks: Sequence[Any], most: int
) -> int:
    """The largest batch size, up to `most`, whose step fits into the memory that options name."""
    longest = max(range(len(batches)), key=lambda i: batches[i][0]["valid"].shape[1])
    batch = batches[longest]
    with prepared(task, options, batches, [*_methods(options), *callbacks]):

        def cost(size: int) -> int:
            return step_bytes(task.network, resized(batch, size))

        limit, savings = size_in_bytes(options.memory or ""), further_savings(options)
        return largest_batch_size(cost, limit, most, savings)


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
