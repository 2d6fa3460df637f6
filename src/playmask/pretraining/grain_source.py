"""The documents of a corpus as a data set of grain's, whose workers tokenise them by turns."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import grain
import numpy as np

from playmask.pretraining.documents import document_groups, document_parts
from playmask.pretraining.tokenization import CorpusTokenizer


class GroupSource(grain.IterDataset):
    """Tokenised groups of documents; each worker reads all files, and tokenises its turns.

    Files are read much faster than tokenised, gzipped ones too, and cannot be entered in the
    middle. Grain asks the workers in turn, so that the order does not depend on how many there are.
    """

    def __init__(self, source: Sequence[Path] | Sequence[str], tokenize: CorpusTokenizer) -> None:
        super().__init__()
        self.source, self.tokenize, self.turns = source, tokenize, slice(0, None, 1)

    def set_slice(self, sl: slice, sequential_slice: bool = False) -> None:
        """Which turns are a worker's; grain calls it."""
        self.turns = sl

    def __iter__(self) -> "GroupIterator":
        return GroupIterator(self)


class GroupIterator(grain.DatasetIterator):
    """Goes through a worker's groups; its state is how many there were."""

    def __init__(self, dataset: GroupSource) -> None:
        super().__init__()
        self.dataset = dataset
        self.set_state({"groups": 0})

    def __next__(self) -> tuple[Any, ...]:
        group = self.dataset.tokenize(next(self._groups))
        self._count += 1
        return tuple(map(np.asarray, group))

    def get_state(self) -> dict[str, int]:
        """How many groups there were."""
        return {"groups": self._count}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on after so many groups."""
        turns, self._count = self.dataset.turns, state["groups"]
        first, step = turns.start or 0, turns.step or 1
        every = document_groups(document_parts(self.dataset.source))
        self._groups: Iterator[Any] = islice(every, first + self._count * step, None, step)
