"""The best of many scores in numpy, as the networks find them on the device."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HIDDEN = -1e9  # of what does not count


def above(scores: Array, least: float, count: int) -> tuple[Array, Array]:
    """The places of scores above a bound, the best first, at most so many of each row.

    What is NaN is not left out, so that whoever reads the scores sees it.
    Shapes: (B, N) -> int (B, K), -1 filling up; (B, K), their scores, HIDDEN filling up
    """
    each = [np.flatnonzero(~(row <= least)) for row in scores]
    each = [
        places[np.argsort(-row[places], kind="stable")[:count]]
        for row, places in zip(scores, each, strict=True)
    ]
    shape = len(scores), max(map(len, each), default=0)
    places, best = np.full(shape, -1), np.full(shape, HIDDEN, scores.dtype)
    for row, chosen in enumerate(each):
        places[row, : len(chosen)] = chosen
        best[row, : len(chosen)] = scores[row, chosen]
    return places, best


def best_spans(scores: Array, count: int) -> dict[str, Array]:
    """Those of all spans of a table that score above 0: score, label, first and last token of each.

    Shapes: scores (B, labels, T, T) -> (B, K) each, of at most `count`, HIDDEN filling up
    """
    length = scores.shape[-1]
    places, best = above(scores.reshape(len(scores), -1), 0.0, count)
    row = places // length
    return {"score": best, "label": row // length, "first": row % length, "last": places % length}
