"""Accumulation, precision, rematerialisation, limits; and going on within an epoch, bit for bit."""

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import TINY, numpy_of
from playmask.errors import ConfigError
from playmask.model import products
from playmask.model.parts import Learned
from playmask.runtime.train import fitting
from playmask.runtime.train.accumulation import Grouping, weighed
from playmask.runtime.train.backup import position_in
from playmask.runtime.train.hooks import StepHook
from playmask.runtime.train.memory import step_bytes
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.state_files import state_of
from playmask.tokenizers import Tokenizer
from tasks.test_classify import BAD, FILLER, GOOD, reviews, weights_of

pytestmark = pytest.mark.backends

TEXTS = reviews(24)
PLAN = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-2, "seed": 7, "verbose": 0}


def new_task(dropout: float = 0.0, seed: int = 3, depth: int = 1, max_length: int = 20):
    tokenizer = Tokenizer.from_texts([GOOD + BAD + FILLER] * 2, size=60, minimum=1)
    keras.utils.set_random_seed(seed)
    sizes = {"width": 8, "inner": 16, "attention_heads": 2, "depth": depth, "dropout": dropout}
    sizes |= {"position": Learned(max_length), "attention_dropout": 0.0}
    model = playmask.build(TINY.change(vocabulary=len(tokenizer), pad=tokenizer.pad, **sizes))
    return playmask.TextClassifier.new(
        model, ["bad", "good"], tokenizer=tokenizer, max_length=max_length, dropout=dropout
    )


class Pull(StepHook):
    """Adds a term by the batch's weights, and one that no batch changes; counts updates."""

    def begin(self, network):
        self.count = network.hook_variables.add("count", np.zeros((), "int32"))

    def add_loss(self, step):
        squares = ops.mean(ops.square(step.outputs["logits"]), axis=-1)
        mean = ops.sum(squares * step.weights) / ops.maximum(ops.sum(step.weights), 1e-9)
        return mean + ops.sum(ops.square(step.network.dense.kernel.value))

    def after_update(self, network):
        self.count.assign(self.count + 1)


@pytest.fixture
def descent(monkeypatch):
    """Plain gradient descent, whose steps are the gradients."""
    monkeypatch.setattr(fitting, "optimizer_for", lambda *_: keras.optimizers.SGD(0.1))


def trained(*hooks, **options):
    task = new_task()
    history = task.fit(TEXTS, callbacks=hooks, **{**PLAN, **options})
    return weights_of(task), history


def largest(one, two):
    return max(float(np.abs(one[name] - two[name]).max()) for name in one)


@pytest.mark.parametrize("hooked", [False, True])
def test_accumulated_batches_are_one_large_batch(hooked, descent):
    """24 texts in batches of 7 7 7 3: a mean of means would count the last three too much."""
    large, history = trained(*[Pull()] * hooked, batch_size=24)
    parts, again = trained(*[Pull()] * hooked, batch_size=7, accumulate=4)
    assert largest(large, parts) < 1e-5 < largest(large, weights_of(new_task()))
    assert history["loss"] == pytest.approx(again["loss"], abs=1e-5)


class Counting(keras.callbacks.Callback):
    """How many updates there were, and by which rate the next one is made."""

    def on_epoch_end(self, epoch, logs=None):
        self.updates = int(numpy_of(self.model.optimizer.iterations))
        self.rate = float(numpy_of(ops.convert_to_tensor(self.model.optimizer.learning_rate)))


def test_updates_are_counted_and_the_last_group_is_not_lost():
    """Batches of 4 4 4 4 4 4 in groups of four: two updates an epoch, whatever comes after."""
    counting, pull = Counting(), Pull()
    trained(counting, pull, batch_size=4, accumulate=4, epochs=2)
    assert counting.updates == int(numpy_of(pull.count)) == 4
    assert counting.rate == pytest.approx(0, abs=1e-9)  # the rate has decayed with the fourth
    groups = Grouping(6, 4)
    assert groups.updates == 2 and [i for i in range(6) if groups.ends(i)] == [3, 5]


def test_weights_of_each_output_are_divided_by_their_group():
    weights = {"a": [1.0, 1.0], "b": [1.0]}, {"a": [2.0], "b": [3.0]}
    first, second = weighed([({}, {}, each) for each in weights])
    assert first[2]["a"].tolist() == [0.5, 0.5] and second[2]["a"].tolist() == [1.0]
    assert first[2]["b"].tolist() == [0.5] and second[2]["b"].tolist() == [1.5]


def test_what_compares_the_texts_of_a_batch_is_not_accumulated():
    task, pairs = new_task(), [(text, text + "好") for text, _ in TEXTS]
    encoder = playmask.SentenceEncoder.new(
        task.transformer, tokenizer=task.tokenizer, max_length=20, language_model=0.0
    )
    with pytest.raises(ConfigError, match="'contrast' compares each text with the others"):
        encoder.fit(pairs, accumulate=2, **PLAN)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_precision_is_of_the_steps_and_weights_stay_float32(precision, tmp_path, descent):
    seen = []

    class Peek(StepHook):
        def add_loss(self, step):
            block = step.network.transformer.blocks.stored[0]
            seen.append((block.dtype_policy.name, str(step.outputs["logits"].dtype)))

    plain, _ = trained()
    task = new_task()
    texts = [text for text, _ in TEXTS[:2]]
    task.predict(texts)
    task.fit(TEXTS, callbacks=[Peek()], directory=tmp_path, precision=precision, **PLAN)
    rounding = precision == "bfloat16" and products.available()
    assert seen[0][0] == (products.PRODUCTS if rounding else f"mixed_{precision}")
    assert "float32" in seen[0][1]
    assert all(v.dtype == "float32" for v in task.network.trainable_variables)
    assert task.transformer.blocks.stored[0].dtype_policy.name == "float32"
    assert 0 < largest(plain, weights_of(task)) < 0.05  # a step of 0.1 gradients, in 8 bits
    again = playmask.load_task(tmp_path)
    assert again.predict(texts) == task.predict(texts)  # both compute in float32


def test_a_model_in_half_has_no_precision_besides():
    task = new_task()
    task.transformer.dtype_policy = "mixed_bfloat16"
    with pytest.raises(ConfigError, match="loaded in mixed_bfloat16"):
        task.fit(TEXTS, precision="float16", **PLAN)


def test_rematerialised_blocks_learn_the_same():
    """With dropout, which has to draw the same numbers twice."""
    tasks = [new_task(dropout=0.3, depth=2) for _ in range(2)]
    for task, on in zip(tasks, (False, True), strict=True):
        task.fit(TEXTS, rematerialize=on, **PLAN | {"epochs": 2})
    assert largest(*map(weights_of, tasks)) < 1e-5
    seeds = [[numpy_of(v.value) for v in task.network.non_trainable_variables] for task in tasks]
    assert all(np.array_equal(*both) for both in zip(*seeds, strict=True))


def bytes_of(**options):
    task, options = new_task(depth=2), TrainingOptions(**options)
    batch = task.batches(task.read(TEXTS), 24)[0]
    with fitting.prepared(task, options, Grouping(1), []):
        return step_bytes(task.network, batch)


class Killed(keras.callbacks.Callback):
    """Stops at a batch, as a kill would; notes the state at the ends of epochs."""

    def __init__(self, *at):
        super().__init__()
        self.at = at

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        self.state = [numpy_of(variable.value).copy() for variable in state_of(self.model)]


WHOLE = PLAN | {"epochs": 2, "batch_size": 4, "accumulate": 2, "save_every": 1}


def test_what_goes_on_within_an_epoch_is_bit_for_bit_what_would_have_been(tmp_path):
    """Weights, optimizer, averages, hooks' variables, seeds of dropout, order, and history."""
    whole, after = Killed(), Killed()
    options = WHOLE | {"ema": "0.9"}
    history = new_task(0.3).fit(
        TEXTS, TEXTS[:8], callbacks=[whole, Pull()], **options | {"save_every": None}
    )
    with pytest.raises(KeyboardInterrupt):
        hooks = [Killed(1, 5), Pull()]
        new_task(0.3).fit(TEXTS, TEXTS[:8], directory=tmp_path, callbacks=hooks, **options)
    assert position_in(tmp_path) == (1, 4)
    task = new_task(0.3, seed=99)
    resume = options | {"directory": tmp_path, "resume": True}
    again = task.fit(TEXTS, TEXTS[:8], callbacks=[after, Pull()], **resume)
    assert again == history
    assert all(np.array_equal(*both) for both in zip(whole.state, after.state, strict=True))
    assert position_in(tmp_path) is None
