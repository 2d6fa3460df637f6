"""How many answers two models have in common: what is decided, or the order of numbers."""

import numpy as np
import pytest

from playmask.metrics.agreement import MOST, agreement


def test_what_is_decided_is_compared_and_not_how_surely():
    one = [{"label": "a", "p": 0.9}, {"spans": [[0, 2, 0.7]]}, {"label": "b", "p": 0.5}]
    other = [{"label": "a", "p": 0.6}, {"spans": [[0, 2, 0.9]]}, {"label": "a", "p": 0.5}]
    assert agreement(one, other) == pytest.approx(2 / 3)
    other[1] = {"spans": [[0, 3, 0.7]]}
    assert agreement(one, other) == pytest.approx(1 / 3)


def test_numbers_agree_in_their_order():
    one = [{"score": score} for score in (0.1, 0.2, 0.3, 0.4)]
    assert agreement(one, [{"score": each["score"] / 2 + 0.4} for each in one]) == 1
    assert agreement(one, [one[i] for i in (0, 1, 3, 2)]) == pytest.approx(5 / 6)
    assert agreement(one, one[::-1]) == 0
    assert agreement([[0.1, 0.5], [0.2, 0.4]], [[0.1, 0.4], [0.2, 0.5]]) == 0.5
    assert agreement([0.3], [0.9]) == 1
    assert agreement([["a", None]], [[None, "a"]]) == 0  # what is decided has places


def test_of_many_numbers_some_are_compared():
    values = np.random.default_rng(0).random(3 * MOST).tolist()
    assert agreement(values, values) == 1
    assert agreement(values, values[::-1]) == pytest.approx(0.5, abs=0.05)
