"""Batches that are a function of the step alone, in passes over what has its order drawn anew."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar

import keras
import numpy as np

from playmask.pretraining.tokenization import Array
from playmask.runtime.devices import rows_for_devices
from playmask.runtime.padding import Batch

Prepare = Callable[[Any, np.random.Generator], Batch]


class StepBatches(keras.utils.PyDataset, ABC):
    """Batches of rows, each a function of (seed, epoch, index) alone.

    So a training is taken up at any step, and nothing but the step's number is kept. Passes may
    need a few rows more or less than the first, by which steps are counted: those beyond them are
    left out, and what lacks is filled up with rows of weight 0.

    prepare: makes a batch of rows, see `objectives/`; steps: to an epoch, default those of a pass;
    fixed: for measuring, in the corpus' order with the same draws each time; batch_size: rounded
    up to what devices share out equally
    """

    rows_together: ClassVar[int] = 1  # of so many rows each batch has a multiple

    def __init__(
        self,
        prepare: Prepare,
        *,
        batch_size: int,
        seed: int = 0,
        steps: int | None = None,
        fixed: bool = False,
    ) -> None:
        super().__init__()
        self.prepare, self.seed = prepare, seed
        self.batch_size = rows_for_devices(batch_size, self.rows_together)
        self.fixed, self.epoch = fixed, 0
        self.rows_of_pass = len(self.order(0))
        self.steps_of_pass = -(-self.rows_of_pass // self.batch_size)
        self.steps = steps or self.steps_of_pass

    @abstractmethod
    def order(self, turn: int) -> Array:
        """The numbers of the rows of a pass, in their order."""

    @abstractmethod
    def assemble(self, turn: int, rows: Array) -> Any:
        """The rows with some numbers in a pass; below 0 where one only fills the batch."""

    def random(self, *numbers: int) -> np.random.Generator:
        """What is drawn for some purpose in some place."""
        return np.random.default_rng((self.seed, *numbers))

    def set_epoch(self, epoch: int) -> None:
        """Order the batches as in this epoch, counted from 0."""
        self.epoch = epoch

    def on_epoch_end(self) -> None:
        """Go on to the next epoch, where no callback does."""
        self.set_epoch(self.epoch + 1)

    def part(self, which: slice) -> "StepBatches":
        """The first batches, as many as a slice ends at."""
        few = copy(self)
        few.steps = min(self.steps, which.stop or self.steps)
        return few

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Batch:
        step = index if self.fixed else self.epoch * self.steps + index
        turn, place = divmod(step, self.steps_of_pass)
        rows = self.assemble(turn, self.rows(turn, place))
        return self.prepare(rows, self.random(1, turn, place))

    def rows(self, turn: int, place: int) -> Array:
        """The numbers of a batch's rows in a pass; below 0 where one only fills the batch."""
        order = self.order(turn)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        filled = np.resize(order, self.batch_size)
        filled[: len(chosen)] = chosen
        filled[len(chosen) :] = -1 - filled[len(chosen) :]
        return filled
