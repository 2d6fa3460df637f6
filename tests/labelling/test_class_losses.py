"""Weighted, smoothed and focal cross-entropies beside plain numpy, with their gradients."""

import numpy as np
import pytest
from keras import ops

import playmask
from comparing import numpy_of
from playmask.labelling.class_losses import (
    LabelCrossentropy,
    SoftmaxTagCrossentropy,
    class_crossentropy,
    label_crossentropy,
)
from playmask.runtime.gradients import with_gradient

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(5, 3)) * 2
CLASSES = np.array([0, 2, 1, 1, 0])
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]], "float32")
WEIGHTS = (0.5, 2.0, 1.5)
CHANGES = {
    "plain": {},
    "focal": {"focal": 2.0},
    "below one": {"focal": 0.5},
    "smooth": {"smoothing": 0.2},
    "weights": {"weights": WEIGHTS},
    "all": {"focal": 1.5, "smoothing": 0.1, "weights": WEIGHTS},
}


def of_classes(logits, focal=0.0, smoothing=0.0, weights=(1, 1, 1)):
    """- Σ_k w_k q_k (1 - p_k)^γ ln p_k, number by number."""
    nats = np.zeros(len(logits))
    for i, row in enumerate(logits):
        p = np.exp(row) / np.exp(row).sum()
        for k in range(3):
            q = (1 - smoothing) * (k == CLASSES[i]) + smoothing / 3
            nats[i] -= weights[k] * q * (1 - p[k]) ** focal * np.log(p[k])
    return nats


def of_labels(logits, focal=0.0, smoothing=0.0, weights=(1, 1, 1)):
    """The same of two classes for each label, the weight on those that are there."""
    nats = np.zeros(len(logits))
    for i, row in enumerate(logits):
        for k in range(3):
            p = 1 / (1 + np.exp(-row[k]))
            q = (1 - smoothing) * LABELS[i, k] + smoothing / 2
            nats[i] -= weights[k] * q * (1 - p) ** focal * np.log(p) / 3
            nats[i] -= (1 - q) * p**focal * np.log(1 - p) / 3
    return nats


PAIRS = {
    "classes": (class_crossentropy, CLASSES, of_classes),
    "labels": (label_crossentropy, LABELS, of_labels),
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("ours, targets, reference", PAIRS.values(), ids=PAIRS)
def test_nats_and_their_gradient_are_the_formulas(ours, targets, reference, changes):
    def total(logits):
        return ops.sum(ours(targets, logits, **changes))

    nats = numpy_of(ours(targets, LOGITS.astype("float32"), **changes))
    np.testing.assert_allclose(nats, reference(LOGITS, **changes), rtol=2e-5, atol=1e-6)
    _, gradient = with_gradient(total)(ops.convert_to_tensor(LOGITS.astype("float32")))
    slope = np.zeros_like(LOGITS)
    for place in np.ndindex(*LOGITS.shape):
        move = np.zeros_like(LOGITS)
        move[place] = 1e-5
        both = (reference(LOGITS + sign * move, **changes).sum() for sign in (1, -1))
        slope[place] = np.subtract(*both) / 2e-5
    np.testing.assert_allclose(numpy_of(gradient), slope, rtol=2e-4, atol=2e-5)


def test_a_sure_answer_has_a_finite_gradient():
    sure = ops.convert_to_tensor(np.array([[200.0, 0.0, 0.0]], "float32"))

    def nats(logits):
        return ops.sum(class_crossentropy(np.array([0]), logits, focal=0.5))

    value, gradient = with_gradient(nats)(sure)
    assert float(value) == 0 and np.isfinite(numpy_of(gradient)).all()


def test_tags_count_by_the_tokens_that_are_there():
    tags = np.array([[0, 2, -1], [1, -1, -1]])
    logits = np.stack([LOGITS[[0, 1, 2]], LOGITS[[3, 4, 0]]]).astype("float32")
    nats = numpy_of(SoftmaxTagCrossentropy(weights=WEIGHTS, reduction=None)(tags, logits))
    each = of_classes(LOGITS, weights=WEIGHTS)
    np.testing.assert_allclose(nats, [(each[0] + each[1]) / 2, each[3]], rtol=2e-5)


def test_losses_are_means_by_the_weights_of_the_texts():
    share = np.array([2.0, 0.0, 1.0, 0.5, 0.5], "float32")
    for loss, targets, reference in (
        (playmask.ClassCrossentropy(focal=2.0), CLASSES, of_classes),
        (LabelCrossentropy(focal=2.0), LABELS, of_labels),
    ):
        mean = (share * reference(LOGITS, focal=2.0)).sum() / share.sum()
        logits = LOGITS.astype("float32")
        np.testing.assert_allclose(float(loss(targets, logits, share)), mean, rtol=2e-5)
        again = type(loss).from_config(loss.get_config())
        np.testing.assert_allclose(float(again(targets, logits, share)), mean, rtol=2e-5)
