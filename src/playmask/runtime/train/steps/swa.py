"""Stochastic weight averaging (SWA)."""

from typing import Any

import numpy as np
from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.averages import Averaging
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.steps.updates import copies, value_of


class WeightAveraging(Averaging):
    """Stochastic weight averaging (SWA): the mean of the weights at moments of the last part.

    From the first moment on the mean is measured, kept and saved; the training goes on with the
    weights. It wants a rate that stays high: schedule="constant".
    start: the part of the steps before, from 0 to 1; every: so many steps, None = ends of epochs
    Raises: ConfigError for a part that cannot be, and where there would be no moment
    Source: Izmailov et al. 2018, algorithm 1

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> task.fit(data, epochs=4, swa=0.5, schedule="constant", verbose=0)["loss"][3] > 0
        True

    """

    def __init__(self, start: float = 0.75, every: int | None = None) -> None:
        super().__init__()
        if not 0 <= start < 1:
            raise ConfigError(f"swa: start is a part of the steps, 0 to below 1, not {start!r}.")
        if every is not None and every < 1:
            raise ConfigError(f"swa: every is a number of steps from 1, not {every!r}.")
        self.start, self.every = start, every

    def begin(self, network: OpenStep) -> None:
        """The mean is of no weights yet."""
        self._steps = network.hook_variables.add("swa_steps", np.zeros((), "int32"))
        self._taken = network.hook_variables.add("swa_taken", np.zeros((), "int32"))
        self.pairs = copies(network, "swa")

    def on_train_begin(self, logs: Any = None) -> None:
        """See that there will be a moment to take the weights at."""
        total, every = self._length(self.model)
        if total // every * every <= self.start * total:
            raise ConfigError(
                f"swa: none of the {total} steps after the first {self.start:g} of them is a "
                f"multiple of {every}; lower start or every."
            )

    def _length(self, network: OpenStep) -> tuple[int, int]:
        """The updates of the training, and those between two moments."""
        return network.updates, self.every or network.updates_of_epoch

    def after_update(self, network: OpenStep) -> None:
        """Take the weights into the mean, where it is time."""
        total, every = self._length(network)
        steps = self._steps.value + 1
        taken = ops.logical_and(
            ops.greater(steps, int(self.start * total)), ops.equal(steps % every, 0)
        )
        count = self._taken.value + ops.cast(taken, "int32")
        part = ops.where(taken, 1.0 / ops.cast(ops.maximum(count, 1), "float32"), 0.0)
        for weight, mean in self.pairs:
            mean.assign(mean.value + part * (value_of(weight) - mean.value))
        self._steps.assign(steps)
        self._taken.assign(count)

    def averages(self) -> list[tuple[Any, Any]]:
        """Each weight and its mean, once there is one."""
        if not int(ops.convert_to_numpy(self._taken.value)):
            return []
        return [(weight, mean.value) for weight, mean in self.pairs]
