"""LoRA, distillation and Theseus beside plain numpy: what is computed, and its gradient."""

from contextlib import contextmanager
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import TINY, error, log_softmax, numpy_of, tiny, tokens
from playmask.labelling.divergences import MEAN_LABELS, NUMBERS, SOFTMAX
from playmask.model.dense import Dense
from playmask.model.parts import Gated
from playmask.runtime.adapters import attach, attached, detach, merge
from playmask.runtime.train.steps.distil import Distillation
from playmask.runtime.train.steps.theseus import Theseus
from playmask.tasks.teaching import teacher_of
from tasks.test_classify import new_task, reviews

pytestmark = pytest.mark.backends


def task(depth: int = 1, width: int = 24, seed: int = 3, **changes) -> playmask.TextClassifier:
    """A task without dropout, whose weights are far from 0."""
    tokenizer = new_task().tokenizer
    keras.utils.set_random_seed(seed)
    size = {"width": width, "depth": depth, "dropout": 0.0, "attention_dropout": 0.0}
    architecture = TINY.change(vocabulary=len(tokenizer), pad=tokenizer.pad, **size, **changes)
    model = playmask.build(architecture)
    return playmask.TextClassifier.new(
        model, ["bad", "good"], tokenizer=tokenizer, max_length=20, dropout=0.0
    )


def batch_of(each, texts=None) -> tuple:
    """The inputs, targets and weights of one batch of texts."""
    examples = each.read(texts or reviews(8))
    return each.batches(examples, len(examples), shuffle=False)[0]


@contextmanager
def taught(student, teacher, hook):
    """A student that is about to learn from a teacher, for steps outside of `fit`."""
    student.network.teacher = partial(teacher_of, student, teacher)
    student.network.join([hook])
    student.compile(keras.optimizers.SGD(0.1))
    yield student.network
    student.network.leave([hook])
    student.network.teacher = None


def loss_of(student, teacher, hook) -> float:
    """The loss of one training pass over a batch of all texts."""
    inputs, targets, weights = batch_of(student)
    with taught(student, teacher, hook) as network:
        outputs = network(inputs, training=True)
        return float(numpy_of(network.compute_loss(inputs, targets, outputs, weights)))


def logits_of(each, texts=None) -> np.ndarray:
    return numpy_of(each.network(batch_of(each, texts)[0])["logits"])


def states_of(each) -> tuple[list[np.ndarray], np.ndarray]:
    """Hidden states by plain passes: the embedding, then each block's; and which tokens count."""
    inputs, _, _ = batch_of(each)
    model, tokens = each.transformer, inputs["tokens"]
    whole = [
        numpy_of(playmask.keep_blocks(model, range(depth + 1))(inputs)["hidden"])
        for depth in range(model.architecture.depth)
    ]
    positions = np.arange(tokens.shape[1])[None]
    first = model.embeddings(positions, tokens=tokens, segments=np.zeros_like(tokens))
    return [numpy_of(first), *whole], inputs["valid"]


def test_it_adds_the_product_and_its_gradient_is_the_formulas():
    """One step of gradient descent at rate 1 on ½|y|², beside plain numpy; W gets no gradient."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3, 4, 5)).astype("float32")
    layer = Dense(6)
    layer.build((None, None, 5))
    layer.adapt(rank=2, alpha=6.0)
    layer.kernel.trainable = layer.bias.trainable = False
    a, b = (draw.normal(size=size).astype("float32") for size in ((5, 2), (2, 6)))
    layer.adapter.down.assign(a)
    layer.adapter.up.assign(b)
    w = numpy_of(layer.kernel.value).copy()
    y = x @ w + 3.0 * x @ a @ b
    assert error(layer(x), y) < 1e-6
    inputs = keras.Input((4, 5))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss=lambda _, y: ops.sum(ops.square(y)) / 2)
    model.train_on_batch(x, np.zeros((3, 1)))
    rows, upstream = x.reshape(-1, 5), 3.0 * y.reshape(-1, 6)
    assert error(layer.adapter.down.value, a - rows.T @ upstream @ b.T) < 1e-5
    assert error(layer.adapter.up.value, b - (rows @ a).T @ upstream) < 1e-5
    assert np.array_equal(numpy_of(layer.kernel.value), w)


@pytest.mark.parametrize(
    "changes",
    [{}, {"projections": Gated(), "feedforward": False, "attention_heads": 1, "gate": None}],
    ids=["separate", "gated"],
)
def test_merged_it_computes_the_same_and_taken_away_the_base_is_back(changes):
    model = tiny(**changes)
    before = model.get_weights()
    inputs = {"tokens": tokens(2, 7)}
    base = numpy_of(model(inputs)["hidden"])
    attach(model, 3, 4.0, "attention")
    assert np.array_equal(numpy_of(model(inputs)["hidden"]), base)  # B begins at 0
    draw = np.random.default_rng(1)
    for layer in attached(model).values():
        layer.adapter.up.assign(draw.normal(size=layer.adapter.up.shape) * 0.1)
    added = numpy_of(model(inputs)["hidden"])
    assert error(added, base) > 1e-2
    merge(model)
    assert not attached(model) and len(model.get_weights()) == len(before)
    assert error(model(inputs)["hidden"], added) < 2e-5
    detach(model)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_softened_divergences_are_the_formulas():
    draw = np.random.default_rng(0)
    t, s = draw.normal(size=(2, 3, 4)).astype("float32")
    p, q = log_softmax(t / 3), log_softmax(s / 3)
    want = 9 * (np.exp(p) * (p - q)).sum(-1)
    valid = np.ones((3, 4), bool)
    assert error(SOFTMAX.softened(t, s, valid, 3.0), want) < 1e-5
    a, b = 1 / (1 + np.exp(-t / 3)), 1 / (1 + np.exp(-s / 3))
    want = 9 * (a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b))).mean(-1)
    assert error(MEAN_LABELS.softened(t, s, valid, 3.0), want) < 1e-5
    assert error(NUMBERS.softened(t, s, valid, 3.0), ((t - s) ** 2).mean(-1)) < 1e-5
    hidden = np.full((1, 2), -1e9, "float32")
    assert float(numpy_of(MEAN_LABELS.softened(hidden, hidden, valid, 2.0)).max()) == 0


def test_the_loss_is_the_sum_of_its_parts():
    """Answers and hidden states; the teacher's second block is the student's one."""
    teacher, student = task(2, seed=5), task(1)
    logits = [logits_of(each) for each in (teacher, student)]
    _, targets, _ = batch_of(student)
    plain = -np.take_along_axis(log_softmax(logits[1]), targets[:, None], 1).mean()
    t, s = (log_softmax(each / 2) for each in logits)
    answers = 4 * (np.exp(t) * (t - s)).sum(-1).mean()
    assert loss_of(student, teacher, Distillation()) == pytest.approx(plain + answers, rel=1e-4)
    only = Distillation(targets=0.0, logits=3.0)
    assert loss_of(student, teacher, only) == pytest.approx(3 * answers, rel=1e-4)
    (theirs, valid), (ours, _) = states_of(teacher), states_of(student)
    counts = valid / valid.sum(1)[:, None] / len(valid)
    for layers, block in ((None, 2), ("1", 1)):
        embeddings, blocks = (
            (((theirs[a] - ours[b]) ** 2).mean(-1) * counts).sum() for a, b in ((0, 0), (block, 1))
        )
        hook = Distillation(logits=0.0, hidden=0.5, embeddings=2.0, targets=0.0, layers=layers)
        expected = 0.5 * blocks + 2 * embeddings
        assert loss_of(student, teacher, hook) == pytest.approx(expected, rel=1e-4)
    a, b = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (theirs[2], ours[1]))
    for distance, expected in (
        ("patient", ((a - b)[:, 0] ** 2).sum(-1).mean()),
        ("cosine", ((1 - (a * b).sum(-1)) * counts).sum()),
    ):
        hook = Distillation(logits=0.0, hidden=1.0, targets=0.0, distance=distance)
        assert loss_of(student, teacher, hook) == pytest.approx(expected, rel=1e-4)


class Never(Theseus):
    """The teacher's blocks alone."""

    def probability(self, step):
        return 0.0


def test_theseus_is_the_predecessor_or_the_successor():
    """With a probability of 0 all modules are the teacher's blocks, with 1 the task's own."""
    teacher = task(4, seed=5)
    student = playmask.keep_blocks(teacher, [0, 2])
    inputs = batch_of(student)[0]
    for hook, each in ((Never(2), teacher), (Theseus(2, start=1.0), student)):
        with taught(student, teacher, hook) as network:
            logits = numpy_of(network(inputs, training=True)["logits"])
        assert error(logits, logits_of(each)) < 1e-5
    with taught(student, teacher, Theseus(2, start=0.5, until=1.0)) as network:
        drawn = [numpy_of(network(inputs, training=True)["logits"]) for _ in range(2)]
        assert np.array_equal(*drawn)  # by the step
        hook, network.hooks[0].steps = network.hooks[0], 1000
        passes = []
        for step in range(12):
            hook.step.assign(step)
            passes.append(numpy_of(network(inputs, training=True)["logits"]))
        assert len({each.tobytes() for each in passes}) == 4  # each module either way
