"""The gradient's norm in the logs: what SGD moves the weights by, divided by its rate."""

import keras
import numpy as np
import pytest

from comparing import numpy_of
from playmask.runtime.train.watching.step_measures import StepMeasures
from tasks.test_classify import new_task, reviews

pytestmark = pytest.mark.backends

RATE, BACKEND = 0.5, keras.backend.backend()


class Rows(keras.callbacks.Callback):
    """The logs of the steps, as the loop hands them over."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def on_train_batch_end(self, batch, logs=None):
        self.rows.append({name: float(value) for name, value in logs.items()})


def values_of(network):
    return [numpy_of(v.value).copy() for v in network.trainable_variables]


@pytest.mark.parametrize(
    "options",
    [{"global_clipnorm": 0.1}, {"gradient_accumulation_steps": 2}, {"scaled": True}],
    ids=["clipped", "accumulated", "scaled"],
)
def test_the_norm_is_that_of_the_gradient_that_the_optimizer_gets(options):
    task, measures, rows = new_task(dropout=0.0), StepMeasures(), Rows()
    options = dict(options)
    scaled, clip = options.pop("scaled", False), options.get("global_clipnorm")
    steps = options.get("gradient_accumulation_steps", 1)
    optimizer = keras.optimizers.SGD(RATE, **options)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=8.0)
    task.network.join([measures])
    task.compile(optimizer)
    measures.attach(optimizer)
    batches = task.batches(task.read(reviews(8 * steps)), 8, shuffle=False)
    before = values_of(task.network)
    task.network.fit(batches, shuffle=False, callbacks=[measures, rows], verbose=0)
    moves = [(a - b) / RATE for a, b in zip(values_of(task.network), before, strict=True)]
    moved = np.sqrt(sum(np.square(move).sum() for move in moves))
    norm = rows.rows[-1]["gradient_norm"]
    assert len(rows.rows) == steps and norm > 0.2
    if clip is None:
        assert moved == pytest.approx(norm, rel=2e-4)
    else:  # on TensorFlow, Keras clips tables by a norm that is too small
        assert moved == pytest.approx(clip, rel=0.1 if BACKEND == "tensorflow" else 2e-4)
    assert rows.rows[-1]["learning_rate"] == pytest.approx(RATE)
