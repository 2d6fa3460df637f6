"""The losses of sentence vectors against NumPy, their batches, and what encoders learn by them."""

import numpy as np
import pytest
from keras import ops

import playmask
from comparing import numpy_of
from playmask.tasks.similarity.learning import objective_of
from playmask.tasks.similarity.momentum_queue import MomentumQueue
from playmask.tasks.similarity.sentence_batches import contrastive_targets, with_repetitions
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.vector_losses import Contrast
from tasks.test_similar import PAIRS, with_dropout

RANDOM = np.random.default_rng(1)
VECTORS = RANDOM.normal(size=(8, 6)).astype("float32")
UNIT = VECTORS.astype("float64") / np.linalg.norm(VECTORS, axis=1, keepdims=True)
COSINES = UNIT @ UNIT.T
# Two texts, their pairs, a negative each, and a second one of the first text alone.
TABLE = np.array(
    [[2, 0, 0, 0], [3, 1, 0, 1], [0, 2, 1, 0], [1, 3, 1, 1],
     [-1, 4, 2, 0], [-1, 5, 2, 1], [-1, 6, 2, 0], [-1, 7, -1, 1]]
)  # fmt: skip


def loss_of(name: str, targets: np.ndarray, vectors: np.ndarray = VECTORS, **fields) -> np.ndarray:
    """A loss by its name, for each row."""
    loss = objective_of(EncoderSettings(loss=name, **fields)).losses["vectors"]
    return numpy_of(loss.call(ops.convert_to_tensor(targets), ops.convert_to_tensor(vectors)))


def crossentropy(query: int, positive: int, others: list[int], scale: float = 20.0) -> float:
    logits = scale * COSINES[query, [positive, *others]]
    return float(np.log(np.exp(logits).sum()) - logits[0])


@pytest.mark.backends
@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("infonce", {0: (2, [3, 4, 5, 6]), 1: (3, [2, 4, 5, 6])}),
        ("symmetric", {0: (2, [3, 4, 5, 6]), 2: (0, [1]), 3: (1, [0])}),
        ("contrast", {0: (2, [1, 3, 4, 5, 6]), 3: (1, [0, 2, 4, 5, 6])}),
    ],
)
def test_contrast_with_negatives(name, queries):
    """Each role has the candidates that its loss says; the last row only fills the batch."""
    losses = loss_of(name, TABLE, scale=20.0)
    expected = {row: crossentropy(row, *those) for row, those in queries.items()}
    assert losses[[*expected]] == pytest.approx([*expected.values()], abs=1e-4)
    assert np.isfinite(losses).all()
    cut = loss_of(name, TABLE, VECTORS[:, :3]) + loss_of(name, TABLE)
    assert np.allclose(loss_of(name, TABLE, sizes=(3,)), cut, atol=1e-4)


@pytest.mark.backends
def test_triplets():
    """The first text has two negatives, the second one."""
    losses = loss_of("triplet", TABLE, margin=0.5)
    gap = [0.5 + COSINES[0, n] - COSINES[0, 2] for n in (4, 6)]
    assert losses[0] == pytest.approx(np.maximum(gap, 0).mean(), abs=1e-5)
    assert losses[1] == pytest.approx(max(0, 0.5 + COSINES[1, 5] - COSINES[1, 3]), abs=1e-5)


@pytest.mark.backends
def test_cosent():
    """Ties say nothing, and a pair of weight 0 is not there."""
    scores, weights = np.array([2.0, 5.0, 2.0, 9.0]), np.array([1.0, 1.0, 1.0, 0.0])
    cosines = [COSINES[i, i + 4] for i in range(4)]
    couples = [(1, 0), (1, 2)]  # the more similar first
    total = 1 + sum(np.exp(20 * (cosines[low] - cosines[high])) for high, low in couples)
    targets = np.tile(np.stack([scores, weights], 1), (2, 1)).astype("float32")
    assert loss_of("cosent", targets) == pytest.approx(np.full(8, np.log(total)), abs=1e-4)
    scaled = targets * np.array([[100, 1]], "float32")  # any scale
    assert loss_of("cosent", scaled) == pytest.approx(np.full(8, np.log(total)), abs=1e-4)


@pytest.mark.backends
def test_distances_from_a_teacher():
    other = RANDOM.normal(size=(8, 6)).astype("float32")
    assert np.allclose(loss_of("mse", other), ((VECTORS - other) ** 2).mean(1), atol=1e-5)
    unit = other / np.linalg.norm(other, axis=1, keepdims=True)
    assert np.allclose(loss_of("cosine", other), 1 - (unit * UNIT).sum(1), atol=1e-5)


@pytest.mark.backends
def test_the_queue_makes_the_loss_that_of_batch_and_queue():
    queue = RANDOM.normal(size=(3, 6)).astype("float32")
    hook = MomentumQueue(Contrast(20.0, ((1, 2), ())), 3, 0.9)
    filled = np.array([1.0, 0.0, 1.0], "float32")
    extra = numpy_of(hook.extra(*map(ops.convert_to_tensor, (TABLE, VECTORS, queue, filled))))
    earlier = queue[[0, 2]] / np.linalg.norm(queue[[0, 2]], axis=1, keepdims=True)
    logits = 20 * np.concatenate([COSINES[0, [2, 3, 4, 5, 6]], earlier @ UNIT[0]])
    whole = np.log(np.exp(logits).sum()) - logits[0]
    assert extra[0] + crossentropy(0, 2, [3, 4, 5, 6]) == pytest.approx(whole, abs=1e-4)


class Look(playmask.StepHook):
    """Notes what a queue holds before a training and after its second epoch."""

    def begin(self, network):
        (self.hook,) = (h for h in network.hooks if isinstance(h, MomentumQueue))
        self.before = [np.array(numpy_of(v.value)) for v, _ in self.hook.copies]

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:  # whose step has the rate 0
            return
        both = zip(*self.hook.copies, strict=True)
        self.weights, self.copies = ([numpy_of(v.value) for v in each] for each in both)
        self.queue, self.filled = (numpy_of(v.value) for v in (self.hook.queue, self.hook.filled))


@pytest.mark.backends
def test_the_momentum_encoder_follows_and_fills_the_queue():
    """θ' is 0.75 θ' + 0.25 θ after a step, and the queue what θ' made of the texts before it."""
    task, look = with_dropout("esimcse", queue=6, momentum=0.75), Look()
    texts = [text for text, _ in PAIRS[:4]]
    vectors = task.encode(texts)
    options = {"batch_size": 4, "learning_rate": 1e-3, "warm_up": 0.5, "verbose": 0}
    history = task.fit(texts, epochs=2, callbacks=[look], **options)
    moved = 0.0
    for begin, copy, weight in zip(look.before, look.copies, look.weights, strict=True):
        assert np.allclose(copy, 0.75 * begin + 0.25 * weight, atol=1e-6)
        moved = max(moved, float(np.abs(begin - weight).max()))
    assert moved > 5e-4
    assert look.filled.tolist() == [1] * 6
    assert np.allclose((look.queue[:4] @ vectors.T).max(1), 1, atol=1e-5)  # without dropout
    assert np.isfinite(history["loss"][0]) and not task.network.hook_variables.variables


def test_tokens_are_repeated():
    """Up to 0.5 of a text's tokens stand twice, next to each other; its frame does not."""
    inputs = {"tokens": np.array([[2, 5, 6, 7, 8, 3], [2, 9, 3, 0, 0, 0]], "int32")}
    inputs["valid"] = inputs["tokens"] > 0
    sizes = set()
    for seed in range(20):
        more = with_repetitions(inputs, 0.5, np.random.default_rng(seed), (1, 1), 16)
        first, second = (row[ok].tolist() for row, ok in zip(*more.values(), strict=True))
        assert list(dict.fromkeys(first)) == [2, 5, 6, 7, 8, 3] and sorted(first)[:2] == [2, 3]
        assert second in ([2, 9, 3], [2, 9, 9, 3])
        sizes.add(len(first))
    assert sizes == {6, 7, 8}
    short = with_repetitions(inputs, 0.5, np.random.default_rng(1), (1, 1), 6)
    assert short["valid"].sum(1).max() == 6 and short["tokens"][0, 5] == 3


def test_rows_of_a_batch():
    """Which row is whose positive; the same text has the same number, a filler has no role."""
    tokens = np.array([[2, 5], [2, 6], [2, 7], [2, 5], [2, 8], [2, 9]])
    inputs = {"tokens": tokens, "valid": tokens > 0}
    table = contrastive_targets(inputs, np.array([1.0, 1.0]), 3, np.array([1, 0]))
    assert table[:, 0].tolist() == [2, 3, 0, 1, -1, -1]
    assert table[0, 1] == table[3, 1] and len({*table[:, 1]}) == 5
    assert table[:, 2].tolist() == [0, 0, 1, 1, 2, -1]
    assert table[:, 3].tolist() == [0, 1, 0, 1, 0, 1]
    filled = contrastive_targets(inputs, np.array([1.0, 0.0]), 3, np.array([1, 1]))
    assert filled[:, 2].tolist() == [0, -1, 1, -1, 2, -1] and filled[1, 0] == -1
