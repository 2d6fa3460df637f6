"""What a task learns by: a loss for each output, and what is measured beside it.

All are means over texts, or tokens, by their weights: what only fills a batch has the weight 0 and
counts nowhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError, nearest
from playmask.labelling.class_losses import (
    ClassCrossentropy,
    LabelCrossentropy,
    SoftmaxTagCrossentropy,
)
from playmask.labelling.divergences import divergence_of
from playmask.runtime.train.hooks import OpenStep, StepHook
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.step import Diverging, Learnt
from playmask.tasks.loss_changes import LossChanges, Targets

MEAN = "mean_with_sample_weight"
Array = npt.NDArray[Any]
BALANCED = "balanced"


class Objective(NamedTuple):
    """The loss of each output; weights: how much each counts (None: all alike).

    metrics: what is measured of each output in training, besides its loss; targets: what is learnt,
    which says how options change the loss; classes: what each logit stands for, perhaps several for
    the same; hooks: what joins the steps of a training because of the loss; divergences: how far
    two outputs are apart, by the output, where its loss does not say it
    """

    losses: Mapping[str, keras.losses.Loss]
    weights: Mapping[str, float] | None = None
    metrics: Mapping[str, list[keras.metrics.Metric]] = {}
    targets: Targets = "other"
    classes: Sequence[str] = ()
    hooks: Sequence[StepHook] = ()
    divergences: Mapping[str, Diverging] = {}

    def compile(self, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Give a network its losses and metrics."""
        network.compile(
            optimizer,
            loss=dict(self.losses),
            loss_weights=None if self.weights is None else dict(self.weights),
            weighted_metrics=dict(self.metrics) or None,
            jit_compile=keras.backend.backend() == "jax",
        )
        if isinstance(network, OpenStep):
            network.learnt = self.learnt
            self._build(network)

    def _build(self, network: OpenStep) -> None:
        """Build the losses and metrics of a network, which is asked for no other outputs.

        Keras, which has no public way, would run the whole network symbolically to hear what its
        outputs are called; it does where one is named, as "accuracy" is, by the outputs' shapes.
        """
        metrics = [metric for each in self.metrics.values() for metric in each]
        if any(isinstance(each, str) for each in (*self.losses.values(), *metrics)):
            return
        outputs = dict.fromkeys(self.losses, 0)
        for compiled in (network._compile_loss, network._compile_metrics):
            if compiled is not None:
                compiled.build(outputs, outputs)

    @property
    def learnt(self) -> dict[str, Learnt]:
        """By what each output is learnt, and compared with another."""
        weights, apart = self.weights or {}, self.divergences
        return {
            name: Learnt(loss, weights.get(name, 1.0), apart.get(name) or divergence_of(loss))
            for name, loss in self.losses.items()
        }

    def changed(self, changes: LossChanges) -> "Objective":
        """The same with a cross-entropy that is weighted, smoothed or focal."""
        if changes == LossChanges():
            return self
        loss = CHANGED[self.targets](**changes._asdict())
        apart = {name: learnt.divergence for name, learnt in self.learnt.items()}
        known = {name: divergence for name, divergence in apart.items() if divergence}
        return self._replace(losses=dict.fromkeys(self.losses, loss), divergences=known)

    def check(self, options: TrainingOptions) -> None:
        """See that the loss is one that the options change.

        Raises: ConfigError where it is not, or has no classes to weigh
        """
        chosen = [name for name in OPTIONS if getattr(options, name)]
        if chosen and self.targets not in CHANGED:
            names = " and ".join(type(loss).__name__ for loss in self.losses.values())
            raise ConfigError(
                f"{chosen[0]} changes cross-entropies: of classes, of several labels with "
                "loss='binary', of tags with tagger='softmax', of tokens that are written; this "
                f"task learns by {names}."
            )
        if options.class_weights and not self.classes:
            raise ConfigError("class_weights are of classes; this task has none.")
        if options.class_weights not in (None, BALANCED):
            self.class_weights(str(options.class_weights))

    def changes_of(self, options: TrainingOptions, counted: Callable[[], Array]) -> LossChanges:
        """What some options change; counted: how often each class occurs, and how many sites."""
        weights: tuple[float, ...] = ()
        if options.class_weights == BALANCED:
            weights = balanced(counted(), several=self.targets == "labels")
        elif options.class_weights:
            weights = self.class_weights(options.class_weights)
        return LossChanges(options.focal, options.label_smoothing, weights)

    def class_weights(self, text: str) -> tuple[float, ...]:
        """The weights of the classes by "name=number,…"; 1 for those that are not named.

        Raises: ConfigError
        """
        weights = dict.fromkeys(self.classes, 1.0)
        for part in text.split(","):
            name, _, number = (piece.strip() for piece in part.rpartition("="))
            if name not in weights:
                raise ConfigError(
                    f"class_weights has {part.strip()!r}; 'balanced' or LABEL=NUMBER,… is due, of "
                    f"the labels {', '.join(weights)!s:.200}.{nearest(name, weights)}"
                )
            weights[name] = _weight(name, number)
        return tuple(weights[name] for name in self.classes)


def _weight(name: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise ConfigError(f"The class weight of {name!r} is {number!r}; a number from 0 is due.")
    return weight


OPTIONS = ("class_weights", "focal", "label_smoothing")
"""The options of a training that change its loss."""

CHANGED: Mapping[str, Callable[..., keras.losses.Loss]] = {
    "classes": ClassCrossentropy,
    "labels": LabelCrossentropy,
    "tags": SoftmaxTagCrossentropy,
    "tokens": ClassCrossentropy,
}
"""The loss that options change, by what is learnt."""


def counts_of(targets: Array, kind: Targets, classes: int) -> Array:
    """How often each class occurs in targets, and behind them how many sites there are."""
    if kind == "labels":
        return np.array([*(targets > 0).sum(axis=0), len(targets)])
    there = targets[targets >= 0]
    return np.array([*np.bincount(there, minlength=classes), len(there)])


def balanced(counts: Array, *, several: bool) -> tuple[float, ...]:
    """Class weights by which rare classes count as much as frequent ones.

    Of one class each, N / (K · n_k); of several labels, how many texts lack a label for one that
    has it, (N - n_k) / n_k. What does not occur weighs 1.
    """
    *each, total = map(int, counts)
    if several:
        return tuple((total - n) / n if 0 < n < total else 1.0 for n in each)
    return tuple(total / (len(each) * n) if n else 1.0 for n in each)


def crossentropy() -> keras.losses.Loss:
    """Cross-entropy of logits with the numbers of the right classes, in nats."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=MEAN)


def binary_crossentropy() -> keras.losses.Loss:
    """Cross-entropy of logits with targets from 0 to 1, the mean over them, in nats."""
    return keras.losses.BinaryCrossentropy(from_logits=True, reduction=MEAN)


def squared_error() -> keras.losses.Loss:
    """Squared error, the mean over the numbers of a text."""
    return keras.losses.MeanSquaredError(reduction=MEAN)


def accuracy() -> keras.metrics.Metric:
    """Share of the right classes that have the highest logit."""
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
