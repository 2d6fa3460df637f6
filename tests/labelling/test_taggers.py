"""CRF, MEMM and softmax: against bert4keras, and against all sequences one by one."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.chains import Chain, best
from playmask.labelling.decoding import Tagged, decode
from playmask.labelling.taggers import TAGGERS

pytestmark = pytest.mark.backends
ORACLE = dict(np.load(Path(__file__).parents[1] / "oracles" / "bert4keras" / "labelling.npz"))
TAGS, LENGTHS = 3, (4, 2, 1)
CLOSE = 2e-4  # nats
KINDS = {
    "crf": ("crf", {}),
    "crf with ends": ("crf", {"ends": True, "multiplier": 7.0}),
    "memm": ("memm", {"multiplier": 3.0}),
    "memm of rank 2": ("memm", {"rank": 2}),
    "softmax": ("softmax", {}),
}


def made(kind, tags=TAGS, seed=0):
    name, options = KINDS[kind]
    tagger = TAGGERS[name](tags, **options)
    tagger.build()
    random = np.random.default_rng(seed)
    for weight in tagger.weights:
        weight.assign(random.normal(size=weight.shape))
    return tagger


def texts(seed=1):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(LENGTHS), max(LENGTHS), TAGS)).astype("float32")
    valid = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    return logits, valid


def loss_of(tagger, *arrays):
    return ops.convert_to_numpy(tagger.loss(*map(ops.convert_to_tensor, arrays)))


def decoded_by(tagger, *arrays):
    decoded = tagger.decode(*map(ops.convert_to_tensor, arrays))
    return Tagged(*map(ops.convert_to_numpy, decoded))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def log_chance(kind, tagger, logits, tags):
    """What a text's tags lose less than nothing, term by term."""
    if kind == "softmax":
        return sum(log_softmax(row)[tag] for row, tag in zip(logits, tags, strict=True))
    transitions = ops.convert_to_numpy(tagger.transitions)
    if kind.startswith("memm"):
        total = 0.0
        for rows, order, matrix in (
            (logits, tags, transitions), (logits[::-1], tags[::-1], transitions.T)
        ):  # fmt: skip
            total += log_softmax(rows[0])[order[0]]
            for row, tag, other in zip(rows[1:], order[1:], order[:-1], strict=True):
                total += log_softmax((row + matrix[other]) / 2)[tag]
        return total / 2
    return weight(tagger, logits, tags) - np.log(
        sum(np.exp(weight(tagger, logits, y)) for y in sequences(len(logits)))
    )


def weight(tagger, logits, tags):
    """A CRF's score of a sequence."""
    transitions = ops.convert_to_numpy(tagger.transitions)
    total = sum(row[tag] for row, tag in zip(logits, tags, strict=True))
    total += sum(transitions[a, b] for a, b in pairwise(tags))
    if tagger.ends:
        ends = ops.convert_to_numpy(tagger.stored_ends) * tagger.multiplier
        total += ends[0, tags[0]] + ends[1, tags[-1]]
    return total


def sequences(length):
    return list(product(range(TAGS), repeat=length))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_of_the_right_sequence_among_all(kind):
    tagger, (logits, valid) = made(kind), texts()
    random = np.random.default_rng(2)
    tags = random.integers(0, TAGS, valid.shape).astype("int32")
    found = loss_of(tagger, logits, tags, valid)
    wanted = [
        -log_chance(kind, tagger, row[:n].astype("float64"), y[:n].tolist())
        for row, y, n in zip(logits, tags, LENGTHS, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_decodes_as_the_layer_does(kind):
    """Texts of any order and length, so many that they are decoded in several batches."""
    tagger, random = made(kind, tags=40), np.random.default_rng(5)
    lengths = random.permutation(np.r_[1, 2, 19, random.integers(1, 20, 60)])
    logits = [random.normal(size=(n, 40)).astype("float32") for n in lengths]
    padded = np.zeros((len(lengths), 19, 40), "float32")
    for row, each in zip(padded, logits, strict=True):
        row[: len(each)] = each
    by_layer = decoded_by(tagger, padded, np.arange(19) < lengths[:, None])
    results = dict(decode(KINDS[kind][0], logits, tagger.constants()))
    assert [*sorted(results)] == [*range(len(lengths))]
    for i, n in enumerate(lengths):
        tags, *chances = (each[i, :n] for each in by_layer)
        assert results[i].tags.tolist() == tags.tolist()
        for ours, its in zip(results[i][1:], chances, strict=True):
            assert np.abs(ours - its).max() < CLOSE  # differences of sums up to 500, in float32


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_best_sequence_is_the_best_of_all(kind, seed):
    tagger, (logits, valid) = made(kind, seed=seed), texts(seed)
    tags = decoded_by(tagger, logits, valid).tags
    for row, y, n in zip(logits, tags, LENGTHS, strict=True):
        chances = {each: log_chance(kind, tagger, row[:n], list(each)) for each in sequences(n)}
        assert tuple(y[:n]) == max(chances, key=chances.__getitem__)


@pytest.mark.parametrize("kind", ["crf", "crf with ends", "softmax"])
def test_a_span_has_the_probability_of_all_sequences_that_hold_it(kind):
    tagger, (logits, valid) = made(kind), texts()
    found = decoded_by(tagger, logits, valid)
    for row, y, before, behind, n in zip(logits, *found, LENGTHS, strict=True):
        chances = {y: np.exp(log_chance(kind, tagger, row[:n], list(y))) for y in sequences(n)}
        for first in range(n):
            for last in range(first, n):
                part = tuple(y[first : last + 1])
                wanted = sum(p for y, p in chances.items() if y[first : last + 1] == part)
                assert np.exp(before[first] + behind[last]) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    tagger, (logits, valid) = made(kind), texts()
    tags = np.zeros(valid.shape, "int32")
    loss = loss_of(tagger, logits, tags, valid)
    decoded = decoded_by(tagger, logits, valid)
    other, others = np.where(valid[..., None], logits, 9.0), np.where(valid, tags, 2)
    np.testing.assert_allclose(loss_of(tagger, other, others, valid), loss, rtol=1e-6)
    for was, now in zip(decoded, decoded_by(tagger, other, valid), strict=True):
        np.testing.assert_allclose(now[valid], was[valid], rtol=1e-5)


def test_crf_is_that_of_bert4keras():
    tagger = TAGGERS["crf"](5)
    tagger.build()
    tagger.kernel.assign(ORACLE["crf:w:trans:0"])
    loss = loss_of(tagger, ORACLE["crf:in"], ORACLE["crf:labels"], ORACLE["crf:mask"] > 0)
    np.testing.assert_allclose(loss, ORACLE["crf:loss"], rtol=1e-5)


@pytest.mark.parametrize("name, rank", [("memm", None), ("memm_lowrank", 3)])
def test_memm_is_that_of_bert4keras(name, rank):
    tagger = TAGGERS["memm"](5, rank=rank)
    tagger.build()
    weights = [array for key, array in ORACLE.items() if key.startswith(f"{name}:w:")]
    for weight_, array in zip(tagger.kernels, weights, strict=True):
        weight_.assign(array)
    mask = ORACLE[f"{name}:mask"] > 0
    loss = loss_of(tagger, ORACLE[f"{name}:in"], ORACLE[f"{name}:labels"], mask)
    mean = loss.sum() / mask.sum()
    assert mean == pytest.approx(float(ORACLE[f"{name}:loss"]), rel=1e-5)


@pytest.mark.parametrize("name", ["free", "starts_ends"])
def test_viterbi_is_that_of_bert4keras(name):
    logits, transitions = ORACLE["crf:in"], ORACLE["viterbi:trans"]
    only = np.where(np.arange(5) == 0, 0.0, -1e9 if name == "starts_ends" else 0.0)
    chain = Chain(
        ops.convert_to_tensor((logits[:, 0] + only).astype("float32")),
        ops.convert_to_tensor(np.tile(only, (3, 1)).astype("float32")),
        (ops.convert_to_tensor(logits),),
        lambda now: ops.convert_to_tensor(transitions) + now[:, None],
        ops.ones((3, 9), "bool"),
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(best(chain)), ORACLE[f"viterbi:{name}"])


def test_a_multiplier_is_above_zero():
    with pytest.raises(ConfigError, match="above 0, not 0"):
        TAGGERS["crf"](3, multiplier=0)
