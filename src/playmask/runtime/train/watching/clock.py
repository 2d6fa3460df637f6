"""The time of a training: steps, compilation apart from them, and what is left."""

import time
from collections.abc import Callable
from typing import Any

import keras

from playmask.runtime.train.hooks import Step
from playmask.runtime.train.watching.ordered_steps import OrderedSteps, Values


class Clock(OrderedSteps):
    """Measures how long steps take, and how long those take that compile a new shape, apart.

    A step compiles where it begins before all planned shapes are compiled, and where it is traced,
    with the one before it, which still runs then; on PyTorch none does. What comes after the last
    step of an epoch, measuring above all, counts once for each epoch; the first time compiles.
    Units:  seconds
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self.now = now
        self.running = self.compiling = 0.0
        self.steps = 0  # those that compiled nothing
        self.ended = 0  # epochs
        self.done = 0  # steps of the epoch that runs
        self.measuring: list[float] = []  # after each epoch
        self.compiles = False  # whether the step that runs compiles
        self.compiled = self.shapes = 0  # how many are compiled, of how many that are planned
        self.begun: float | None = None
        self._traced: set[int] = set()
        self._batch = 0
        self._last = 0.0

    def add_loss(self, step: Step) -> None:
        """Note that a step is traced."""
        if keras.backend.backend() != "torch":
            self.compiles = True
            self._traced |= {self._batch - 1, self._batch}

    def set_shapes(self, compiled: int, shapes: int) -> None:
        """Note how many shapes are compiled, of how many that are compiled ahead."""
        self.compiled, self.shapes = compiled, shapes

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        self.begun = self.now()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """What came since the last step was no step."""
        super().on_epoch_begin(epoch, logs)
        self._traced, self._batch, self.ended, self.done = set(), 0, epoch, 0
        self._last = self.now()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note which step is traced next."""
        super().on_train_batch_begin(batch, logs)
        self.compiles, self._batch = self.compiled < self.shapes, batch
        if self.compiles:
            self._traced.add(batch)

    def end_step(self, batch: int, logs: Values) -> None:
        """Add the time since the step before to what it was needed for."""
        now, self.done = self.now(), batch + 1
        taken, self._last = now - self._last, now
        if batch in self._traced:
            self.compiling += taken
        else:
            self.running += taken
            self.steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note how long the measuring of the epoch took."""
        self.measuring.append(self.now() - self._last)
        self.ended, self.done = epoch + 1, 0

    @property
    def elapsed(self) -> float:
        """The time since the training began."""
        return 0.0 if self.begun is None else self.now() - self.begun

    @property
    def left(self) -> float | None:
        """The time that the rest will take, without what it compiles.

        None: no step has run yet that did not compile, or the end is not known
        """
        steps: int | None = self.params.get("steps")
        epochs: int = self.params.get("epochs", 0) - self.ended
        if not self.steps or steps is None:
            return None
        rest = max(0, epochs * steps - self.done)
        measuring = min(self.measuring[1:], default=0.0)
        return rest * self.running / self.steps + epochs * measuring
