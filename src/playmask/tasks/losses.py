"""The losses and metrics that tasks share: means over texts, or tokens, by their weights.

What only fills a batch has the weight 0 and counts nowhere.
"""

import keras

MEAN = "mean_with_sample_weight"


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
