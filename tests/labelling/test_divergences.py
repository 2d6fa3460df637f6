"""Divergences of outputs: against sums over everything that there is."""

from itertools import pairwise, product

import keras
import numpy as np
import pytest
from keras import ops

from comparing import error, log_softmax, numpy_of
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.divergences import (
    ENDS,
    LABELS,
    MEAN_LABELS,
    NUMBERS,
    SOFTMAX,
    bernoulli_kl,
    divergence_of,
)
from playmask.labelling.losses import SparseMultilabelCrossentropy
from playmask.labelling.tag_sequences import TagCrossentropy
from playmask.labelling.taggers import ConditionalRandomField, Softmax
from playmask.tasks.extraction.subject_network import SpanEndsCrossentropy

pytestmark = pytest.mark.backends

VALID = np.arange(4) < [[4], [2]]


def pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, *shape)).astype("float32")
    return one, other


def yes_or_no(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL of probabilities p and q of yes."""
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x.astype("float64")))


def test_of_sequences_it_is_the_sum_over_all_of_them():
    crf = ConditionalRandomField(3, ends=True)
    crf.build()
    random = np.random.default_rng(1)
    for weight in crf.weights:
        weight.assign(random.normal(size=weight.shape))
    p, q = pair(2, 4, 3)
    expected = []
    for row, length in enumerate((4, 2)):
        scores = []
        for logits in (p, q):
            kernel, ends = (numpy_of(w.value) for w in crf.weights)
            one = [
                ends[0, y[0]] + ends[1, y[-1]] + sum(logits[row, t, y[t]] for t in range(length))
                + sum(kernel[a, b] for a, b in pairwise(y))
                for y in product(range(3), repeat=length)
            ]  # fmt: skip
            scores.append(log_softmax(np.array(one)))
        expected.append(np.sum(np.exp(scores[0]) * (scores[0] - scores[1])))
    p, q, valid = map(ops.convert_to_tensor, (p, q, VALID))
    assert error(crf.divergence(p, q, valid), expected) < 1e-5
    each = TagCrossentropy(crf).divergence.kl(p, q, valid)
    assert error(each, np.array(expected) / [4, 2]) < 1e-5
    alone = Softmax(3).divergence(p, q, valid)
    assert error(alone, (numpy_of(SOFTMAX.kl(p, q, None)) * VALID).sum(axis=1)) < 1e-5


def test_of_many_labels_both_ways_are_the_formula_of_su():
    p, q = pair(2, 3, 4, 4)
    both = numpy_of(bernoulli_kl(p, q)) + numpy_of(bernoulli_kl(q, p))
    assert error(both, (sigmoid(p) - sigmoid(q)) * (p - q)) < 1e-5
    assert error(bernoulli_kl(p, q), yes_or_no(sigmoid(p), sigmoid(q))) < 1e-5
    hidden = np.where(VALID[:, None, None], 1.0, 0.0)
    one, other = (np.where(hidden > 0, x, HIDDEN).astype("float32") for x in (p, q))
    total = (yes_or_no(sigmoid(p), sigmoid(q)) * hidden).sum(axis=(1, 2, 3))
    assert error(LABELS.kl(one, other, None), total) < 1e-5
    p, q = pair(2, 5)
    assert error(MEAN_LABELS.kl(p, q, None), numpy_of(bernoulli_kl(p, q)).mean(1)) < 1e-6


def test_of_ends_padding_counts_nowhere():
    p, q = pair(2, 4, 2)
    total = (yes_or_no(sigmoid(p), sigmoid(q)).mean(-1) * VALID).sum(1) / [4, 2]
    valid = ops.convert_to_tensor(VALID)
    assert error(ENDS.kl(p, q, valid), total) < 1e-5
    p, q = (np.log(sigmoid(x)).astype("float32") for x in pair(2, 4, 3, 2))
    each = yes_or_no(np.exp(p.astype("float64")), np.exp(q.astype("float64")))
    total = (each.sum((2, 3)) / 2 * VALID).sum(1) / [4, 2]
    p, q = ops.convert_to_tensor(p), ops.convert_to_tensor(q)
    assert error(SpanEndsCrossentropy.divergence.kl(p, q, valid), total) < 1e-4


def test_a_loss_says_how_what_it_compares_diverges():
    of = keras.losses
    assert divergence_of(of.SparseCategoricalCrossentropy(from_logits=True)) is SOFTMAX
    assert divergence_of(of.MeanSquaredError()) is NUMBERS
    assert divergence_of(SparseMultilabelCrossentropy()) is LABELS
    assert divergence_of(of.Poisson()) is None
    assert float(ops.sum(NUMBERS.kl(np.ones((1, 2)), np.zeros((1, 2)), None))) == 1.0
