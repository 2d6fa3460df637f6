"""The ends of training steps, one after the other, however the backend hands them over."""

import threading
from collections.abc import Mapping
from typing import Any

from playmask.runtime.train.hooks import StepHook

Values = Mapping[str, float]


class OrderedSteps(StepHook):
    """Sees what each step has measured, in the order of the steps; it changes no training.

    On JAX, Keras hands the values over in several threads, as soon as each is computed, and the
    loop does not wait for them; so it stays.
    """

    async_safe = True  # for Keras: the end of a step may be seen in another thread
    passive = True

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self._lock = threading.Lock()
        self._ended: dict[int, Values] = {}
        self._next: int | None = None  # the first step of an epoch may be any: it was resumed

    def end_step(self, batch: int, logs: Values) -> None:
        """Act on the end of a step: what Keras measured in it, and hooks."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the steps anew."""
        self.epoch, self._ended, self._next = epoch, {}, None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note which step is the epoch's first."""
        with self._lock:
            self._next = batch if self._next is None else self._next

    def on_train_batch_end(self, batch: int, logs: Values | None = None) -> None:
        """Hand over this step and those that waited for it."""
        with self._lock:
            self._ended[batch] = logs or {}
            while self._next is not None and self._next in self._ended:
                self.end_step(self._next, self._ended.pop(self._next))
                self._next += 1
