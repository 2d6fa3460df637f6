"""Batches of what is read as it is needed: as `Batches`, of a part of the rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from playmask.errors import DataError
from playmask.runtime.batches import Batches
from playmask.runtime.padding import Batch

GROUP = 32  # batches whose rows are sorted by length together


class StreamedBatches(keras.utils.PyDataset):
    """Batches of examples that are read anew in each epoch, of which few are held at a time.

    The order depends on (seed, epoch) alone, so that a resumed training goes on in the order it
    would have had. Batches are asked for in turn; a smaller index begins the epoch anew.

    count: the examples of an epoch, each of which is one row; read: goes through their groups in
    the order of (groups' size, random generator); encode: makes Batches of a group, from a seed
    Raises: DataError where the file has changed, and another number of examples comes
    """

    def __init__(
        self,
        count: int,
        read: Callable[[int, np.random.Generator], Iterator[Sequence[Any]]],
        encode: Callable[[Sequence[Any], int], Batches],
        *,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.count, self.read, self.encode = count, read, encode
        self.batch_size, self.seed = batch_size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Order the batches as in this epoch, counted from 0."""
        self.epoch = epoch
        self._restart()

    def on_epoch_end(self) -> None:
        """Go on to the next order, where no callback does."""
        self.set_epoch(self.epoch + 1)

    def groups(self) -> Iterator[Batches]:
        """The batches of each group of the epoch."""
        random = np.random.default_rng((self.seed, self.epoch))
        for number, group in enumerate(self.read(GROUP * self.batch_size, random)):
            draws = np.random.default_rng((self.seed, self.epoch, number))
            yield self.encode(group, int(draws.integers(1 << 31)))

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        if index < self._index:
            self._restart()
        while self._index < index:
            try:
                self._batch = next(self._batches)
            except StopIteration:
                raise DataError(
                    f"There are no more than {self._index + 1} batches where {len(self)} were "
                    "counted: the file has changed. Begin anew."
                ) from None
            self._index += 1
        return self._batch

    def _restart(self) -> None:
        self._index = -1
        self._batches = (group[i] for group in self.groups() for i in range(len(group)))
