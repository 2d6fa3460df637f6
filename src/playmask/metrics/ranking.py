"""Scores of rankings: how far ahead what is relevant comes."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.errors import DataError

RELEVANT = 0.5  # the least target of what is relevant
CUTOFF = 10  # places that nDCG and recall look at
Array = npt.NDArray[np.floating[Any]]


class Ranking(NamedTuple):
    """Means over queries, 0 to 1: how often the first is relevant, MRR, MAP, nDCG@10, recall@10."""

    accuracy: float
    mrr: float
    map: float
    ndcg_10: float
    recall_10: float


class RankedGains(NamedTuple):
    """The ranks that a query's relevant answers have, from 1, and how relevant each is.

    Shapes: (R,), ranks ascending; (R,), above 0
    """

    ranks: Array
    gains: Array


def ranked(scores: npt.ArrayLike, gains: npt.ArrayLike) -> RankedGains:
    """Rank answers by their scores; of equal scores the less relevant one comes first.

    Shapes: scores, gains (n,), a gain of 0 for what is not relevant
    """
    values, worth = np.asarray(scores, "float64"), np.asarray(gains, "float64")
    order = np.lexsort((worth, -values))
    places = np.flatnonzero(worth[order] > 0)
    return RankedGains(places + 1.0, worth[order][places])


def ranking(queries: Iterable[RankedGains]) -> Ranking:
    """Mean scores of rankings; queries without anything relevant do not count.

    Source: MAP and MRR as in TREC; nDCG of Järvelin & Kekäläinen 2002 with the gains as they are
    Raises: DataError where nothing is relevant
    """
    rows = [_scores(*query) for query in queries if len(query.ranks)]
    if not rows:
        raise _nothing()
    return Ranking(*(float(mean) for mean in np.mean(rows, axis=0)))


def _scores(ranks: Array, gains: Array) -> tuple[float, ...]:
    count = np.arange(1, len(ranks) + 1)
    near = ranks <= CUTOFF
    ideal = np.sort(gains)[::-1][:CUTOFF] / np.log2(count[:CUTOFF] + 1)
    return (
        float(ranks[0] == 1),
        1 / ranks[0],
        float(np.mean(count / ranks)),
        float(np.sum(gains[near] / np.log2(ranks[near] + 1)) / ideal.sum()),
        float(near.mean()),
    )


def rankings_by_query(
    queries: Sequence[Hashable], scores: Sequence[float], targets: Sequence[float]
) -> Ranking:
    """Scores of the answers to each query, ranked among those to it.

    Shapes: queries, scores, targets (n,); what has a target of 0.5 or more is relevant, by that
    Raises: DataError where nothing is relevant
    """
    values, worth = np.array(scores, "float64"), np.array(targets, "float64")
    gains = np.where(worth >= RELEVANT, worth, 0.0)
    places: dict[Hashable, list[int]] = {}
    for number, query in enumerate(queries):
        places.setdefault(query, []).append(number)
    return ranking(ranked(values[numbers], gains[numbers]) for numbers in places.values())


def average_precision(scores: Sequence[float], targets: Sequence[float]) -> float:
    """Average precision: the precision at each score, weighted by what it adds to the recall.

    Shapes: scores, targets (n,); what has a target of 0.5 or more is relevant; equal scores count
            as one step
    Units:  0 to 1
    Raises: DataError where nothing is relevant
    """
    values, relevant = np.array(scores, "float64"), np.array(targets, "float64") >= RELEVANT
    if not relevant.any():
        raise _nothing()
    order = np.argsort(-values, kind="stable")
    values, relevant = values[order], relevant[order]
    ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)  # of equal scores
    hits = np.cumsum(relevant)[ends]
    gains = np.diff(hits, prepend=0) / relevant.sum()
    return float(np.sum(gains * hits / (ends + 1)))


def reciprocal_rank(
    queries: Sequence[Hashable], scores: Sequence[float], targets: Sequence[float]
) -> float:
    """Mean reciprocal rank (MRR) of the first relevant passage of each query that has one.

    Shapes: queries, scores, targets (n,); of equal scores the relevant one comes last
    Units:  0 to 1
    Raises: DataError where nothing is relevant
    """
    return rankings_by_query(queries, scores, targets).mrr


def _nothing() -> DataError:
    return DataError(f"No pair is relevant (has a score of {RELEVANT} or more); none can lead.")
