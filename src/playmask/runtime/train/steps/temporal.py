"""Temporal ensembling: answers stay near the average of those of the epochs before."""

import math
from typing import Any, ClassVar

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep, Step, StepHook
from playmask.runtime.train.moves import above_zero
from playmask.runtime.train.step import NUMBER, weighted_mean

MOST = 2**30  # bytes of averages


class TemporalEnsembling(StepHook):
    """Temporal ensembling, as a hook of `fit`.

    Adds weight · ‖p - p̃‖², the mean over classes: p is what the network answers to a text, and p̃
    the average of its answers in the epochs before, Z ← alpha · Z + (1 - alpha) · p, divided by
    1 - alpha^epochs. The weight rises over so many epochs (ramp), by exp(-5 (1 - t)²).
    Units:  probabilities; of numbers themselves
    Raises: ConfigError for numbers that cannot be, for a task that answers with tables that grow
            with the text, and where the averages would take more than a gigabyte
    Source: Laine & Aila 2017, algorithm 2

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data, hooks = [("味道不错", "good"), ("太失望", "bad")] * 4, [TemporalEnsembling(0.6)]
        >>> sorted(task.fit(data, epochs=2, callbacks=hooks, verbose=0))
        ['accuracy', 'loss']

    """

    compares: ClassVar[bool] = True
    numbers: ClassVar[bool] = True

    def __init__(self, alpha: float = 0.6, weight: float = 30.0, ramp: float = 1.0) -> None:
        super().__init__()
        if not 0 <= alpha < 1:
            raise ConfigError(f"alpha is from 0 to below 1, not {alpha!r}.")
        self.alpha, self.weight = alpha, above_zero("weight", weight)
        self.ramp = above_zero("ramp", ramp)

    def begin(self, network: OpenStep) -> None:
        """The averages, and how many answers each has."""
        assert network.batches is not None
        count, longest = len(network.batches.rows), network.batches.lengths[-1]
        inputs, *_ = network.batches[0]
        if len(inputs["tokens"]) != len(inputs[NUMBER]):
            raise ConfigError(
                "Temporal ensembling keeps the answers to each example, but this task makes other "
                "rows of them in each batch."
            )
        self.averages = {}
        for name, shape in _shapes(network, longest).items():
            _check_size(name, count, shape)
            empty = np.zeros((count, *shape), "float32")
            self.averages[name] = network.hook_variables.add(f"average_{name}", empty)
        self.counts = network.hook_variables.add("answers", np.zeros(count, "float32"))

    def add_loss(self, step: Step) -> Any:
        """How far the answers are from the averages, which they then join."""
        there = ops.cast(step.text_weights > 0, "float32")  # the rest only fills the batch
        counts = ops.take(self.counts.value, step.numbers)
        rise = ops.exp(-5.0 * ops.square(1.0 - ops.minimum(counts / self.ramp, 1.0)))
        rise = ops.where(counts > 0, rise, 0.0)
        valid, total = step.network.transformer.valid(step.inputs), 0.0
        for name, average in self.averages.items():
            learnt = step.network.learnt[name]
            assert learnt.divergence is not None
            answers = learnt.divergence.distribution(ops.cast(step.outputs[name], "float32"))
            before = _cut(ops.take(average.value, step.numbers, axis=0), answers)
            correction = _like(ops.maximum(1.0 - self.alpha**counts, 1e-6), answers)
            apart = ops.mean(ops.square(answers - before / correction), axis=-1)
            if len(apart.shape) > 1:  # of tokens: those that count, or are there
                weights = step.weights_of(name)
                here = ops.cast(valid if len(weights.shape) == 1 else weights > 0, "float32")
                apart = ops.sum(apart * here, axis=1) / ops.maximum(ops.sum(here, axis=1), 1.0)
            total = total + learnt.weight * weighted_mean(rise * apart, step.text_weights)
            move = (1.0 - self.alpha) * (ops.stop_gradient(answers) - before)
            _add(average, step.numbers, _like(there, answers) * move)
        _add(self.counts, step.numbers, there)
        return self.weight * total


def _like(x: Any, answers: Any) -> Any:
    """What each text has, (B,), to go with answers (B, …)."""
    return ops.reshape(x, (-1, *[1] * (len(answers.shape) - 1)))


def _cut(rows: Any, answers: Any) -> Any:
    """Averages (B, longest, K) of as many tokens as the batch has."""
    return rows if len(answers.shape) < 3 else rows[:, : ops.shape(answers)[1]]


def _add(variable: Any, numbers: Any, rows: Any) -> None:
    """Add rows to those of some numbers; those that only fill a batch add nothing."""
    shape = variable.shape
    if len(shape) == 3:
        short = shape[1] - ops.shape(rows)[1]
        rows = ops.pad(rows, [[0, 0], [0, short], [0, 0]])
    places = ops.expand_dims(ops.cast(numbers, "int32"), -1)
    variable.assign(ops.scatter_update(variable.value, places, rows, reduction="add"))


def _shapes(network: Any, longest: int) -> dict[str, tuple[int, ...]]:
    """What each output keeps of a text: (K,), or (longest, K) where it is of tokens."""
    inputs = {name: x[:1] for name, x in network.batches[0][0].items()}
    count = inputs["tokens"].shape[1]
    shorter = {n: x[:, :-1] if x.shape[1:2] == (count,) else x for n, x in inputs.items()}
    one, other = ({n: tuple(o.shape) for n, o in network(x).items()} for x in (inputs, shorter))
    shapes = {}
    for name in one:
        sizes = one[name][1:]
        if one[name] == other[name]:
            shapes[name] = sizes
        elif len(sizes) == 2 and (sizes[0], other[name][1]) == (count, count - 1):
            shapes[name] = (longest, sizes[1])
        else:
            raise ConfigError(
                f"Temporal ensembling keeps the answers to each text, but the output {name!r} of "
                "this task grows with the text; it is for classes, numbers and tags."
            )
    return shapes


def _check_size(name: str, count: int, shape: tuple[int, ...]) -> None:
    size = 4 * count * math.prod(shape)
    if size > MOST:
        raise ConfigError(
            f"Temporal ensembling would keep {size / 2**30:.1f} GB of answers ({name!r}: {count:,} "
            f"texts of {math.prod(shape):,} numbers); at most {MOST / 2**30:g} GB are taken."
        )
