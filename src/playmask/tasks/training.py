"""The training of a task: batches of its examples, and Keras' loop over them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import keras
import numpy as np
import numpy.typing as npt

from playmask.checkpoints.save import check_can_be_saved
from playmask.data.examples import Examples
from playmask.data.streams import (
    WEIGHED,
    ExampleStream,
    fingerprint,
    gathered,
    groups_of,
    shuffled,
    weights_of,
)
from playmask.errors import ConfigError, DataError
from playmask.model.transformer import Transformer
from playmask.runtime.adapters import forget
from playmask.runtime.batches import Batches
from playmask.runtime.devices import check_layout, rows_for_devices
from playmask.runtime.padding import Batch
from playmask.runtime.planning import price_of
from playmask.runtime.streamed_batches import StreamedBatches
from playmask.runtime.train.accumulation import Grouping
from playmask.runtime.train.fitting import TrainingPlan, batch_size_within, train
from playmask.runtime.train.freezing import freezing
from playmask.runtime.train.keeping import Trainable
from playmask.runtime.train.methods import methods_of
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.history import History
from playmask.tasks.loss_changes import LossChanges
from playmask.tasks.objective import Objective, counts_of
from playmask.tasks.unlabelled import Reading, join_texts, unlabelled_texts
from playmask.tasks.writing.replacement import Writing, replaced

MEASURED = 1000  # validation examples at most on which an epoch is measured

Learnt = Examples[Any] | ExampleStream[Any]


def measured(checks: Sequence[Any]) -> slice:
    """Which validation examples an epoch is measured on: at most MEASURED, spread evenly."""
    return slice(None, None, -(-len(checks) // MEASURED) or None)


class Fitted(Trainable, Reading, Protocol):
    """What is trained on examples: it reads them, learns settings from them, makes batches."""

    settings: Any
    training: TrainingOptions | None
    loss_changes: LossChanges

    @property
    def objective(self) -> Objective:
        """The losses that the task learns by, and what joins the steps because of them."""

    @property
    def transformer(self) -> Transformer:
        """The Transformer inside."""

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
) -> History:
    """Train a task on what is to be learnt and, perhaps, validated; arguments as of `Task.fit`."""
    if directory is not None:
        check_can_be_saved(task.transformer)
    examples, checks = learning_data(task, *data, options, skip_bad=skip_bad)
    if not isinstance(examples, ExampleStream) and weights_of(examples) is not None:
        examples.notes.append(WEIGHED)
    texts = unlabelled_texts(task, options.unlabelled, skip_bad=skip_bad)
    hashed = fingerprint(examples)
    hashed = fingerprint([hashed, *texts]) if texts else hashed
    forget(task.transformer)
    return fit_network(
        task,
        examples,
        checks,
        TrainingPlan(options, resume=resume, data=hashed),
        texts=texts,
        directory=None if directory is None else Path(directory),
        callbacks=[*task.objective.hooks, *callbacks],
        verbose=verbose,
    )


def learning_data(
    task: Any, train_data: Any, validation: Any, options: TrainingOptions, *, skip_bad: bool
) -> tuple[Learnt, Examples[Any] | None]:
    """The checked examples to learn from, by which the settings learn, and those to measure on."""
    if options.stream and not isinstance(train_data, ExampleStream):
        reading = {"limit": options.limit, "skip_bad": skip_bad}
        train_data = stream_of(task, task.settings, train_data, **reading)
    examples = limited(task.read(train_data, skip_bad=skip_bad), options.limit)
    before, task.settings = task.settings, task.learn(task.settings, examples)
    try:
        check_options(task, examples, options)
        checks = None if validation is None else task.read_references(validation, skip_bad=skip_bad)
    except (ConfigError, DataError):
        task.settings = before  # nothing was learnt
        raise
    return examples, checks


def stream_of(
    kind: Any, settings: Any, path: Any, *, limit: int | None = None, **options: Any
) -> ExampleStream[Any]:
    """The examples of a file for a kind of task, read as they are needed; options of `parse`.

    Raises: ConfigError for a task that has to hold them all, or what is no file
    """
    if not kind.streams:
        raise ConfigError(
            f"A task {settings.task!r} cannot stream: it needs all its examples at once (texts in "
            "windows, ranges of scores, pairs among one another); leave stream out."
        )
    if not isinstance(path, (str, Path)):
        raise ConfigError("stream reads a file as it is needed; examples came that are held.")
    stream: ExampleStream[Any] = kind.parse(settings, path, lazily=True, **options)
    return stream.part(slice(limit))


def limited(examples: Any, limit: int | None) -> Any:
    """The first examples, as many as a limit says; it is noted where that leaves some out."""
    if limit is None or isinstance(examples, ExampleStream) or len(examples) <= limit:
        return examples
    few = examples.part(slice(limit))
    few.skipped = examples.skipped
    left = f"{len(examples) - limit:,} examples behind the first {limit:,} are left out"
    few.notes = [*examples.notes, f"limit: {left}"]
    return few


def check_options(task: Any, examples: Learnt, options: TrainingOptions) -> None:
    """See that a task and its examples go with what a training asks of its data.

    Raises: ConfigError
    """
    task.objective.check(options)
    refused = {
        "sampling": options.sampling == "balanced" and task.objective.targets != "classes",
        "replace_targets": options.replace_targets > 0 and not isinstance(task, Writing),
    }
    needs = {"sampling": "texts of one label each", "replace_targets": "targets that are written"}
    for name in (name for name, is_so in refused.items() if is_so):
        value = getattr(options, name)
        raise ConfigError(
            f"{name}={value} is for {needs[name]}; a task {task.settings.task!r} has none."
        )
    if isinstance(examples, ExampleStream):
        if options.memory is not None:
            raise ConfigError(
                "memory looks for the longest example before training, which stream does not hold; "
                "give batch_size."
            )
        for name, value in (("sampling", "balanced"), ("curriculum", "length")):
            if getattr(options, name) == value:
                raise ConfigError(
                    f"{name}={value} orders all examples, which stream does not hold; take one."
                )


def batches_of(task: Any, examples: Any, batch_size: int, **options: Any) -> Batches:
    """Padded batches of examples, as a task's network learns them; options of `Batches`."""
    options = {"lengths": task.predictor.lengths, "prepare": task.prepare, **options}
    size = rows_for_devices(min(batch_size, len(examples)))
    if isinstance(examples, ExampleStream):
        return cast(Batches, _streamed(task, examples, size, options))
    return _held(task, Examples.of(examples), size, options)


def _held(task: Any, examples: Examples[Any], size: int, options: Mapping[str, Any]) -> Batches:
    rows, targets, numbers = task.encode_examples(examples)
    weights = weights_of(examples)
    if weights is not None and numbers is not None:
        weights = [weights[i] for i in numbers]
    padding = {"tokens": task.transformer.architecture.pad or 0}
    return Batches(rows, targets, weights, batch_size=size, padding=padding, **options)


def _streamed(
    task: Any, stream: ExampleStream[Any], size: int, options: dict[str, Any]
) -> StreamedBatches:
    """Batches of a stream; of the options, what each group of examples needs."""
    buffer, seed = options.pop("buffer"), options.pop("seed")
    options.pop("price")  # all groups have the same lengths

    def read(group: int, random: np.random.Generator) -> Iterator[Examples[Any]]:
        for each in groups_of(shuffled(stream.weighted(), buffer, random), group):
            yield gathered(each)

    def encode(group: Any, seed: int) -> Batches:
        return _held(task, group, size, {**options, "seed": seed})

    return StreamedBatches(len(stream), read, encode, batch_size=size, seed=seed)


def _passes(options: TrainingOptions, examples: int) -> float:
    """About how often a training passes over its examples."""
    if options.max_steps is None:
        return options.epochs
    texts = options.max_steps * options.accumulate * options.batch_size
    return min(options.epochs, max(1.0, texts / examples))


def data_options(task: Any, examples: Learnt, options: TrainingOptions) -> dict[str, Any]:
    """What a training asks of its batches, besides their size: options of `Batches`."""
    chosen: dict[str, Any] = {}
    if options.sampling == "balanced":
        chosen["classes"] = np.array([example.label for example in examples])
    if options.replace_targets:
        chosen["prepare"] = partial(_replacing, task, options.replace_targets)
    if isinstance(examples, ExampleStream):
        chosen["buffer"] = options.buffer
    return chosen


def _replacing(task: Any, share: float, batch: Batch, random: np.random.Generator) -> Batch:
    inputs, targets, weights = batch = task.prepare(batch, random)
    name, places = task.written(batch)
    return {**inputs, name: replaced(inputs[name], places, share, random)}, targets, weights


def loss_changes(
    objective: Objective, batches: Batches | StreamedBatches, options: TrainingOptions
) -> LossChanges:
    """What options change of a loss; how often classes occur is counted in the batches' targets."""

    def counted() -> npt.NDArray[Any]:
        parts = batches.groups() if isinstance(batches, StreamedBatches) else [batches]
        kind, count = objective.targets, len(objective.classes)
        total: npt.NDArray[Any] = np.sum(
            [counts_of(part.targets, kind, count) for part in parts], axis=0
        )
        return total

    return objective.changes_of(options, counted)


def sized(
    task: Fitted,
    examples: Any,
    plan: TrainingPlan,
    callbacks: Sequence[Any],
    texts: Sequence[Any],
) -> TrainingOptions:
    """The options of a training, with the batch size that fits where they name a memory.

    One that is taken up again goes on with the size it had.
    """
    options, before = plan.options, task.training
    if options.memory is None:
        return options
    if plan.resume and before is not None and before.memory == options.memory:
        return options.change(batch_size=before.batch_size)
    batches = task.batches(examples, 1, shuffle=False)
    join_texts(task, batches, texts, [*methods_of(options), *callbacks])
    size = batch_size_within(task, batches, options, callbacks, most=len(examples))
    return options.change(batch_size=size)


def fit_network(
    task: Fitted,
    examples: Any,
    checks: Examples[Any] | None,
    plan: TrainingPlan,
    *,
    texts: Sequence[Any] = (),
    directory: Path | None,
    callbacks: list[keras.callbacks.Callback],
    verbose: Any,
) -> History:
    """Train a task's network on checked examples; arguments as of `Task.fit`.

    texts: without labels, which methods learn from that take some
    """
    with freezing(task.network, plan.options.freeze):
        options = sized(task, examples, plan, callbacks, texts)
    check_layout(task.network)
    named = options.unlabelled if isinstance(options.unlabelled, str) else None
    task.training = options.change(unlabelled=named)  # texts themselves are no option
    keras.utils.set_random_seed(options.seed)
    size, seed = options.batch_size, options.seed
    weights, passes = task.network.count_params(), _passes(options, len(examples))
    price = price_of(weights, passes=3) / passes
    data = data_options(task, examples, options)
    batches = task.batches(examples, size, seed=seed, shuffle=True, price=price, **data)
    if options.curriculum == "length":
        grouping = Grouping(len(batches), options.accumulate)
        batches.curriculum = grouping.updates_of(options) / grouping.updates
    task.loss_changes = loss_changes(task.objective, batches, options)
    join_texts(task, batches, texts, [*methods_of(options), *callbacks])
    validation = None
    if checks is not None:
        price = price_of(weights) / passes
        validation = task.batches(task.learnable(checks), size, shuffle=False, price=price)
    with freezing(task.network, options.freeze):
        return train(
            task,
            batches,
            validation,
            plan._replace(options=options),
            checks=() if checks is None else checks.part(measured(checks)),
            directory=directory,
            callbacks=callbacks,
            verbose=verbose,
        )
