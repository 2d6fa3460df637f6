"""The few pieces of a large vocabulary that the first texts can have.

A library needs half a second of processor time to build its model of 250,000 pieces, and a
millisecond for those that occur in a text. Both give the same ids: a segmentation consists of
pieces that occur, and which one is best depends on their scores, on the lowest score of all, by
which unknown characters are rated, and in older versions of `sentencepiece` on the highest, by
which user-defined pieces are.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from playmask.tokenizers.pieces import Pieces

PIECE_COST = 20  # look-ups in a dictionary that cost as much as a library needs to take in a piece
CALL_COST = 8000  # look-ups that cost as much as all else that a call needs
BUDGET = 0.1  # of the whole vocabulary's cost, which look-ups may come to


class FirstTexts:
    """Finds the pieces that occur in texts, until the whole vocabulary would be the cheaper one.

    needed: the ids of pieces that are there for every text
    """

    def __init__(self, pieces: Pieces, needed: Iterable[int]) -> None:
        self._pieces = pieces
        self._needed = frozenset(needed)
        self._left = int(PIECE_COST * len(pieces) * BUDGET)

    def spend(self, texts: Iterable[str]) -> bool:
        """Count texts, and tell whether these are among the first ones still."""
        self._left -= (
            CALL_COST + PIECE_COST * len(self._needed) + len(self._sizes) * sum(map(len, texts))
        )
        return self._left >= 0

    def occurring(self, texts: Iterable[str]) -> list[int]:
        """Return the ids of the pieces in normalised texts, and of those needed, in their order."""
        ids, result = self._pieces.ids, {*self._needed, *self._extremes}
        for text in texts:
            for size in self._sizes:
                parts = {text[at : at + size] for at in range(len(text) - size + 1)}
                result.update(ids[part] for part in parts if part in ids)
        return sorted(result)

    @cached_property
    def _sizes(self) -> Sequence[int]:
        return sorted({*map(len, self._pieces.names)})

    @cached_property
    def _extremes(self) -> set[int]:
        """The normal pieces of the lowest and the highest score."""
        normal = np.ones(len(self._pieces), bool)
        normal[[*self._pieces.types]] = False
        places = np.flatnonzero(normal)
        scores = self._pieces.scores[places]
        ends = (scores.argmin(), scores.argmax()) if scores.size else ()
        return {int(places[at]) for at in ends}
