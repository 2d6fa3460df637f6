"""Freezing weights by patterns of their names, for one training."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from playmask.errors import ConfigError
from playmask.runtime.train.weight_names import all_weights, matches


@contextmanager
def freezing(network: keras.Model, pattern: str | None) -> Iterator[None]:
    """Freeze the weights in whose names a pattern occurs; afterwards all are as before.

    What is frozen has no gradient, no moments and no average. What is unfrozen or frozen inside is
    put back too.
    Raises: ConfigError for a pattern in no name, and where no weight is left to train
    """
    before = [(variable, variable.trainable) for variable in network.weights]
    try:
        if pattern:
            freeze(network, pattern)
        yield
    finally:
        for variable, trainable in before:
            if variable.trainable != trainable:
                variable.trainable = trainable


def freeze(network: keras.Model, pattern: str) -> None:
    """Freeze the weights in whose names a pattern occurs."""
    weights = all_weights(network)
    for name in matches("freeze", pattern, weights):
        weights[name].trainable = False
    if not network.trainable_variables:
        raise ConfigError(f"freeze={pattern!r:.60} leaves no weight to train.")
