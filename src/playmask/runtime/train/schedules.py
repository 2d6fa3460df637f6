"""Learning-rate schedules that Keras lacks."""

from itertools import pairwise
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("playmask")
class PiecewiseLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that runs in straight lines through given points, and stays flat outside them.

    points: {step: multiplier of rate}; {0: 0, 100: 1, 1000: 0} warms up for 100 steps, then decays.
    Units:  rate per optimizer step
    Source: bert4keras' piecewise_linear_lr
    """

    def __init__(self, rate: float, points: dict[int, float]) -> None:
        super().__init__()
        self.rate = rate
        self.points = dict(sorted((int(step), float(value)) for step, value in points.items()))

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        step = ops.cast(step, "float32")
        corners = list(self.points.items())
        value = ops.convert_to_tensor(corners[0][1], "float32")
        for (left, low), (right, high) in pairwise(corners):
            part = ops.clip((step - left) / (right - left), 0.0, 1.0)
            value = value + (high - low) * part
        return self.rate * value

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make the schedule again."""
        return {"rate": self.rate, "points": self.points}


def warm_up_then_decay(rate: float, steps: int, warm_up: float = 0.1) -> PiecewiseLinear:
    """Rise to `rate` over the first part of the steps, then fall linearly to 0."""
    peak = max(1, min(round(steps * warm_up), steps - 1))
    return PiecewiseLinear(rate, {0: 0.0, peak: 1.0, max(steps, peak + 1): 0.0})
