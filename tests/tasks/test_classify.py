"""The classifier: it learns, keeps its best epoch, survives interruption, and refuses bad data."""

import json

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, numpy_of
from playmask.data.examples import Example
from playmask.errors import CheckpointError, ConfigError, DataError, InputError
from playmask.runtime.train import backup
from playmask.runtime.train.optimizers.named import Rate, make_optimizer
from playmask.runtime.train.schedules import PiecewiseLinear, warm_up_then_decay
from playmask.runtime.train.weight_names import all_weights
from playmask.tokenizers import Tokenizer

pytestmark = pytest.mark.backends

GOOD, BAD = "好棒美甜", "差坏烂苦"
FILLER = "天地玄黄宇宙洪荒日月盈昃辰宿列张"


def reviews(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Nonsense of 5 to 14 characters in which one character tells the label."""
    random = np.random.default_rng(seed)
    made = []
    for i in range(count):
        text = [FILLER[j] for j in random.integers(0, len(FILLER), random.integers(4, 14))]
        text.insert(int(random.integers(0, len(text))), (GOOD, BAD)[i % 2][random.integers(0, 4)])
        made.append(("".join(text), ("good", "bad")[i % 2]))
    return made


def new_task(seed: int = 3, **options) -> playmask.TextClassifier:
    tokenizer = Tokenizer.from_texts([GOOD + BAD + FILLER] * 2, size=60, minimum=1)
    keras.utils.set_random_seed(seed)
    model = playmask.build(
        TINY.change(vocabulary=len(tokenizer), pad=tokenizer.pad, initializer_range=0.1, depth=1)
    )
    return playmask.TextClassifier.new(
        model, ["bad", "good"], tokenizer=tokenizer, max_length=20, **options
    )


QUICK = {"epochs": 3, "batch_size": 32, "learning_rate": 1e-2, "verbose": 0}


def weights_of(task) -> dict[str, np.ndarray]:
    return {name: numpy_of(v.value).copy() for name, v in all_weights(task.network).items()}


def same_weights(one, two) -> bool:
    a, b = weights_of(one), weights_of(two)
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_it_learns_saves_loads_and_predicts_the_same(tmp_path):
    task = new_task()
    before = task.evaluate(reviews(100, seed=9))
    history = task.fit(reviews(320), reviews(64, seed=1), **QUICK | {"epochs": 6})
    after = task.evaluate(reviews(100, seed=9))
    assert before["accuracy"] < 0.8 < 0.97 < after["accuracy"], (before, after)
    assert history["val_loss"][-1] < history["val_loss"][0]
    task.save(tmp_path)
    again = playmask.load_task(tmp_path)
    texts = [text for text, _ in reviews(20, seed=5)]
    assert again.predict(texts) == task.predict(texts)
    assert again.evaluate(reviews(100, seed=9)) == after
    assert playmask.load(tmp_path).architecture == task.transformer.architecture
    files = {p.name for p in tmp_path.iterdir()}
    own = {"task.json", "architecture.json", "tokenizer.json", "weights.safetensors"}
    assert files == {*own, "checksums.json"}


@pytest.mark.backends("torch")
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_every_pooling_learns(pooling):
    task = new_task(pooling=pooling)
    task.fit(reviews(320), **QUICK | {"epochs": 5})
    assert task.evaluate(reviews(100, seed=9))["accuracy"] > 0.9


@pytest.mark.backends("torch")
def test_pairs_are_told_apart_by_their_order():
    both = [pair for good in GOOD for bad in BAD for pair in ((good, bad), (bad, good))]
    examples = [(a, b, "yes" if a in GOOD else "no") for a, b in both * 5]
    task = new_task()
    task = playmask.TextClassifier.new(
        task.transformer, ["yes", "no"], tokenizer=task.tokenizer, max_length=20
    )
    task.fit(examples, **QUICK | {"epochs": 20})
    assert task.evaluate(examples)["accuracy"] > 0.95
    assert task.predict((GOOD[0], BAD[1])).label == "yes"
    assert task.predict([(BAD[0], GOOD[1])])[0].label == "no"
    with pytest.raises(DataError, match="Text 1: The task was trained on pairs"):
        task.predict([("a", "b"), "c"])


def test_padding_and_company_change_nothing():
    task = new_task()
    texts = [text for text, _ in reviews(9)]
    together = task.predict(texts)
    for text, prediction in zip(texts, together, strict=True):
        alone = task.predict(text)
        assert alone.label == prediction.label
        assert abs(alone.probabilities["good"] - prediction.probabilities["good"]) < 1e-5
    assert task.predict([]) == []


def test_metrics_by_hand():
    task = new_task()
    examples = reviews(10)
    scores = task.evaluate(examples)
    predictions = task.predict([text for text, _ in examples])
    right = [p.label == label for p, (_, label) in zip(predictions, examples, strict=True)]
    chances = [p.probabilities[label] for p, (_, label) in zip(predictions, examples, strict=True)]
    assert scores["accuracy"] == np.mean(right)
    assert scores["loss"] == pytest.approx(-np.mean(np.log(chances)), abs=1e-6)


class StopAfter(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch (from 0)."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch, self.now = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 2:
            raise KeyboardInterrupt


@pytest.mark.backends("torch")
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(tmp_path):
    plan = QUICK | {"epochs": 4, "seed": 7}
    whole = new_task()
    wanted = whole.fit(reviews(128), reviews(32, seed=1), directory=tmp_path / "whole", **plan)

    task = new_task()
    with pytest.raises(KeyboardInterrupt):
        task.fit(
            reviews(128), reviews(32, seed=1), directory=tmp_path / "cut",
            callbacks=[StopAfter(2)], **plan,
        )  # fmt: skip
    kept = playmask.load_task(tmp_path / "cut")
    assert same_weights(kept, task)  # the best finished epoch, in memory and on disk
    assert len(json.loads((tmp_path / "cut" / "training.json").read_text())["loss"]) == 2

    resumed = new_task(seed=99)  # a new process: its weights come from the back-up
    history = resumed.fit(
        reviews(128), reviews(32, seed=1), directory=tmp_path / "cut", resume=True, **plan
    )
    assert len(history["loss"]) == 4
    assert history == wanted  # the seeds of dropout go on, too
    assert same_weights(playmask.load_task(tmp_path / "cut"), resumed)


@pytest.mark.backends("jax")
def test_an_interruption_while_the_backup_is_written(tmp_path, monkeypatch):
    """The file of the epoch before is still whole, and the training goes on from it."""
    plan = QUICK | {"epochs": 3, "directory": tmp_path}
    whole = backup.write_state

    def cut(file, network, more):
        whole(file, network, more)
        if "epochs-2" in str(file):
            data = file.read_bytes()
            file.write_bytes(data[: len(data) // 2])
            raise KeyboardInterrupt

    monkeypatch.setattr(backup, "write_state", cut)
    task = new_task()
    with pytest.raises(KeyboardInterrupt):
        task.fit(reviews(64), reviews(32, seed=1), **plan)
    monkeypatch.undo()
    resumed = new_task(seed=99)
    history = resumed.fit(reviews(64), reviews(32, seed=1), resume=True, **plan)
    assert len(history["loss"]) == 3
    assert same_weights(playmask.load_task(tmp_path), resumed)
    assert not (tmp_path / ".playmask-training").exists()


@pytest.mark.backends("jax")
def test_going_on_needs_the_same_data(tmp_path):
    plan = QUICK | {"directory": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        new_task().fit(reviews(96), callbacks=[StopAfter(1)], **plan)
    with pytest.raises(ConfigError, match="was on other examples"):
        new_task().fit(reviews(64), resume=True, **plan)


def test_a_task_lives_on_after_an_interruption(tmp_path):
    task = new_task()
    before = weights_of(task)
    with pytest.raises(KeyboardInterrupt):
        task.fit(reviews(128), callbacks=[StopAfter(0)], **QUICK)
    assert all(np.array_equal(value, before[name]) for name, value in weights_of(task).items())
    assert task.predict("好").label in task.labels
    task.fit(reviews(64), **QUICK | {"epochs": 1})
    task.save(tmp_path)


def test_a_save_that_fails_leaves_the_old_task(tmp_path, monkeypatch):
    task = new_task()
    task.save(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    monkeypatch.setattr(keras.ops, "convert_to_numpy", None)
    with pytest.raises(TypeError):
        new_task(seed=8).save(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_keras_predict_is_refused_with_the_way_out():
    task = new_task()
    for model in (task.network, task.transformer):
        with pytest.raises(InputError, match="playmask.Predictor"):
            model.predict([np.ones((1, 3), "int32")] * 2)
    assert task.predict("好").label in task.labels


@pytest.mark.parametrize("texts", [None, 5, [None], [b"x"], [("a", "b", "c")], [["a", 1]]])
def test_predict_takes_texts_only(texts):
    with pytest.raises(InputError):
        new_task().predict(texts)


def test_a_task_knows_whether_it_was_trained_on_pairs():
    task = new_task()
    task.fit(reviews(32), **QUICK | {"epochs": 1})
    with pytest.raises(DataError, match="was trained on single texts"):
        task.predict(("好", "差"))


def test_the_best_epoch_is_kept(tmp_path):
    """Training that gets worse: a huge rate after the first epoch."""

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                for variable in self.model.trainable_variables:
                    variable.assign(numpy_of(variable.value) * -3)

    task = new_task()
    plan = QUICK | {"epochs": 2, "learning_rate": 1e-3}
    checks = reviews(70, seed=1)
    history = task.fit(reviews(128), checks, callbacks=[Spoil()], directory=tmp_path, **plan)
    assert history["val_loss"][1] > history["val_loss"][0]
    loss = task.evaluate(checks)["loss"]
    assert loss == pytest.approx(history["val_loss"][0], abs=0.02)  # rows that fill don't count
    assert same_weights(playmask.load_task(tmp_path), task)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([("x", "good"), ("y", "goood")], "Example 1: It has the label 'goood'.*'good'"),
        ([], "There are no examples"),
        (["x"], "Example 0: It is 'x', not"),
        ([("x", "y", "good"), Example("x", None, "bad")], "Example 1 is one text among pairs"),
    ],
)
def test_bad_examples_stop_before_training(data, message, monkeypatch):
    task = new_task()
    monkeypatch.setattr(task.network, "fit", lambda *a, **k: pytest.fail("training had begun"))
    with pytest.raises(DataError, match=message):
        task.fit(data, **QUICK)


def test_bad_files_name_file_and_line(tmp_path):
    file = tmp_path / "train.tsv"
    file.write_text("一\tgood\n二\tgut\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train.tsv:2.*'gut'.*'good'"):
        new_task().fit(file, **QUICK)
    assert new_task().read(file, skip_bad=True).skipped


def test_bad_settings_are_refused(tmp_path):
    task = new_task()
    for labels, said in ((["one"], "two or more distinct labels"), (["a", "a"], "is needed once")):
        with pytest.raises(ConfigError, match=said):
            playmask.TextClassifier.new(task.transformer, labels, tokenizer=task.tokenizer)
    with pytest.raises(ConfigError, match="no tokenizer"):
        playmask.TextClassifier.new(task.transformer, ["a", "b"])
    with pytest.raises(ConfigError, match="max_length is 99, but the model has 20 positions"):
        playmask.TextClassifier.new(
            task.transformer, ["a", "b"], tokenizer=task.tokenizer, max_length=99
        )
    with pytest.raises(ConfigError, match="Did you mean 'mean_max'"):
        new_task(pooling="mean_maxx")
    with pytest.raises(ConfigError, match="learning_rate must be between 0 and 1, not 5"):
        task.fit(reviews(4), **QUICK | {"learning_rate": 5})
    with pytest.raises(CheckpointError, match="no task in"):
        playmask.load_task(tmp_path)


def test_a_mixed_up_directory_is_refused(tmp_path):
    new_task().save(tmp_path / "one")
    other = new_task(pooling="mean")
    other.save(tmp_path / "two")
    (tmp_path / "two" / "weights.safetensors").replace(tmp_path / "one" / "weights.safetensors")
    with pytest.raises(CheckpointError, match="task/labels/kernel has the shape"):
        playmask.load_task(tmp_path / "one")


def test_norms_and_biases_do_not_decay():
    """A step without gradients: only weight decay moves anything."""
    network = new_task().network
    optimizer = make_optimizer(network, Rate(0.1, weight_decay=0.1))
    before = [numpy_of(v.value).copy() for v in network.trainable_variables]
    none = [keras.ops.zeros(x.shape) for x in before]
    optimizer.apply(none, network.trainable_variables)
    for variable, old in zip(network.trainable_variables, before, strict=True):
        decayed = variable.name not in ("bias", "gamma", "beta")
        assert np.allclose(numpy_of(variable.value), old * (0.99 if decayed else 1), atol=1e-6), (
            variable.path
        )


def test_schedule():
    schedule = warm_up_then_decay(0.5, steps=20, warm_up=0.5)
    rates = [float(schedule(step)) for step in (0, 5, 10, 15, 20, 99)]
    assert np.allclose(rates, [0, 0.25, 0.5, 0.25, 0, 0])
    again = PiecewiseLinear.from_config(schedule.get_config())
    assert float(again(5)) == 0.25
    assert float(PiecewiseLinear(2.0, {4: 0.5})(9)) == 1.0
    assert float(warm_up_then_decay(0.5, steps=1)(0)) == 0.5  # the only step is to learn something
    assert [float(warm_up_then_decay(0.5, steps=2)(step)) for step in (0, 1)] == [0, 0.5]
