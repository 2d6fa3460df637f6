"""Limits of memory, updates and time; a training whose time was over goes on."""

import keras
import numpy as np
import pytest

import playmask
from playmask.errors import ConfigError
from playmask.runtime.devices import on_jax_cpu
from playmask.runtime.train import common_clock
from playmask.runtime.train.backup import position_in
from playmask.runtime.train.memory import further_savings, largest_batch_size
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.units import seconds, size_in_bytes
from playmask.tasks import training
from tasks.test_classify import reviews, weights_of
from tasks.test_memory_and_time import (
    PLAN,
    TEXTS,
    WHOLE,
    Counting,
    Killed,
    bytes_of,
    largest,
    new_task,
    trained,
)

pytestmark = pytest.mark.backends


def test_the_largest_batch_within_a_memory():
    sizes = []

    def cost(size):
        sizes.append(size)
        return 1000 + 100 * size + (size > 40) * 500

    assert largest_batch_size(cost, 5000, 10_000) == 40 and len(sizes) < 6
    assert largest_batch_size(cost, 5000, 20) == 16
    assert largest_batch_size(cost, 1350, 99) == 3
    with pytest.raises(
        ConfigError, match="one text takes 1,100 bytes.* max_length, half a day\\.$"
    ):
        largest_batch_size(cost, 1050, 99, ["half a day"])


def test_a_batch_size_is_chosen_and_said():
    task = new_task()
    before = weights_of(task)
    task.fit(TEXTS, memory="64G", max_steps=1, **PLAN | {"learning_rate": 1e-7})
    assert task.training.batch_size == 24 and largest(before, weights_of(task)) < 1e-6
    with pytest.raises(ConfigError, match="more than the memory of 1,024"):
        new_task().fit(TEXTS, memory="1K", **PLAN)


def test_what_is_advised_where_memory_is_short():
    """Half precision saves some, but on JAX's CPU."""
    savings = ["rematerialize=True", "precision='bfloat16'"]
    here = savings[: 1 if on_jax_cpu() else 2]
    assert further_savings(TrainingOptions()) == here
    assert further_savings(TrainingOptions(precision="float16")) == savings[:1]
    assert further_savings(TrainingOptions(rematerialize=True)) == here[1:]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX says what a step will take")
def test_what_is_advised_takes_less_memory():
    enough = 0.75 * bytes_of()
    assert bytes_of(rematerialize=True) < enough
    assert (bytes_of(precision="bfloat16") > enough) == on_jax_cpu()


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("1h30m", 5400), ("0.5h", 1800)])
def test_durations(text, value):
    assert seconds(text) == value


def test_sizes_and_what_is_none():
    assert [size_in_bytes(each) for each in ("8G", "1.5MB", "2KiB")] == [2**33, 1572864, 2048]
    for options in ({"time_limit": "soon"}, {"memory": "much"}, {"precision": "int8"}):
        with pytest.raises(ConfigError, match=next(iter(options.values()))):
            TrainingOptions(**options)


def test_a_training_ends_with_its_last_step():
    counting = Counting()
    _, history = trained(counting, batch_size=4, accumulate=2, epochs=3, max_steps=4)
    assert counting.updates == 4 and len(history["loss"]) == 2
    assert counting.rate == pytest.approx(0, abs=1e-9)


def test_when_time_is_over_it_can_go_on(tmp_path, monkeypatch):
    """In the first epoch, before any is whole: what is there is measured, kept, and taken up."""
    whole, after = Killed(), Killed()
    new_task(0.3).fit(TEXTS, callbacks=[whole], **WHOLE | {"save_every": None})
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(common_clock, "monotonic", lambda: next(clock))
    limit = WHOLE | {"time_limit": "15s", "directory": tmp_path, "save_every": None}
    first = new_task(0.3)
    history = first.fit(TEXTS, TEXTS[:8], **limit)
    assert len(history["val_loss"]) == 1 and position_in(tmp_path) == (0, 4)
    assert np.array_equal(*(weights_of(t)["task/labels/kernel"] for t in (
        first, playmask.load_task(tmp_path)
    )))  # fmt: skip
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="after 4 batches of .* rows; they have 3 now"):
        new_task(0.3).fit(TEXTS, TEXTS[:8], resume=True, **limit | {"batch_size": 3})
    task = new_task(seed=99, dropout=0.3)
    rest = task.fit(TEXTS, TEXTS[:8], callbacks=[after], resume=True, **limit)
    assert len(rest["val_loss"]) == 3  # where it stopped, and two epochs
    assert all(np.array_equal(*both) for both in zip(whole.state, after.state, strict=True))


class Seen(playmask.StepHook):
    """Notes the length of each batch and the rows that it holds."""

    passive = True

    def __init__(self):
        super().__init__()
        self.seen = {}

    def on_train_batch_begin(self, batch, logs=None):
        batches = self.model.batches
        length, rows = batches._plan[batch]
        self.seen[batches.epoch, batch] = length, rows.tolist()


@pytest.mark.backends("jax")
def test_an_epoch_goes_on_with_the_rows_that_are_left_under_other_options(tmp_path, monkeypatch):
    """How long a training is decides which lengths pay, and so which rows are batches."""
    monkeypatch.setattr(training, "price_of", lambda weights, passes=1: 150.0)
    texts = [(text * (1 + i % 4), label) for i, (text, label) in enumerate(reviews(40))]
    options = {**WHOLE, "epochs": 1, "directory": tmp_path}
    longer = options | {"epochs": 20, "max_steps": 7, "seed": 8, "resume": True}
    begun, rest = Seen(), Seen()
    with pytest.raises(KeyboardInterrupt):
        new_task(max_length=40).fit(texts, callbacks=[begun, Killed(0, 4)], **options)
    assert position_in(tmp_path) == (0, 4)
    with pytest.raises(ConfigError, match="4 batches of an epoch, within .* accumulate=3"):
        new_task(max_length=40).fit(texts, **longer | {"accumulate": 3})
    with pytest.raises(ConfigError, match="within an epoch of other rows: Row .* has length 5"):
        new_task(max_length=60).fit(texts, **longer)
    new_task(max_length=40).fit(texts, callbacks=[rest], **longer)
    epoch = [begun.seen[0, i] for i in range(4)] + [rest.seen[0, i] for i in range(4, 10)]
    assert sorted(row for _, rows in epoch for row in rows) == [*range(40)]
    lengths = {length for (epoch, _), (length, _) in rest.seen.items() if epoch == 1}
    assert lengths != {length for length, _ in epoch}  # the next epoch has its own


class Counted(playmask.WeightAveraging):
    """Notes how many updates a training has."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.length = self._length(self.model)


def test_methods_count_updates_where_batches_are_accumulated():
    task, hook = new_task(), Counted(0.5)
    task.fit(reviews(40), epochs=2, batch_size=8, accumulate=2, callbacks=[hook], verbose=0)
    assert hook.length == (6, 3)  # 5 batches are 3 updates an epoch
    limited = {"epochs": 9, "max_steps": 4}
    task.fit(reviews(40), batch_size=8, accumulate=2, callbacks=[hook], verbose=0, **limited)
    assert hook.length == (4, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lora": "rank=2", "unfreeze": "epochs=1"}, "lora trains adapters alone"),
        ({"accumulate": 2, "unfreeze": "epochs=1"}, "between batches of one update"),
        ({"accumulate": 2, "adversarial": "penalty:1"}, "leave accumulate out"),
        ({"precision": "float16", "adversarial": "fgm:0.5"}, "precision='bfloat16'"),
        ({"label_by_teacher": True, "stream": True}, "stream holds none"),
        ({"save_every": 2}, "give fit a directory"),
    ],
)
def test_what_does_not_go_together_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        new_task().fit(reviews(16), epochs=1, verbose=0, **options)


def test_averages_hold_the_adapters_that_learn():
    """LoRA begins before what copies the weights that are trained."""

    class Pairs(playmask.MovingAverage):
        def begin(self, network):
            super().begin(network)
            self.names = [weight.path for weight, _ in self.pairs]

    task, hook = new_task(), Pairs(0.9)
    task.fit(reviews(16), epochs=1, lora="rank=2", callbacks=[hook], verbose=0)
    assert sum("lora" in name for name in hook.names) == 8  # two of each of four projections
    assert not any(name.endswith("kernel") and "blocks" in name for name in hook.names)
