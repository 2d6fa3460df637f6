"""Average precision and reciprocal rank."""

import pytest

from playmask.errors import DataError
from playmask.metrics.ranking import average_precision, reciprocal_rank


def test_average_precision():
    assert average_precision([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.1, 0.2], [1, 0]) == pytest.approx(1 / 2)
    assert average_precision([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]) == pytest.approx(1 / 4)


def test_reciprocal_rank_is_a_mean_over_queries_that_have_an_answer():
    queries = ["a", "a", "b", "b", "c"]
    assert reciprocal_rank(queries, [1, 2, 9, 3, 5], [1, 0, 0.6, 0, 0]) == pytest.approx(0.75)
    assert reciprocal_rank(["a", "a"], [1, 1], [1, 0]) == pytest.approx(1 / 2)  # a tie is no lead


def test_without_anything_relevant_there_is_no_score():
    for score in (average_precision, lambda *both: reciprocal_rank(["a"], *both)):
        with pytest.raises(DataError, match="No pair is relevant"):
            score([1.0], [0.4])
