"""The exponential moving average of the weights (EMA)."""

from typing import Any

from keras import ops

from playmask.errors import ConfigError
from playmask.runtime.train.averages import Averaging
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.steps.updates import Updates, copies, value_of


class MovingAverage(Averaging):
    """Exponential moving average of the weights (EMA), which is measured, kept and saved.

    It begins as the weights before the training; at update t, from 0 on, it keeps
    d = min(decay, (1+t) / (10+t)) of itself: a = d a + (1-d) θ. The training goes on with θ.
    decay: at most; warm_up: off, the decay holds from the first update on
    Raises: ConfigError for a decay that is not between 0 and 1
    Source: Polyak & Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> history = task.fit(data, epochs=1, callbacks=[MovingAverage(0.9)], verbose=0)
        >>> task.fit(data, epochs=1, ema=0.9, verbose=0).keys() == history.keys()  # the same
        True

    """

    def __init__(self, decay: float = 0.999, warm_up: bool = True) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise ConfigError(f"ema: decay is between 0 and 1, not {decay!r}.")
        self.decay, self.warm_up = decay, warm_up

    def begin(self, network: OpenStep) -> None:
        """The average is the weights."""
        self._updates = Updates(network, "ema")
        self.pairs = copies(network, "ema")

    def after_update(self, network: OpenStep) -> None:
        """Move the average towards the weights."""
        count, updated = self._updates.count(network)
        decay: Any = ops.convert_to_tensor(self.decay, "float32")
        if self.warm_up:
            before = ops.cast(count - 1, "float32")
            decay = ops.minimum(decay, (1.0 + before) / (10.0 + before))
        part = ops.where(updated, 1.0 - decay, 0.0)
        for weight, average in self.pairs:
            average.assign(average.value + part * (value_of(weight) - average.value))

    def averages(self) -> list[tuple[Any, Any]]:
        """Each weight and its average."""
        return [(weight, average.value) for weight, average in self.pairs]
