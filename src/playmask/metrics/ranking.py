"""Scores of rankings: how far ahead what is relevant comes."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from playmask.errors import DataError

RELEVANT = 0.5  # the least target of what is relevant


def average_precision(scores: Sequence[float], targets: Sequence[float]) -> float:
    """Average precision: the precision at each score, weighted by what it adds to the recall.

    Shapes: scores, targets (n,); what has a target of 0.5 or more is relevant; equal scores count
            as one step
    Units:  0 to 1
    Raises: DataError where nothing is relevant
    """
    values, relevant = _arrays(scores, targets)
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
    values, relevant = _arrays(scores, targets)
    places: dict[Hashable, list[int]] = {}
    for i, query in enumerate(queries):
        places.setdefault(query, []).append(i)
    ranks = []
    for numbers in places.values():
        its, right = values[numbers], relevant[numbers]
        if right.any():
            ranks.append(1 + int((its[~right] >= its[right].max()).sum()))
    return float(np.mean(1 / np.array(ranks, "float64")))


def _arrays(
    scores: Sequence[float], targets: Sequence[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    relevant = np.array(targets, "float64") >= RELEVANT
    if not relevant.any():
        raise DataError(f"No pair is relevant (has a score of {RELEVANT} or more); none can lead.")
    return np.array(scores, "float64"), relevant
