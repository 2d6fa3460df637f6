"""What a task learns by: a loss for each output, and what is measured beside it.

All are means over texts, or tokens, by their weights: what only fills a batch has the weight 0 and
counts nowhere.
"""

from collections.abc import Mapping
from typing import NamedTuple

import keras

MEAN = "mean_with_sample_weight"


class Objective(NamedTuple):
    """The loss of each output; weights: how much each counts (None: all alike).

    metrics: what is measured of each output in training, besides its loss
    """

    losses: Mapping[str, keras.losses.Loss]
    weights: Mapping[str, float] | None = None
    metrics: Mapping[str, list[keras.metrics.Metric]] = {}

    def compile(self, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Give a network its losses and metrics."""
        network.compile(
            optimizer,
            loss=dict(self.losses),
            loss_weights=None if self.weights is None else dict(self.weights),
            weighted_metrics=dict(self.metrics) or None,
            jit_compile=keras.backend.backend() == "jax",
        )


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
