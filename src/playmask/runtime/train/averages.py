"""The averages of weights that an optimizer keeps (`use_ema`), put in the weights' place.

The only place that touches where Keras' optimizers hold them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


def averages(optimizer: Any) -> list[tuple[Any, Any]]:
    """Each weight that an optimizer averages, and its average; none before the first step.

    Inside a loss scaling optimizer, and in each of several that share the weights, too.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    pairs: list[tuple[Any, Any]] = []
    for each in getattr(optimizer, "optimizers", [optimizer]):
        if getattr(each, "use_ema", False) and each.built:
            held = each._model_variables_moving_average
            pairs += zip(each._trainable_variables, held, strict=True)
    return pairs


def swap(optimizer: Any) -> None:
    """Exchange the weights and their averages; twice is as before."""
    for weight, average in averages(optimizer):
        value = np.array(keras.ops.convert_to_numpy(weight.value))
        weight.assign(average.value)
        average.assign(value)


@contextmanager
def averaged(optimizer: Any) -> Iterator[None]:
    """Hold the averages in the weights' place, where an optimizer has any."""
    swap(optimizer)
    try:
        yield
    finally:
        swap(optimizer)


def swapped_by(callbacks: Iterable[Any]) -> bool:
    """Whether a callback puts the averages in place for validation by itself."""
    return any(isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks)
