"""Counting the optimizer's updates inside a compiled step."""

from typing import Any

import numpy as np
from keras import ops

from playmask.runtime.host_copies import whole_array
from playmask.runtime.train.hooks import OpenStep


class Updates:
    """Which steps have updated the weights: not those that accumulate, or whose loss overflowed."""

    def __init__(self, network: OpenStep, name: str) -> None:
        self._last = network.hook_variables.add(f"{name}_updates", np.zeros((), "int32"))

    def count(self, network: OpenStep) -> tuple[Any, Any]:
        """How many updates there were, and whether this step made one; once a step."""
        count = ops.cast(network.optimizer.iterations, "int32")
        updated = ops.not_equal(count, self._last.value)
        self._last.assign(count)
        return count, updated


def copies(network: OpenStep, name: str) -> list[tuple[Any, Any]]:
    """Each weight that is trained, and a variable of float32 that begins as it does."""
    return [
        (
            weight,
            network.hook_variables.add(
                f"{name}_{weight.path.replace('/', '_')}",
                whole_array(weight.value).astype("float32"),
            ),
        )
        for weight in network.trainable_variables
    ]


def value_of(weight: Any) -> Any:
    """A weight's value in float32, which no gradient flows to."""
    return ops.cast(ops.stop_gradient(weight.value), "float32")
