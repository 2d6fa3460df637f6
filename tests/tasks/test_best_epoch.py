"""Which epoch is kept: the one with the best measure, where a task names one; and its rates."""

import json
from functools import cache
from itertools import pairwise

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from pairwise import crossed, marked
from playmask.errors import ConfigError, NotFiniteError
from playmask.runtime.train.averages import averages
from playmask.runtime.train.optimizers.named import Rate, make_optimizer
from playmask.runtime.train.optimizers.per_weight import Rules
from playmask.runtime.train.rates import rates_of
from playmask.runtime.train.watching.measures import Measure, best_epoch
from playmask.runtime.train.weight_names import all_weights
from playmask.tasks import training
from tasks.made_up import QUICK
from tasks.test_mentions import DATA, new_task

pytestmark = pytest.mark.backends

TRAIN, CHECKS = DATA[:64], DATA[64:96]
SCRIPT = (0.2, 0.6, 0.1, 0.4)
NAN = float("nan")
PLAN = QUICK | {"epochs": len(SCRIPT), "learning_rate": 3e-3}


def weights_of(task):
    return {name: numpy_of(v.value).copy() for name, v in all_weights(task.network).items()}


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


class Watching(keras.callbacks.Callback):
    """What other callbacks are told at the ends of epochs, and Ctrl-C in the middle of one."""

    def __init__(self, stop=None):
        super().__init__()
        self.stop, self.now, self.told = stop, 0, []

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.stop:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(logs["val_f1"])


def scripted(task, script=SCRIPT):
    """Measures come from a script; what the task weighed then, and on how much it was asked."""
    weighed, asked, scores = [], [], iter(script)

    def evaluate(data, **how):
        weighed.append(weights_of(task))
        asked.append(len(data))
        return {"precision": 0.5, "f1": next(scores)}

    task.evaluate = evaluate
    return weighed, asked


@pytest.mark.backends("torch")
def test_the_epoch_with_the_best_f1_is_kept_whatever_its_loss(tmp_path):
    task, watching = new_task("crf"), Watching()
    weighed, asked = scripted(task)
    history = task.fit(TRAIN, CHECKS, directory=tmp_path, callbacks=[watching], **PLAN)
    assert history["val_f1"] == watching.told == list(SCRIPT)
    assert int(np.argmin(history["val_loss"])) != 1, history
    assert all(not same(one, other) for one, other in pairwise(weighed))
    assert same(weights_of(task), weighed[1])
    assert same(weights_of(playmask.load_task(tmp_path)), weighed[1])
    assert json.loads((tmp_path / "training.json").read_text())["val_f1"] == list(SCRIPT)
    assert asked == [len(CHECKS)] * len(SCRIPT)


@pytest.mark.backends("torch")
def test_what_is_measured_is_what_evaluate_says_of_the_epoch():
    task = new_task("efficient")
    history = task.fit(TRAIN, CHECKS, **QUICK | {"epochs": 6})
    assert max(history["val_f1"]) > 0.1
    assert task.evaluate(CHECKS)["f1"] == pytest.approx(max(history["val_f1"]), abs=1e-6)


@pytest.mark.backends("jax")
def test_a_resumed_training_keeps_what_was_measured(tmp_path):
    task = new_task("crf")
    weighed, _ = scripted(task)
    with pytest.raises(KeyboardInterrupt):
        task.fit(TRAIN, CHECKS, directory=tmp_path, callbacks=[Watching(stop=2)], **PLAN)
    assert same(weights_of(task), weighed[1])
    resumed = new_task("crf", seed=99)
    scripted(resumed, SCRIPT[2:])
    history = resumed.fit(TRAIN, CHECKS, directory=tmp_path, resume=True, **PLAN)
    assert history["val_f1"] == list(SCRIPT)
    assert same(weights_of(resumed), weighed[1])  # of the epoch before the interruption


@pytest.mark.backends("jax")
def test_of_many_examples_some_are_measured(monkeypatch):
    monkeypatch.setattr(training, "MEASURED", 10)
    task = new_task("crf")
    _, asked = scripted(task)
    task.fit(TRAIN[:32], CHECKS, **PLAN | {"epochs": 1})
    assert asked == [8]  # each fourth of 32


class Averaging(keras.optimizers.AdamW):
    """An optimizer that averages the weights, as it is built for `compile`."""

    def __init__(self, rate=3e-3, **options):
        super().__init__(rate, use_ema=True, ema_momentum=0.9, **options)


def averaging(task, **options):
    """Train a task with an optimizer of one's own, which averages."""
    compile_it = task.compile
    task.compile = lambda optimizer: compile_it(Averaging(**options))
    return task


class Peeking(keras.callbacks.Callback):
    """The weights, and their averages, at the ends of epochs."""

    def __init__(self):
        super().__init__()
        self.weights, self.averages = [], []

    def on_epoch_end(self, epoch, logs=None):
        pairs = averages(self.model)
        both = {v.path: (numpy_of(v.value).copy(), numpy_of(a).copy()) for v, a in pairs}
        self.weights.append({name: pair[0] for name, pair in both.items()})
        self.averages.append({name: pair[1] for name, pair in both.items()})


@cache
def end_without_validation():
    """The weights at the end of the same training where nothing is measured; trained once."""
    task, peeking = averaging(new_task("crf")), Peeking()
    task.fit(TRAIN, **PLAN, callbacks=[peeking])
    return peeking.weights[-1]


@pytest.mark.parametrize(
    ("more", "directory"), crossed([(), (keras.callbacks.SwapEMAWeights(),)], [False, True])
)
def test_averages_are_measured_validated_and_kept(more, directory, tmp_path):
    """In the network and on disk; the training itself goes on from the weights."""
    task, peeking = averaging(new_task("crf")), Peeking()
    weighed, _ = scripted(task)
    options = PLAN | ({"directory": tmp_path} if directory else {})
    history = task.fit(TRAIN, CHECKS, callbacks=[*more, peeking], **options)
    paths = {v.path: v for v in task.network.trainable_variables}
    assert peeking.averages[1].keys() == paths.keys()
    assert not same(peeking.averages[1], peeking.weights[1])
    for name, average in peeking.averages[1].items():  # of the best epoch
        assert np.array_equal(numpy_of(paths[name].value), average), name
    assert same(weights_of(task), weighed[1])
    if directory:
        assert same(weights_of(playmask.load_task(tmp_path)), weighed[1])
    task.compile(Averaging())
    again = task.network.evaluate(task.batches(CHECKS, PLAN["batch_size"], shuffle=False),
                                  verbose=0, return_dict=True)  # fmt: skip
    assert again["loss"] == pytest.approx(history["val_loss"][1], rel=1e-4)
    ends = (peeking.weights[-1], end_without_validation())
    last = [np.concatenate([w.ravel() for w in end.values()]) for end in ends]
    if keras.backend.backend() == "tensorflow":  # whose threads add up in any order
        assert np.allclose(*last, rtol=0, atol=1e-5)
    else:
        assert np.array_equal(*last)  # what is measured in between changes nothing


@pytest.mark.backends("torch")
def test_averages_survive_an_interruption(tmp_path):
    task = averaging(new_task("crf"))
    scripted(task)
    with pytest.raises(KeyboardInterrupt):
        task.fit(TRAIN, CHECKS, directory=tmp_path, callbacks=[Watching(stop=2)], **PLAN)
    resumed, peeking = averaging(new_task("crf", seed=99)), Peeking()
    scripted(resumed, (0.9, 0.1))
    resumed.fit(TRAIN, CHECKS, directory=tmp_path, resume=True, callbacks=[peeking], **PLAN)
    whole, reference = averaging(new_task("crf")), Peeking()
    scripted(whole, (0.2, 0.6, 0.9, 0.1))
    whole.fit(TRAIN, CHECKS, callbacks=[reference], **PLAN)
    for name, average in reference.averages[2].items():
        assert np.allclose(peeking.averages[0][name], average, atol=2e-3), name
    kept = playmask.load_task(tmp_path)
    assert same(weights_of(kept), weights_of(resumed))
    paths = {v.path: v for v in resumed.network.trainable_variables}
    assert all(
        np.array_equal(numpy_of(paths[name].value), value)
        for name, value in peeking.averages[0].items()
    )


class Spoiling(playmask.StepHook):
    """Makes the loss infinite, or not a number, from some step of an epoch on."""

    def __init__(self, value, epoch, step):
        super().__init__()
        self.value, self.at = value, (epoch, step)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            network = self.model
            if keras.backend.backend() == "jax" and not network._jax_state_synced:
                network.jax_state_sync()
            weight = network.trainable_variables[-1]
            weight.assign(keras.ops.full(weight.shape, self.value))


SPOILT = [(NAN, (0, 0)), (float("inf"), (1, 1)), (NAN, (2, 3))]
if keras.backend.backend() != "jax":  # the loss is a number of Python's when it is looked at
    SPOILT = marked(SPOILT, [(float("inf"), (1, 1))])


@pytest.mark.parametrize(("value", "place"), SPOILT)
def test_a_loss_that_is_not_finite_stops_the_training(value, place, tmp_path):
    task = new_task("crf")
    begin = weights_of(task)
    weighed, _ = scripted(task)
    data, (epoch, step) = DATA[:64] * 2, place
    where = f"at step {step + 1} of epoch {epoch + 1}, .*Try a low"
    with pytest.raises(NotFiniteError, match=where):
        task.fit(data, CHECKS, directory=tmp_path, callbacks=[Spoiling(value, epoch, step)], **PLAN)
    best = {0: begin, 1: None, 2: None}[epoch]
    if best is None:
        best = weighed[epoch - 1]
        assert same(weights_of(playmask.load_task(tmp_path)), best)
        assert len(json.loads((tmp_path / "training.json").read_text())["loss"]) == epoch
    else:
        assert not (tmp_path / "weights.safetensors").exists()
    assert same(weights_of(task), best)


class Exploding(playmask.StepHook):
    """After the update of every step the weights are infinite; the loss was still a number."""

    def after_update(self, network):
        weight = network.trainable_variables[-1]
        weight.assign(weight * float("inf"))


@pytest.mark.backends("tensorflow")
def test_weights_that_are_not_finite_after_the_last_step_are_not_kept(tmp_path):
    task = new_task("crf")
    options = PLAN | {"epochs": 1}
    with pytest.raises(NotFiniteError, match="Weights are no longer finite numbers after epoch 1"):
        task.fit(TRAIN[:1], callbacks=[Exploding()], directory=tmp_path, **options)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.backends("torch")
def test_a_validation_loss_that_is_no_number_stops_the_training():
    task = new_task("crf")
    scripted(task)
    evaluate = task.network.evaluate

    def spoilt(*arguments, **options):
        return evaluate(*arguments, **options) | {"loss": float("nan")}

    task.network.evaluate = spoilt
    with pytest.raises(NotFiniteError, match="The validation loss is nan after epoch 1"):
        task.fit(TRAIN, CHECKS, **PLAN)


@pytest.mark.backends("jax")
def test_without_validation_nothing_is_measured():
    task = new_task("crf")
    _, asked = scripted(task)
    history = task.fit(TRAIN[:32], **PLAN | {"epochs": 1})
    assert asked == [] and "val_f1" not in history


LOSS = {"loss": [3.0, 2.0, 1.0]}


@pytest.mark.parametrize(
    ("more", "measure", "best"),
    [
        ({}, None, 2),
        ({}, "f1", 2),
        ({"val_loss": [2.0, 1.0, 3.0]}, None, 1),
        ({"val_loss": [2.0, 1.0, 3.0], "val_f1": [0.1, 0.2, 0.3]}, "f1", 2),
        ({"val_loss": [2.0, 1.0, 3.0], "val_f1": [0.3, 0.3, 0.2]}, "f1", 1),
        ({"val_loss": [float("nan"), 1.0, float("nan")]}, None, 1),
        ({"val_f1": [float("nan"), 0.0, float("nan")]}, "f1", 1),
    ],
)
def test_the_best_epoch(more, measure, best):
    assert best_epoch(LOSS | more, Measure.of(measure)) == best


def test_every_measure_is_one_of_evaluate():
    """Each kind of task that names one; an untrained model will do."""
    for kind in ("crf", "global"):
        task = new_task(kind)
        assert task.best in task.evaluate(CHECKS[:2])


def test_what_a_task_adds_learns_faster():
    """The first step of Adam is as long as the rate, whatever the gradient."""
    network = new_task("crf").network
    rules = Rules(rates_of(network, multiplier=20.0))
    optimizer = make_optimizer(network, Rate(1e-3, weight_decay=0.0, clip=None), rules=rules)
    variables = network.trainable_variables
    before = [numpy_of(v.value).copy() for v in variables]
    optimizer.apply([keras.ops.ones(x.shape) for x in before], variables)
    inside = {id(v) for v in network.transformer.weights}
    own = [id(v) not in inside for v in variables]
    assert 0 < sum(own) < len(own)
    for variable, old, fast in zip(variables, before, own, strict=True):
        step = old - numpy_of(variable.value)
        assert np.allclose(step, 1e-3 * (20 if fast else 1), rtol=1e-3, atol=1e-6), variable.path
    with pytest.raises(ConfigError, match="multiplier is above 0, not 0"):
        new_task("crf").fit(TRAIN[:8], multiplier=0, **QUICK)
