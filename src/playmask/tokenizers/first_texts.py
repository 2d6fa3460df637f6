"""The few pieces of a large vocabulary that the first texts can have.

A library needs half a second of processor time to build its model of 250,000 pieces, and a
millisecond for those that occur in a text. Both give the same ids: a segmentation consists of
pieces that occur, and which one is best depends on their scores, and on the lowest and the highest
of all, by which unknown characters and user-defined pieces are rated.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from playmask.tokenizers.pieces import Pieces

_PER_PIECE = 2  # look-ups for each piece of the vocabulary until building all of it is cheaper
_PER_CALL = 8000  # look-ups that cost as much as what a call costs however short its texts are


class FirstTexts:
    """Finds what occurs in texts, until as much was spent on it as the whole vocabulary costs.

    needed: the ids of pieces that are there for every text
    """

    def __init__(self, pieces: Pieces, needed: Iterable[int]) -> None:
        self._pieces = pieces
        self._needed = frozenset(needed)
        self._left = _PER_PIECE * len(pieces)

    def affordable(self, texts: Iterable[str]) -> bool:
        """Tell whether these are among the first texts still, and count them."""
        if self._left > _PER_CALL:
            self._left -= _PER_CALL + len(self._sizes) * sum(map(len, texts))
        return self._left > 0

    def occurring(self, words: Iterable[str]) -> list[int]:
        """Return the ids of the pieces in normalised texts, and of those needed, in their order."""
        ids, found = self._pieces.ids, {*self._needed, *self._extremes}
        for word in {*words}:
            for size in self._sizes:
                parts = {word[at : at + size] for at in range(len(word) - size + 1)}
                found.update(ids[part] for part in parts if part in ids)
        return sorted(found)

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
