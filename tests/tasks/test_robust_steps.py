"""Adversarial and consistent training: each method's gradient against its formula, by hand."""

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import TINY, error, log_softmax, numpy_of
from playmask.errors import ConfigError
from playmask.model.parts import Learned
from playmask.model.rng import normal
from playmask.runtime.batches import Batches
from playmask.runtime.gradients import value_and_gradient
from playmask.runtime.train.hooks import StepHook
from playmask.runtime.train.passes import draws_of, in_place
from playmask.runtime.train.steps.awp import WeightPerturbation
from playmask.runtime.train.steps.fgm import FastGradientMethod
from playmask.runtime.train.steps.mixup import Mixup
from playmask.runtime.train.steps.penalty import GradientPenalty
from playmask.runtime.train.steps.pgd import ProjectedGradientDescent
from playmask.runtime.train.steps.r_drop import RDrop
from playmask.runtime.train.steps.temporal import TemporalEnsembling
from playmask.runtime.train.steps.vat import VirtualAdversarialTraining
from playmask.tasks.unlabelled import Unlabelled, unlabelled_texts
from tasks.test_classify import BAD, FILLER, GOOD, reviews

pytestmark = pytest.mark.backends

TEXTS = reviews(6)
WIDTH, LABELS = 8, 2


def task_of(dropout: float = 0.0, **changes) -> playmask.TextClassifier:
    """A tiny classifier with large weights, so that losses, moves and KLs are far from zero."""
    tokenizer = playmask.Tokenizer.from_texts([GOOD + BAD + FILLER] * 2, size=60, minimum=1)
    keras.utils.set_random_seed(0)
    both = {"dropout": dropout, "attention_dropout": dropout, "position": Learned(16)}
    small = TINY.change(
        vocabulary=len(tokenizer), pad=tokenizer.pad, width=WIDTH, inner=8, attention_heads=2,
        depth=1, initializer_range=0.8, **both, **changes,
    )  # fmt: skip
    model = playmask.build(small)
    options = {"tokenizer": tokenizer, "max_length": 16, "dropout": dropout, "pooling": "first"}
    task = playmask.TextClassifier.new(model, ["bad", "good"], **options)
    kernel = task.network.dense.kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    return task


class Laboratory:
    """A network, a batch of it, its weights, and compiled functions of what they are moved to."""

    def __init__(self, dropout: float = 0.0) -> None:
        self.task = task_of(dropout)
        self.network = self.task.network
        examples = self.task.read(TEXTS)
        self.task.settings = self.task.learn(self.task.settings, examples)
        self.batches = self.task.batches(examples, 6, shuffle=False)
        self.batch = self.batches[0]
        self.inputs, self.labels, self.counts = self.batch
        self.weights = self.network.trainable_variables
        self.start = [numpy_of(weight.value).copy() for weight in self.weights]
        self.seeds = [(seed, numpy_of(value).copy()) for seed, value in draws_of(self.network)]
        self.zeros = np.zeros((*self.inputs["tokens"].shape, WIDTH), "float32")
        self.by_weights = value_and_gradient(self.network, lambda w, e, *x: self.loss(w, e, *x))
        self.by_embeddings = value_and_gradient(self.network, lambda e, w, *x: self.loss(w, e, *x))

    def loss(self, weights, extra, *target):
        """Cross-entropy of the batch, or KL(target ‖ answer) where there is a target."""
        with in_place(self.network, zip(self.weights, weights, strict=True)):
            logits = self.network({**self.inputs, "extra": extra}, training=True)["logits"]
        logs = ops.log_softmax(logits, axis=-1)
        if target:
            chances = ops.exp(target[0])
            return ops.mean(ops.sum(chances * (target[0] - logs), axis=-1))
        picked = ops.take_along_axis(logs, ops.convert_to_tensor(self.labels[:, None]), axis=1)
        return -ops.mean(picked)

    def slope(self, extra=None, weights=None, *target) -> list[np.ndarray]:
        """The gradient of a loss by the weights."""
        extra = self.zeros if extra is None else extra
        return [*map(numpy_of, self.by_weights(weights or self.start, extra, *target)[1])]

    def pull(self, extra, *target) -> np.ndarray:
        """The gradient of a loss by the embeddings."""
        return numpy_of(self.by_embeddings(extra, self.start, *target)[1])

    def learns(self, hook: StepHook, inputs=()) -> list[np.ndarray]:
        """By what a step with a hook moves the weights, at a rate of 1: its gradient."""
        for weight, value in [*zip(self.weights, self.start, strict=True), *self.seeds]:
            weight.assign(value)
        self.network.join([hook], self.batches)
        self.task.compile(keras.optimizers.SGD(1.0))
        self.network.check()
        x, y, w = self.batch
        logs = self.network.train_on_batch({**x, **dict(inputs)}, y, w, return_dict=True)
        self.network.join(())
        assert np.isfinite(logs["loss"])
        self.logs = logs
        moved = [numpy_of(weight.value) for weight in self.weights]
        for weight, value in zip(self.weights, self.start, strict=True):
            weight.assign(value)
        return [before - after for before, after in zip(self.start, moved, strict=True)]


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory()


def flat(slopes) -> np.ndarray:
    return np.concatenate([np.ravel(slope) for slope in slopes])


def agrees(found, *slopes, bound: float = 2e-4) -> None:
    total = sum(flat(slope) for slope in slopes)
    assert error(flat(found), total) < bound


def along(gradient: np.ndarray, length: float) -> np.ndarray:
    return length * gradient / np.sqrt((gradient**2).sum(axis=(1, 2), keepdims=True))


def test_fgm_moves_each_text_along_its_own_gradient(laboratory):
    move = along(laboratory.pull(laboratory.zeros), 0.7)
    found = laboratory.learns(FastGradientMethod(0.7))
    agrees(found, laboratory.slope(), laboratory.slope(move))
    reverse = flat(laboratory.slope()) + flat(laboratory.slope(-move))
    assert error(flat(found), reverse) > 0.01  # a wrong sign would show


def test_fgm_moves_the_table_as_a_whole(laboratory):
    slope = laboratory.slope()
    (place,) = (i for i, w in enumerate(laboratory.weights) if "embeddings/tokens" in w.path)
    moved = [*laboratory.start]
    moved[place] = moved[place] + 0.7 * slope[place] / np.linalg.norm(slope[place])
    found = laboratory.learns(FastGradientMethod(0.7, of="table"))
    agrees(found, slope, laboratory.slope(None, moved))


def test_pgd_is_drawn_back_to_its_length(laboratory):
    move = laboratory.zeros
    for _ in range(3):
        move = move + along(laboratory.pull(move), 0.5)
        length = np.sqrt((move**2).sum(axis=(1, 2), keepdims=True))
        move = move * np.minimum(1, 0.6 / length)
    found = laboratory.learns(ProjectedGradientDescent(0.6, steps=3, rate=0.5))
    agrees(found, laboratory.slope(), laboratory.slope(move))


def test_weights_are_perturbed_by_their_norms_and_stay_where_they_are(laboratory):
    slope = laboratory.slope()
    moved = [
        w + (0.1 * np.linalg.norm(w) * g / np.linalg.norm(g) if w.ndim > 1 and g.any() else 0)
        for w, g in zip(laboratory.start, slope, strict=True)
    ]
    found = laboratory.learns(WeightPerturbation(0.1))
    agrees(found, slope, laboratory.slope(None, moved))


def test_the_penalty_is_differentiated_through_the_gradient(laboratory):
    """Along a direction, by differences of the penalty itself."""
    random = np.random.default_rng(3)
    way = [random.normal(size=w.shape).astype("float32") for w in laboratory.start]

    def penalty(by: float) -> float:
        moved = [w + np.float32(by) * v for w, v in zip(laboratory.start, way, strict=True)]
        pull = numpy_of(laboratory.by_embeddings(laboratory.zeros, moved)[1])
        return 1.5 / 2 * float((pull.astype("float64") ** 2).sum())

    found = flat(laboratory.learns(GradientPenalty(1.5))) - flat(laboratory.slope())
    slope = (penalty(5e-4) - penalty(-5e-4)) / 1e-3
    assert float(found @ flat(way)) == pytest.approx(slope, rel=0.02) and abs(slope) > 1e-3


def test_vat_moves_away_from_an_answer_that_stays(laboratory):
    hook = VirtualAdversarialTraining(0.9, weight=2.0, steps=2, xi=0.3)
    x = laboratory.inputs
    target = log_softmax(laboratory.network(x)["logits"]).astype("float32")
    found = laboratory.learns(hook)
    seed = np.array([0, int(numpy_of(hook.seed.value)[1])], "int32")
    drawn = numpy_of(normal(ops.convert_to_tensor(seed), laboratory.zeros.shape))
    move = along(np.where(x["valid"][..., None], drawn, 0), 0.3)
    for _ in range(2):
        move = along(laboratory.pull(move, target), 0.3)
    slope = laboratory.slope(move * 3, None, target)
    agrees(found, laboratory.slope(), [2 * each for each in slope], bound=2e-3)
    assert np.abs(flat(slope)).max() > 1e-3


def test_temporal_ensembling_draws_answers_to_those_before(laboratory):
    hook, rate = TemporalEnsembling(0.6, weight=5.0, ramp=2), 0.5
    numbers = np.array([5, 0, 3, 1, 2, 4], "int32")
    laboratory.batches.numbered = "example"
    laboratory.network.join([hook], laboratory.batches)
    laboratory.task.compile(keras.optimizers.SGD(rate))
    x, y, w = laboratory.batches[0]
    x["example"] = numbers
    w = np.array([1, 1, 1, 1, 1, 0], "float32")  # the last one only fills the batch
    average = np.zeros((6, LABELS))
    for epoch in range(3):
        logs = log_softmax(laboratory.network(x)["logits"])
        chances = np.exp(logs)
        rise = np.exp(-5 * (1 - min(epoch / 2, 1)) ** 2) if epoch else 0.0
        before = average[numbers] / max(1 - 0.6**epoch, 1e-6)
        apart = ((chances - before) ** 2).mean(axis=1)[:5].mean()
        loss = -logs[np.arange(5), y[:5]].mean() + 5.0 * rise * apart
        result = laboratory.network.train_on_batch(x, y, w, return_dict=True)
        assert result["loss"] == pytest.approx(loss, rel=1e-4)
        assert not epoch or 5.0 * rise * apart > 1e-3
        average[numbers[:5]] = 0.6 * average[numbers[:5]] + 0.4 * chances[:5]
        laboratory.network.reset_metrics()
    counts = numpy_of(hook.counts.value)
    assert counts[numbers].tolist() == [3, 3, 3, 3, 3, 0]
    laboratory.network.join(())
    laboratory.batches.numbered = None
    for weight, value in zip(laboratory.weights, laboratory.start, strict=True):
        weight.assign(value)


def test_r_drop_is_two_losses_and_both_divergences():
    laboratory = Laboratory(dropout=0.3)
    network, labels = laboratory.network, ops.convert_to_tensor(laboratory.labels[:, None])

    def loss(weights):
        values = [*zip(laboratory.weights, weights, strict=True), *laboratory.seeds]
        with in_place(network, values):
            one, other = (
                ops.log_softmax(network(laboratory.inputs, training=True)["logits"])
                for _ in range(2)
            )
        crossed = sum(ops.mean(-ops.take_along_axis(x, labels, axis=1)) for x in (one, other))
        both = ops.sum((ops.exp(one) - ops.exp(other)) * (one - other), axis=-1)
        return crossed + 3.0 / 2 * ops.mean(both)

    value, slope = value_and_gradient(network, loss)(laboratory.start)
    found = laboratory.learns(RDrop(3.0))
    assert laboratory.logs["loss"] == pytest.approx(float(numpy_of(value)), rel=1e-4)
    agrees(found, [*map(numpy_of, slope)])


def test_mixup_mixes_hidden_states_and_both_losses(laboratory):
    """After the last block, the logits are as linear in the states as the mixing is."""

    class Fixed(Mixup):
        def begin(self, network):
            super().begin(network)
            self.pool.assign(np.full(self.pool.shape, 0.3, "float32"))

    logits = numpy_of(laboratory.network(laboratory.inputs)["logits"])
    mixed = log_softmax(0.3 * logits + 0.7 * np.roll(logits, -1, axis=0))
    rows, labels = np.arange(6), laboratory.labels
    loss = -np.mean(0.3 * mixed[rows, labels] + 0.7 * mixed[rows, np.roll(labels, -1)])
    laboratory.learns(Fixed(0.2, after=1))
    assert laboratory.logs["loss"] == pytest.approx(loss, rel=1e-4)
    laboratory.learns(Fixed(0.2, after=0))
    assert laboratory.logs["loss"] != pytest.approx(loss, rel=1e-3)


# Texts without labels


def unlabelled(lengths=(8, 16), count: int = 40, prepare=None) -> Unlabelled:
    random = np.random.default_rng(0)
    rows = [{"tokens": [2, *[i % 30 + 5] * int(random.integers(1, 30)), 3]} for i in range(count)]
    return Unlabelled(rows, lengths, {"tokens": 0}, prepare)


def test_each_batch_gets_as_many_texts_of_its_own_length():
    rows = [{"tokens": [2] * size} for size in (5, 7, 8, 6, 12, 15, 16, 9)]
    batches = Batches(rows, np.zeros(8), batch_size=4, lengths=(8, 16))
    batches.prepare = unlabelled(batches.used_lengths)
    seen = {}
    for inputs, *_ in (batches[i] for i in range(len(batches))):
        length = inputs["tokens"].shape[1]
        tokens, valid = inputs["unlabelled_tokens"], inputs["unlabelled_valid"]
        assert tokens.shape == valid.shape == (4, length)
        sizes = valid.sum(axis=1)
        assert ((sizes <= length) & (sizes > (0 if length == 8 else 8))).all()
        ends = tokens[np.arange(4), sizes - 1]
        assert (ends == 3).all()  # what was cut too
        seen[length] = tokens
    assert {*seen} == {8, 16}
    first = batches[0][0]["unlabelled_tokens"]
    batches.set_epoch(1)
    other = batches[0][0]["unlabelled_tokens"]
    batches.set_epoch(0)
    assert np.array_equal(first, batches[0][0]["unlabelled_tokens"])
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.backends("torch")
def test_texts_without_labels_move_the_weights(tmp_path):
    """The same training with other texts beside it ends elsewhere."""
    file = tmp_path / "more.txt"
    file.write_text("\n".join(text for text, _ in reviews(20, seed=4)), "utf-8")
    options = {"epochs": 2, "batch_size": 6, "learning_rate": 1e-2, "verbose": 0, "r_drop": 4}

    def trained(texts):
        task = task_of(dropout=0.1)
        task.fit(TEXTS, unlabelled=texts, **options)
        return task, flat(numpy_of(v.value) for v in task.network.trainable_variables)

    (task, one), (other, two) = trained(str(file)), trained(["天地", "玄黄"])
    assert not np.array_equal(one, two)
    assert task.training.unlabelled == str(file) and other.training.unlabelled is None
    lines = unlabelled_texts(task, file, skip_bad=False)
    assert lines == file.read_text("utf-8").split("\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"unlabelled": ["天地"]}, "no method that learns from them"),
        ({"mixup": "0.2,after=7"}, "from 0 to the model's 1 blocks, not 7"),
        ({"adversarial": "awp:0.1,weights=nowhere"}, "No matrix .* 'nowhere'"),
        ({"adversarial": "vat:1,steps=0"}, "steps is from 1"),
        ({"r_drop": 0}, "alpha is above 0"),
        ({"temporal_ensembling": 1.0}, "to below 1"),
    ],
)
def test_what_cannot_be_is_said_before_training(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        task_of().fit(TEXTS, epochs=1, verbose=0, **options)
