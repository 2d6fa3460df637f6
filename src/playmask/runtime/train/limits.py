"""Limits of a training: how many updates it makes, how long it may take, where it is backed up."""

from collections.abc import Callable
from typing import Any

import keras

from playmask.runtime.train.accumulation import Grouping
from playmask.runtime.train.backup import Position
from playmask.runtime.train.common_clock import CommonClock
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.units import seconds


class Limits(keras.callbacks.Callback):
    """Ends a training with the update that a limit allows, and saves it every so many updates.

    save: writes the back-up at a position within an epoch
    """

    def __init__(
        self, options: TrainingOptions, grouping: Grouping, save: Callable[[Position], None]
    ) -> None:
        super().__init__()
        self.grouping, self.save = grouping, save
        self.updates = options.max_steps
        self.clock = None
        if options.time_limit is not None:
            self.clock = CommonClock(seconds(options.time_limit))
        self.every = options.save_every
        self.position, self.late = Position(0), False

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self.late = False
        if self.clock is not None:
            self.clock.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the batches of the epoch."""
        self.position = Position(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Save what is there; announce that the batch that comes is the last one.

        Here, not at the batch's end, where Keras may call in other threads while it goes on.
        """
        epoch = self.position.epoch
        self.position = Position(epoch, batch + 1)
        if self._is_due(epoch, batch):
            self.save(Position(epoch, batch))
        if self.grouping.ends(batch) and not self.model.stop_training:
            updates = self.grouping.updates_until(epoch, batch + 1)
            last = self.updates is not None and updates >= self.updates
            self.late = not last and self.clock is not None and self.clock.is_over()
            self.model.stop_training = last or self.late

    def _is_due(self, epoch: int, batch: int) -> bool:
        """Whether to save before a batch: behind a whole number of updates; epochs' ends are."""
        if self.every is None or not batch or batch % self.grouping.size:
            return False
        return self.grouping.updates_until(epoch, batch) % self.every == 0

    def next(self) -> Position:
        """Where a training goes on after the batches that are done."""
        epoch, batch = self.position
        return Position(epoch + 1) if batch == self.grouping.batches else self.position

    def is_interrupted(self, epochs: int) -> bool:
        """Whether time was over before the end of so many epochs."""
        return self.late and self.next().epoch < epochs
