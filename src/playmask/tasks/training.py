"""The training of a task: batches of its examples, and Keras' loop over them."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras

from playmask.data.examples import Examples
from playmask.errors import DataError
from playmask.runtime.batches import Batches
from playmask.runtime.planning import price_of
from playmask.runtime.train.fitting import Trainable, TrainingPlan, train
from playmask.runtime.train.options import TrainingOptions

MEASURED = 1000  # validation examples at most on which an epoch is measured


def fingerprint(examples: Iterable[Any]) -> str:
    """A hash of examples, by which a resumed training knows its data."""
    return hashlib.sha256("\n".join(map(repr, examples)).encode()).hexdigest()


def measured(checks: Sequence[Any]) -> slice:
    """Which validation examples an epoch is measured on: at most MEASURED, spread evenly."""
    return slice(None, None, -(-len(checks) // MEASURED) or None)


class Fitted(Trainable, Protocol):
    """What is trained on examples: it reads them, learns settings from them, makes batches."""

    settings: Any
    training: TrainingOptions | None

    def read(self, data: Any, *, skip_bad: bool = False) -> Examples[Any]:
        """Read labelled examples."""

    def read_references(self, data: Any, *, skip_bad: bool = False) -> Examples[Any]:
        """Read labelled examples to be measured on."""

    def learn(self, settings: Any, examples: Examples[Any]) -> Any:
        """The settings, with what only examples say."""

    def batches(self, examples: Sequence[Any], batch_size: int, **options: Any) -> Batches:
        """Padded batches of examples."""

    def learnable(self, references: Examples[Any]) -> Examples[Any]:
        """Those of examples to be measured on that can be learnt from."""


def fit_task(
    task: Fitted,
    data: tuple[Any, Any],
    options: TrainingOptions,
    *,
    resume: bool,
    skip_bad: bool,
    directory: str | Path | None,
    callbacks: Iterable[keras.callbacks.Callback],
    verbose: Any,
) -> dict[str, list[float]]:
    """Train a task on what is to be learnt and, perhaps, validated; arguments as of `Task.fit`."""
    examples, checks = learning_data(task, *data, skip_bad=skip_bad)
    task.training = options
    return fit_network(
        task,
        examples,
        checks,
        TrainingPlan(options, resume=resume, data=fingerprint(examples)),
        directory=None if directory is None else Path(directory),
        callbacks=[*callbacks],
        verbose=verbose,
    )


def learning_data(
    task: Any, train_data: Any, validation: Any, *, skip_bad: bool
) -> tuple[Examples[Any], Examples[Any] | None]:
    """The checked examples to learn from, by which the settings learn, and those to measure on."""
    examples = task.read(train_data, skip_bad=skip_bad)
    before, task.settings = task.settings, task.learn(task.settings, examples)
    try:
        checks = None if validation is None else task.read_references(validation, skip_bad=skip_bad)
    except DataError:
        task.settings = before  # nothing was learnt
        raise
    return examples, checks


def batches_of(task: Any, examples: Sequence[Any], batch_size: int, **options: Any) -> Batches:
    """Padded batches of examples, as a task's network learns them; options of `Batches`."""
    rows, targets = task.encode_examples(examples)
    options = {"lengths": task.predictor.lengths, **options}
    return Batches(
        rows,
        targets,
        batch_size=min(batch_size, len(examples)),
        padding={"tokens": task.transformer.architecture.pad or 0},
        prepare=task.prepare,
        **options,
    )


def fit_network(
    task: Fitted,
    examples: Examples[Any],
    checks: Examples[Any] | None,
    plan: TrainingPlan,
    *,
    directory: Path | None,
    callbacks: list[keras.callbacks.Callback],
    verbose: Any,
) -> dict[str, list[float]]:
    """Train a task's network on checked examples; arguments as of `Task.fit`."""
    options = plan.options
    keras.utils.set_random_seed(options.seed)
    size, seed = options.batch_size, options.seed
    price = price_of(task.network.count_params(), passes=3) / options.epochs
    return train(
        task,
        task.batches(examples, size, seed=seed, shuffle=True, price=price),
        None if checks is None else task.batches(task.learnable(checks), size, shuffle=False),
        plan,
        checks=() if checks is None else checks.part(measured(checks)),
        directory=directory,
        callbacks=callbacks,
        verbose=verbose,
    )
