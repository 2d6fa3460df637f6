"""Average precision and reciprocal rank."""

import numpy as np
import pytest

from playmask.errors import DataError
from playmask.metrics.ranking import (
    average_precision,
    ranked,
    ranking,
    rankings_by_query,
    reciprocal_rank,
)


def test_average_precision():
    assert average_precision([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.1, 0.2], [1, 0]) == pytest.approx(1 / 2)
    assert average_precision([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]) == pytest.approx(1 / 4)


def test_reciprocal_rank_is_a_mean_over_queries_that_have_an_answer():
    queries = ["a", "a", "b", "b", "c"]
    assert reciprocal_rank(queries, [1, 2, 9, 3, 5], [1, 0, 0.6, 0, 0]) == pytest.approx(0.75)
    assert reciprocal_rank(["a", "a"], [1, 1], [1, 0]) == pytest.approx(1 / 2)  # a tie is no lead


def test_scores_of_rankings_are_means_over_queries():
    queries, scores, gains = ["a"] * 3 + ["b"] * 2 + ["c"], [3, 2, 1, 1, 1, 9], [0, 1, 0.5, 1, 0, 0]
    found = rankings_by_query(queries, scores, gains)  # b: a tie, in which the relevant one is last
    assert found.accuracy == 0 and found.mrr == pytest.approx(1 / 2) and found.recall_10 == 1
    assert found.map == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1 / 2) / 2)
    first = (1 / np.log2(3) + 0.5 / np.log2(4)) / (1 + 0.5 / np.log2(3))
    assert found.ndcg_10 == pytest.approx((first + 1 / np.log2(3)) / 2)


def test_what_comes_after_the_tenth_place_is_not_recalled():
    last = ranking([ranked(range(20, 0, -1), [1] + [0] * 10 + [1] + [0] * 8)])
    assert last.recall_10 == 0.5 and last.map == pytest.approx((1 + 2 / 12) / 2)
    assert last.ndcg_10 == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_without_anything_relevant_there_is_no_score():
    for score in (average_precision, lambda *both: reciprocal_rank(["a"], *both)):
        with pytest.raises(DataError, match="No pair is relevant"):
            score([1.0], [0.4])
