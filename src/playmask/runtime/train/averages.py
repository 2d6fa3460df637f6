"""Averages of the weights, in whose place they are measured, kept and saved.

An `Averaging` hook holds them (EMA, SWA), or an optimizer of Keras' does: `use_ema`, or a
schedule-free one. The only place that touches where those optimizers hold them.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from playmask.errors import ConfigError
from playmask.runtime.host_copies import assign_copy, host_copy
from playmask.runtime.train.hooks import StepHook
from playmask.runtime.train.optimizers.nesting import inner_optimizers

Pairs = list[tuple[Any, Any]]
"""Each weight, and a value of it."""


class Averaging(StepHook):
    """A hook that averages the weights, while the training goes on with the weights themselves."""

    @abstractmethod
    def averages(self) -> Pairs:
        """Each weight and its average; none where there is nothing averaged yet."""


def averages(network: keras.Model) -> Pairs:
    """Each weight of a network that is averaged, and its average; none before the first step."""
    hooks = [hook for hook in getattr(network, "hooks", ()) if isinstance(hook, Averaging)]
    held = [pair for hook in hooks for pair in hook.averages()]
    return held + [pair for each in inner_optimizers(network.optimizer) for pair in _held(each)]


def check_one_average(hooks: Iterable[StepHook], optimizer: keras.optimizers.Optimizer) -> None:
    """See that the weights are averaged in one way at most; raises ConfigError."""
    names = [type(hook).__name__ for hook in hooks if isinstance(hook, Averaging)]
    names += [type(each).__name__ for each in inner_optimizers(optimizer) if averages_weights(each)]
    if len(names) > 1:
        raise ConfigError(
            f"{names[0]} and {names[1]} both put averages in the place of the weights that are "
            "measured and kept; take one."
        )


def averages_weights(optimizer: Any) -> bool:
    """Whether an optimizer holds averages of the weights that it updates."""
    free = keras.optimizers.ScheduleFreeAdamW
    return getattr(optimizer, "use_ema", False) or isinstance(optimizer, free)


def _held(optimizer: Any) -> Iterator[tuple[Any, Any]]:
    """The averages that an optimizer holds."""
    if not averages_weights(optimizer) or not optimizer.built:
        return
    weights = optimizer._trainable_variables
    if optimizer.use_ema:
        for weight, average in zip(weights, optimizer._model_variables_moving_average, strict=True):
            yield weight, average.value
        return
    # y = (1-β) z + β x are the weights, z the momentum, x what is averaged (Defazio et al. 2024).
    beta = optimizer.beta_1
    for weight, momentum in zip(weights, optimizer._momentums, strict=True):
        yield weight, (weight.value - (1 - beta) * momentum.value) / beta


def put_averages(network: keras.Model) -> Pairs:
    """Put the averages in the weights' place; returns the weights, for `put_back`."""
    pairs = averages(network)
    weights = [(weight, host_copy(weight.value)) for weight, _ in pairs]
    put_back([(weight, host_copy(average)) for weight, average in pairs])
    return weights


def put_back(pairs: Pairs) -> None:
    """Give weights their values."""
    for weight, value in pairs:
        assign_copy(weight, value)


@contextmanager
def averaged(network: keras.Model) -> Iterator[None]:
    """Hold the averages in the weights' place, where there are any."""
    weights = put_averages(network)
    try:
        yield
    finally:
        put_back(weights)


def swapped_by(callbacks: Iterable[Any]) -> bool:
    """Whether a callback puts the averages in place for validation by itself."""
    return any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)
