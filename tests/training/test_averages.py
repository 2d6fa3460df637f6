"""Averages and slow weights against plain numpy: EMA, SWA, Lookahead."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from comparing import numpy_of
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.steps.ema import MovingAverage
from playmask.runtime.train.steps.lookahead import Lookahead
from playmask.runtime.train.steps.swa import WeightAveraging

pytestmark = pytest.mark.backends


class Small(OpenStep):
    """A network of one kernel, whose updates the test makes; the optimizer counts them."""

    def __init__(self, hook):
        super().__init__(name="small")
        self.dense = keras.layers.Dense(2, use_bias=False)
        self.dense.build((None, 3))
        self.built = True
        self.optimizer = SimpleNamespace(
            iterations=keras.Variable(0, dtype="int32", trainable=False)
        )
        self.updates, self.updates_of_epoch = 8, 4
        self.hook = hook
        hook.begin(self)

    def step(self, weight, *, updated=True):
        """A step that leaves a weight; returns what the hook makes of it."""
        self.dense.kernel.assign(weight)
        self.optimizer.iterations.assign_add(int(updated))
        self.hook.after_update(self)
        return numpy_of(self.dense.kernel.value)


WEIGHTS = np.random.default_rng(0).normal(size=(9, 3, 2)).astype("float32")


def held(hook):
    return [numpy_of(average) for _, average in hook.averages()]


@pytest.mark.parametrize("warm_up", [True, False])
def test_the_exponential_moving_average(warm_up):
    """It begins as the first weights, and keeps min(decay, (1+t) / (10+t)) of itself."""
    network = Small(hook := MovingAverage(0.3, warm_up))
    average = numpy_of(network.dense.kernel.value)
    decays = [min(0.3, (1 + t) / (10 + t)) if warm_up else 0.3 for t in range(8)]
    assert decays[0] == (0.1 if warm_up else 0.3) and decays[-1] == 0.3
    for weight, decay in zip(WEIGHTS, decays, strict=False):
        assert np.array_equal(network.step(weight), weight)
        average = decay * average + (1 - decay) * weight
        assert np.allclose(held(hook), average, atol=1e-6)
        network.step(WEIGHTS[8], updated=False)  # what only accumulates, counts for nothing
        assert np.allclose(held(hook), average, atol=1e-6)


@pytest.mark.parametrize(
    ("start", "every", "moments"), [(0.3, None, [4, 8]), (0.5, 3, [6]), (0.0, 2, [2, 4, 6, 8])]
)
def test_stochastic_weight_averaging(start, every, moments):
    """The mean of the weights at the ends of epochs, or every so many steps, after a part."""
    network = Small(hook := WeightAveraging(start, every))
    for step in range(1, 9):
        assert np.array_equal(network.step(WEIGHTS[step]), WEIGHTS[step])
        past = [moment for moment in moments if moment <= step]
        assert bool(held(hook)) == bool(past)  # before the first there is none
        if past:
            assert np.allclose(held(hook)[0], WEIGHTS[past].mean(0), atol=1e-6), step


def test_lookahead():
    """After every third update the slow weights go a quarter of the way, and all goes on there."""
    network = Small(Lookahead(3, 0.25))
    slow = numpy_of(network.dense.kernel.value)
    for step in range(1, 9):
        result = network.step(WEIGHTS[step])
        if step % 3 == 0:
            slow = slow + 0.25 * (WEIGHTS[step] - slow)
        assert np.allclose(result, WEIGHTS[step] if step % 3 else slow, atol=1e-6), step
        again = network.step(result, updated=False)
        assert np.array_equal(again, result)
