"""Verdicts: differences paired by seed, Student's interval, and what decides a claim."""

import math

import pytest

from playmask.experiments.forest import forest
from playmask.experiments.plan import RELATIONS, Claim
from playmask.experiments.verdicts import NO, UNDECIDED, YES, verdict


def results(**values):
    """Accuracies (more is better) or losses by variant, a seed each; None is a seed left out."""
    return [
        {"settings": {"task": "t", "variant": name, "seed": seed}, "metrics": {m: value}}
        for name, (m, own) in values.items()
        for seed, value in enumerate(own)
        if value is not None
    ]


def judged(left, right, relation="better", metric="accuracy", margin=0.02):
    claim = Claim("It is.", "t", metric, "left", "right", relation, margin)
    return verdict(claim, results(left=(metric, left), right=(metric, right)))


def test_the_interval_is_students_over_pairs_of_seeds():
    own = judged([11.0, 12.0, 13.0, 99.0], [10.0, 10.0, 10.0, None])
    assert own.gains == (1.0, 2.0, 3.0) and (own.left, own.right) == (12.0, 10.0)
    assert own.error == pytest.approx(1 / math.sqrt(3))
    reach = 4.302653 / math.sqrt(3)  # of two degrees of freedom
    assert own.interval == pytest.approx((2 - reach, 2 + reach), abs=1e-5)
    assert own.word == UNDECIDED


def test_less_of_a_loss_is_better():
    assert judged([1.0, 1.01], [2.0, 2.01], metric="loss").word == YES
    assert judged([1.0, 1.01], [2.0, 2.01], metric="accuracy").word == NO


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (+5.0, {"better": YES, "worse": NO, "no worse": YES, "no better": NO, "equal": NO}),
        (+1.0, {"better": YES, "worse": NO, "no worse": YES, "no better": YES, "equal": YES}),
        (-1.0, {"better": NO, "worse": YES, "no worse": YES, "no better": YES, "equal": YES}),
        (-5.0, {"better": NO, "worse": YES, "no worse": NO, "no better": YES, "equal": NO}),
    ],
)
def test_each_relation_is_a_range_of_gains(gain, words):
    """In units of one per cent of the right one, of which two are the margin."""
    left = [100 + gain - 0.1, 100 + gain, 100 + gain + 0.1]
    assert {name: judged(left, [100.0] * 3, name).word for name in RELATIONS} == words


def test_one_seed_decides_nothing_and_none_is_no_verdict(tmp_path):
    one = judged([2.0], [1.0])
    assert one.word == UNDECIDED and one.interval == (-math.inf, math.inf)
    assert judged([2.0, None], [None, 1.0]) is None
    forest([None, one, judged([2.0, 2.1], [1.0, 1.0])], tmp_path / "claims.png", title="Claims")
    assert (tmp_path / "claims.png").stat().st_size > 5_000
