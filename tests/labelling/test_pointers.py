"""Pointers and their losses: against bert4keras, and against the formula."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from playmask.errors import ConfigError
from playmask.labelling.candidates import HIDDEN
from playmask.labelling.losses import multilabel_crossentropy, sparse_multilabel_crossentropy
from playmask.labelling.pointers import POINTERS, RARE, best_spans

pytestmark = pytest.mark.backends
ORACLE = dict(np.load(Path(__file__).parents[1] / "oracles" / "bert4keras" / "labelling.npz"))


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("kind", ["global", "efficient"])
def test_pointers_are_those_of_bert4keras(kind, rotary):
    name = {"global": "global_pointer", "efficient": "efficient_global_pointer"}[kind]
    name += ":rope" if rotary else ":plain"
    pointer = POINTERS[kind](3, size=8, rotary=rotary)
    x = ORACLE["pointer:in"]
    pointer.build(x.shape)
    stored = [array for key, array in ORACLE.items() if key.startswith(f"{name}:w:")]
    for weight, array in zip(pointer.weights, stored, strict=True):
        weight.assign(array)
    found = ops.convert_to_numpy(pointer(x, ORACLE["pointer:mask"] > 0))
    wanted = ORACLE[f"{name}:out"]
    hidden = wanted < -1e6
    assert (found[hidden] == HIDDEN).all()
    np.testing.assert_allclose(found[~hidden], wanted[~hidden], atol=1e-5)


def test_a_span_may_end_before_it_begins_where_that_is_wanted():
    valid = np.array([[True, True, False]])
    for onward, hidden in ((True, 6), (False, 5)):
        pointer = POINTERS["global"](1, size=4, onward=onward)
        scores = ops.convert_to_numpy(pointer(np.ones((1, 3, 4), "float32"), valid))
        assert (scores == HIDDEN).sum() == hidden


@pytest.mark.parametrize("options", [{"labels": 0}, {"labels": 2, "size": 7}])
def test_odd_sizes_are_refused(options):
    with pytest.raises(ConfigError, match="size is even"):
        POINTERS["global"](**options)


def test_losses_are_those_of_bert4keras():
    scores = ORACLE["mlce:y_pred"]
    found = multilabel_crossentropy(ORACLE["mlce:y_true"], scores)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ORACLE["mlce:loss"], rtol=1e-5)
    found = sparse_multilabel_crossentropy(ORACLE["smlce:y_true"], scores)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ORACLE["smlce:loss"], rtol=1e-4)


def test_the_label_zero_as_padding_of_bert4keras():
    wanted = ORACLE["smlce_mask_zero:y_true"] - 1  # class 0 is no label there
    found = sparse_multilabel_crossentropy(wanted, ORACLE["mlce:y_pred"][:, 1:])
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ORACLE["smlce_mask_zero:loss"], rtol=1e-4
    )


def test_both_forms_agree():
    random = np.random.default_rng(0)
    scores = (5 * random.normal(size=(6, 40))).astype("float32")
    wanted = np.full((6, 5), -1)
    dense = np.zeros((6, 40))
    for i in range(6):
        wanted[i, : min(i, 5)] = random.choice(40, min(i, 5), replace=False)
        dense[i, wanted[i][wanted[i] >= 0]] = 1
    one, other = (
        ops.convert_to_numpy(each)
        for each in (
            multilabel_crossentropy(dense, scores),
            sparse_multilabel_crossentropy(wanted, scores),
        )
    )
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_scores_far_from_zero_stay_finite():
    scores = np.array([[200.0, -200.0, HIDDEN], [-200.0, 200.0, HIDDEN]], "float32")
    found = ops.convert_to_numpy(sparse_multilabel_crossentropy(np.array([[0], [0]]), scores))
    assert found[0] == pytest.approx(0.0, abs=1e-6) and found[1] == pytest.approx(400.0)


@pytest.mark.parametrize("count", [1, 5, 40, 1000])
def test_the_best_spans_are_the_best_of_all(count):
    scores = np.random.default_rng(count).normal(size=(3, 4, 6, 6)).astype("float32")
    scores[0, 2, 3] += 9  # many of the best in one row
    found = best_spans(ops.convert_to_tensor(scores), count)
    found = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    for row, each in enumerate(scores):
        wanted = np.sort(each.ravel())[::-1][:count]
        np.testing.assert_array_equal(found["score"][row], wanted)
        places = tuple(found[name][row] for name in ("label", "first", "last"))
        np.testing.assert_array_equal(each[places], wanted)
        assert len({*zip(*places, strict=True)}) == len(wanted)


def test_scores_that_have_a_bias_begin_where_few_spans_are_right():
    pointer = POINTERS["efficient"](40, size=16)
    x = np.random.default_rng(0).normal(size=(4, 24, 32)).astype("float32")
    scores = ops.convert_to_numpy(pointer(x, np.ones((4, 24), bool)))
    there = scores > HIDDEN / 2
    assert scores[there].mean() == pytest.approx(-RARE, abs=0.5)
    wanted = np.full((4 * 40, 1), -1)
    loss = sparse_multilabel_crossentropy(wanted, scores.reshape(4 * 40, -1))
    assert ops.convert_to_numpy(loss).mean() < 1.0  # of scores about 0 it would be ln(1 + 300)
