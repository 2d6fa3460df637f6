"""The rows that CI runs cover what they say, and are few."""

from itertools import combinations, product

import keras
import pytest

from pairwise import covering, crossed, marked, pairs, singles

AXES = "abcdefg", range(5), "xyz", (False, True)
ROWS = list(product(*AXES))


def test_every_two_members_meet():
    chosen = covering(ROWS)
    for one, other in combinations(range(4), 2):
        meeting = {(row[one], row[other]) for row in chosen}
        assert meeting == set(product(AXES[one], AXES[other]))
    assert 35 <= len(chosen) <= 40  # of 210; the two longest axes alone need 35


def test_every_member_occurs():
    chosen = covering(ROWS, singles)
    for axis, members in enumerate(AXES):
        assert {row[axis] for row in chosen} == set(members)
    assert len(chosen) == 7


def test_two_axes_are_covered_by_nothing_less_than_all():
    rows = list(product("abc", "xy"))
    assert covering(rows) == rows
    assert len(covering(rows[:-1])) == 5  # what no row has cannot be needed


def test_the_choice_is_always_the_same():
    assert covering(ROWS) == covering(ROWS) != covering(ROWS[::-1])


def test_the_other_rows_are_left_to_all():
    first, second = marked([("a", 1), ("b", 2)], [("b", 2)], pytest.mark.backends)
    assert [mark.name for mark in first.marks] == ["backends", "whole"]
    assert [mark.name for mark in second.marks] == ["backends"]


@pytest.mark.backends
def test_other_backends_run_each_member():
    runs = [case.values for case in crossed("abc", "xy") if not case.marks]
    needs = pairs if keras.backend.backend() == "jax" else singles
    assert len(runs) == (6 if keras.backend.backend() == "jax" else 3)
    assert {n for row in runs for n in needs(row)} == {
        n for row in product("abc", "xy") for n in needs(row)
    }
