"""Optimizers, frozen weights and averages in trainings: what moves, what is kept and resumed."""

import json
from itertools import pairwise

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import ConfigError
from playmask.runtime.train.averages import averages
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.weight_names import all_weights, levels
from tasks.test_classify import new_task, reviews

TRAINING = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "verbose": 0, "warm_up": 0.01}
DATA, CHECKS = reviews(32), reviews(8, seed=1)
NAMES = ("task/labels/kernel", "blocks/0/attention/query/kernel")  # what is followed step by step


def values(task, names=None):
    weights = all_weights(task.network)
    return {name: numpy_of(weights[name].value).copy() for name in names or weights}


class Following(keras.callbacks.Callback):
    """Some weights after each step, and all averages at the end of each epoch."""

    def __init__(self, task, stop=None):
        super().__init__()
        self.task, self.stop, self.steps, self.ends = task, stop, [values(task, NAMES)], []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.steps.append(values(self.task, NAMES))

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        names = {id(v): name for name, v in all_weights(self.task.network).items()}
        self.ends.append({names[id(v)]: numpy_of(a).copy() for v, a in averages(self.model)})


@pytest.mark.backends
def test_an_object_trains_as_it_says_and_is_saved():
    task = new_task()
    keras.utils.set_random_seed(0)
    options = {"epochs": 1, "batch_size": 16, "verbose": 0}
    task.fit(DATA, optimizer=keras.optimizers.SGD(0.0), freeze="blocks", **options)
    before = values(new_task())
    assert all(np.array_equal(before[name], value) for name, value in values(task).items())
    assert json.loads(task.training.optimizer)["class_name"] == "SGD"
    with pytest.raises(ConfigError, match="learning_rate is 0.01, but the optimizer came as an"):
        task.fit(DATA, optimizer=keras.optimizers.SGD(0.1), **TRAINING)


@pytest.mark.backends
def test_what_is_frozen_stays_and_costs_no_gradient():
    task = new_task()
    before = values(task)
    counts = []

    class Count(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            counts.append(len(self.model.trainable_variables))

    task.fit(DATA, freeze="embeddings|blocks/0/", callbacks=[Count()], **TRAINING)
    after = values(task)
    for name, value in before.items():
        frozen = name.startswith(("embeddings", "blocks/0/"))
        assert np.array_equal(value, after[name]) == frozen, name
    assert counts == [sum(not n.startswith(("embeddings", "blocks/0/")) for n in before)]
    assert len(task.network.trainable_variables) == len(before)  # for the next training
    with pytest.raises(ConfigError, match="leaves no weight"):
        task.fit(DATA, freeze=".", **TRAINING)


@pytest.mark.parametrize(
    "unfreeze", [pytest.param("epochs=0.5", marks=pytest.mark.backends), "steps=1"]
)
def test_gradual_unfreezing(unfreeze):
    """Two steps an epoch: the top, then block 1, then block 0, then the embeddings."""
    task, states = new_task(), []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            states.append(values(task))

    options = TRAINING | {"batch_size": 16, "ema": 0.9, "unfreeze": unfreeze}
    task.fit(DATA, callbacks=[Watch()], **options)
    states.append(values(task))
    heights = levels(states[0])
    top = max(heights.values())
    for name, height in heights.items():
        changed = [
            not np.array_equal(one[name], other[name]) for one, other in pairwise(states[:-1])
        ]
        assert not any(changed[: top - height]), name
        assert all(changed[max(1, top - height) :]), name  # the rate of the first step is 0
    assert all(v.trainable for v in task.network.weights)


def test_options_that_do_not_go_together_are_refused():
    task = new_task()
    for options, message in {
        (("optimizer", "schedule_free_adamw"),): "schedule='constant'",
        (
            ("optimizer", "schedule_free_adamw"),
            ("schedule", "constant"),
            ("unfreeze", "epochs=1"),
        ): "unfreeze .* not with ScheduleFreeAdamW, which averages",
        (("schedule", "piecewise:0=1"), ("warm_up", 0.5)): "the points of a piecewise",
        (("ema", 0.9), ("swa", 0.5)): "MovingAverage and WeightAveraging both put averages",
        (("swa", "0.9,every=7"),): "none of the 8 steps",
        (("freeze", "layers"),): "no weight has 'layers'",
        (("rates", "layers=2"),): "rates: no weight has",
    }.items():
        with pytest.raises(ConfigError, match=message):
            task.fit(DATA, **TRAINING | dict(options))
    for name in ("layer_decay", "lookahead", "unfreeze"):
        with pytest.raises(ConfigError, match=name):
            TrainingOptions(**{name: 0})
    for name in ("ema", "swa"):
        with pytest.raises(ConfigError, match=name):
            TrainingOptions(**{name: 1})


@pytest.mark.backends
def test_schedule_free_weights_are_the_average():
    """What is kept is x, where y = (1-β) z + β x was trained."""
    options = {"optimizer": "schedule_free_adamw", "schedule": "constant", "epochs": 1}
    task = new_task(seed=0, dropout=0.0)
    following = Following(task)
    task.fit(DATA, callbacks=[following], **TRAINING | options)
    optimizer = task.network.optimizer
    momentums = {
        v.path: m for v, m in zip(optimizer._trainable_variables, optimizer._momentums, strict=True)
    }
    for name in NAMES:
        z = numpy_of(momentums[all_weights(task.network)[name].path].value)
        y, x = following.steps[-1][name], values(task, NAMES)[name]
        assert np.allclose(y, (1 - 0.9) * z + 0.9 * x, atol=1e-6)
        assert not np.allclose(y, x, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {"ema": 0.9, "lookahead": 3, "optimizer": "tiger"},
            marks=pytest.mark.backends,
            id="ema",
        ),
        pytest.param({"swa": 0.2, "layer_decay": 0.8}, id="swa"),
    ],
)
def test_the_best_epoch_is_validated_kept_and_resumed_with_averages(options, tmp_path):
    """A resumed training equals an unbroken one bit for bit: averages, slow weights and all."""
    options = {**TRAINING, **options}
    whole = new_task(seed=0, dropout=0.0)
    following = Following(whole)
    history = whole.fit(DATA, CHECKS, callbacks=[following], **options)
    best = following.ends[int(np.argmin(history["val_loss"]))]
    assert all(np.array_equal(best[name], value) for name, value in values(whole).items())
    assert not np.allclose(following.steps[-1][NAMES[0]], best[NAMES[0]], atol=1e-4)
    broken = new_task(seed=0, dropout=0.0)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(
            DATA, CHECKS, callbacks=[Following(broken, stop=1)], directory=tmp_path, **options
        )
    resumed = new_task(seed=7, dropout=0.0)
    again = Following(resumed)
    after = resumed.fit(DATA, CHECKS, callbacks=[again], directory=tmp_path, resume=True, **options)
    close = {"rtol": 0, "atol": 1e-5 if keras.backend.backend() == "tensorflow" else 0}
    for name, value in following.ends[1].items():
        assert np.allclose(again.ends[0][name], value, **close), name
    for name, value in following.steps[-1].items():
        assert np.allclose(again.steps[-1][name], value, **close), name
    assert np.allclose(after["val_loss"], history["val_loss"], rtol=0, atol=close["atol"])
    saved = playmask.load_task(tmp_path)
    for name, value in values(whole).items():
        assert np.allclose(values(saved)[name], value, **close), name
