"""Shapes of a training: few for few data, each compiled once, in a thread, before its batch."""

import threading
from contextlib import contextmanager

import jax
import keras
import numpy as np
import pytest

import playmask
from playmask.errors import ConfigError
from playmask.runtime.batches import Batches
from playmask.runtime.padding import buckets
from playmask.runtime.planning import price_of
from playmask.runtime.train import fitting
from playmask.runtime.train.watching.clock import Clock
from playmask.tasks import training
from playmask.tasks.classification.network import ClassifierNetwork
from tasks.test_classify import weights_of

TEXTS = [("好" * size, "good") for size in (6, 7, 8, 9, 20, 21, 22, 22, 42, 43, 44, 46)]
PLAN = {"epochs": 1, "batch_size": 2, "optimizer": "sgd", "seed": 7, "verbose": 0}
THREAD = "playmask-compiling"
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def several(monkeypatch):
    """Shapes that cost little, so that even few texts get some."""
    monkeypatch.setattr(training, "price_of", lambda *_, **__: 20.0)


@pytest.fixture
def compiled():
    """The steps that were compiled, each with its thread."""
    found = []

    def note(event, seconds, fun_name="", **_):
        if event == COMPILED and "_step" in fun_name:
            found.append((fun_name, threading.current_thread().name))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield found
    jax.monitoring.unregister_event_duration_listener(note)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(THREAD)]


class Lengths(keras.callbacks.Callback):
    """The lengths of the batches, and what the clock knew of the shapes."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.seen, self.compiled = clock, [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(self.model.batches.length_of(batch))
        self.compiled.append((self.clock.compiled, self.clock.shapes))


def new_task():
    tokenizer = playmask.Tokenizer.from_texts(["好坏" * 9], minimum=1)
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer), width=8, depth=1, attention_heads=2, inner=16
    )
    keras.utils.set_random_seed(3)
    model = playmask.build(architecture)
    return playmask.TextClassifier.new(model, ["good", "bad"], tokenizer=tokenizer, max_length=48)


def trained(**options):
    task, clock = new_task(), Clock()
    lengths = Lengths(clock)
    history = task.fit(
        TEXTS, validation=TEXTS[:2], callbacks=[clock, lengths], **{**PLAN, **options}
    )
    return weights_of(task), history, lengths


def test_each_shape_is_compiled_once_in_a_thread(several, compiled, monkeypatch):
    ahead, history, lengths = trained()
    assert {*lengths.seen} == {16, 24, 48} and lengths.compiled[0] == (0, 0) and threads() == []
    steps = [name for name, thread in compiled if thread.startswith(THREAD)]
    assert len(steps) == len(compiled) == lengths.clock.shapes == lengths.clock.compiled == 4
    assert steps.count("jit(train_step)") == 3
    assert lengths.compiled[1][0] < 4

    @contextmanager
    def nobody(*_):
        yield []

    compiled.clear()
    monkeypatch.setattr(fitting, "compiled_ahead", nobody)
    alone, again, others = trained()
    assert {thread for _, thread in compiled} == {"MainThread"}
    assert others.seen == lengths.seen and again == history
    for name, weight in alone.items():
        np.testing.assert_array_equal(weight, ahead[name])


def test_what_no_batch_needs_is_not_compiled(several, compiled):
    _, _, lengths = trained(max_steps=1)
    assert [name for name, _ in compiled].count("jit(train_step)") == 1 == len(lengths.seen)


@pytest.mark.parametrize("options", [{"accumulate": 2}, {"unfreeze": "steps=4"}])
def test_groups_of_batches_and_weights_that_join_later(options, several, compiled):
    trained(max_steps=3 if "accumulate" in options else 6, **options)
    assert {thread[: len(THREAD)] for _, thread in compiled} == {THREAD}


def test_an_error_of_the_compiler_is_raised(several, monkeypatch):
    def fail(self):
        assert threading.current_thread().name.startswith(THREAD)
        raise MemoryError("no memory to compile in")

    monkeypatch.setattr(jax.stages.Lowered, "compile", fail)
    with pytest.raises(MemoryError, match="no memory to compile in"):
        trained()
    assert threads() == []


def test_an_interrupted_training_leaves_no_thread(several, monkeypatch):
    class Interrupted(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert threads()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new_task().fit(TEXTS, callbacks=[Interrupted()], **PLAN)
    assert threads() == []


def test_few_texts_have_one_length():
    """All padding of 600 texts and three epochs takes less time than to compile a shape."""
    sizes = np.random.default_rng(0).integers(5, 120, 600)
    rows = [{"tokens": [1] * size} for size in sizes]
    price = price_of(200_000, passes=3) / 3
    assert price > 600 * 120
    assert Batches(rows, np.zeros(600), lengths=buckets(128), price=price).used_lengths == (120,)


def test_the_network_runs_symbolically_once_a_shape(several, monkeypatch):
    """Once more to hear what its outputs are called would cost as much as compiling it begins."""
    calls, call = [], ClassifierNetwork.call

    def counted(self, inputs, **options):
        calls.append(inputs["tokens"].shape)
        return call(self, inputs, **options)

    monkeypatch.setattr(ClassifierNetwork, "call", counted)
    _, _, lengths = trained()
    assert len(calls) == lengths.clock.shapes == 4, calls


class Further(ClassifierNetwork):
    """A classifier that gives an output beside the one that is learnt."""

    def call(self, inputs, **options):
        return {"a": inputs["tokens"], **super().call(inputs, **options)}


def test_outputs_that_nothing_learns_stand_beside(monkeypatch):
    weights, history, _ = trained(max_steps=2)
    task = new_task()
    task.network.__class__ = Further
    again = task.fit(TEXTS, validation=TEXTS[:2], max_steps=2, **PLAN)
    assert again == history
    for name, weight in weights_of(task).items():
        np.testing.assert_array_equal(weight, weights[name])


def test_an_output_that_is_learnt_is_there():
    task = new_task()
    task.compile(keras.optimizers.SGD())
    with pytest.raises(ConfigError, match="learns 'logits', but the network's outputs are a, b"):
        task.network.compute_loss(y_pred={"a": 0, "b": 0})


def test_a_metric_may_be_named():
    task = new_task()
    objective = task.objective._replace(metrics={"logits": ["accuracy"]})
    objective.compile(task.network, keras.optimizers.SGD())
    inputs = {"tokens": np.ones((2, 16), "int32"), "segments": np.zeros((2, 16), "int32")}
    scores = task.network.evaluate(inputs, {"logits": np.ones(2)}, verbose=0, return_dict=True)
    assert "accuracy" in scores
