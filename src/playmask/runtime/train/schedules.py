"""Learning-rate schedules by name, and one that Keras lacks."""

import math
from itertools import pairwise
from typing import Any, TypeAlias

import keras
from keras import ops

from playmask.errors import ConfigError

Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule


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


def warm_up_then_decay(
    rate: float, steps: int, warm_up: float = 0.1, end: float = 0.0
) -> PiecewiseLinear:
    """Rise to `rate` over the first part of the steps, then fall linearly to `end` times it."""
    rise = warm_up_steps(steps, warm_up)
    return PiecewiseLinear(rate, {**_up_to(rise), max(steps, rise + 1): end})


def _up_to(rise: int) -> dict[int, float]:
    """The points of a rise over so many steps; of none, of the rate from the first step on."""
    return {0: 0.0, rise: 1.0} if rise else {0: 1.0}


def warm_up_steps(steps: int, warm_up: float) -> int:
    """In how many of some steps the rate rises: with a warm-up one at least, but never in all.

    The first step of a rise has a rate of 0, so that a training of one step would learn nothing.
    """
    return min(max(1, round(steps * warm_up)), steps - 1) if warm_up else 0


class Linear:
    """A rise over the warm-up, then a straight fall to `end` times the rate, as BERT's."""

    warms_up = True

    def __init__(self, end: float = 0.0) -> None:
        self.end = _checked("linear", end)

    def build(self, rate: float, steps: int, warm_up: float) -> Schedule:
        """The schedule of a training of so many steps."""
        return warm_up_then_decay(rate, steps, warm_up, self.end)


class Cosine:
    """A rise over the warm-up, then half a cosine down to `end` times the rate.

    Source: Loshchilov & Hutter 2017, eq. 5, without restarts
    """

    warms_up = True

    def __init__(self, end: float = 0.0) -> None:
        self.end = _checked("cosine", end)

    def build(self, rate: float, steps: int, warm_up: float) -> Schedule:
        """The schedule of a training of so many steps."""
        rise = warm_up_steps(steps, warm_up)
        begin = {"initial_learning_rate": 0.0, "warmup_target": rate} if rise else {}
        return keras.optimizers.schedules.CosineDecay(
            **{"initial_learning_rate": rate, **begin},
            decay_steps=max(steps - rise, 1),
            alpha=self.end,
            warmup_steps=rise,
        )


class Constant:
    """A rise over the warm-up, then the rate."""

    warms_up = True

    def build(self, rate: float, steps: int, warm_up: float) -> Schedule:
        """The schedule of a training of so many steps."""
        return PiecewiseLinear(rate, _up_to(warm_up_steps(steps, warm_up)))


class Piecewise:
    """Straight lines through points: `0=0,0.1=1,1=0`, moments and multipliers of the rate.

    Moments are parts of the training where none is above 1, else steps.
    """

    warms_up = False

    def __init__(self, points: dict[float, float]) -> None:
        self.points = points

    @classmethod
    def of_specification(cls, title: str, values: str) -> "Piecewise":
        """Points from a text; raises ConfigError for one of another form."""
        points: dict[float, float] = {}
        for part in values.split(","):
            moment, _, multiplier = part.partition("=")
            try:
                at, value = float(moment), float(multiplier)
            except ValueError:
                at, value = -1.0, 0.0
            if not (0 <= at < math.inf and 0 <= value < math.inf) or at in points:
                raise ConfigError(
                    f"{title}: {part!r:.60} is no new moment=multiplier, as in 0=0,0.1=1,1=0."
                )
            points[at] = value
        return cls(points)

    def build(self, rate: float, steps: int, warm_up: float) -> Schedule:
        """The schedule of a training of so many steps."""
        times = steps if max(self.points) <= 1 else 1
        return PiecewiseLinear(rate, {round(at * times): y for at, y in self.points.items()})


def _checked(name: str, end: float) -> float:
    if not 0 <= end <= 1:
        raise ConfigError(f"schedule {name}: end is a part of the rate, 0 to 1, not {end!r}.")
    return end
