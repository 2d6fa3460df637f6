"""What watches a training that `fit` runs: its measure, its logs, what they need of its steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import keras

from playmask.errors import ConfigError
from playmask.runtime.train.hooks import OpenStep
from playmask.runtime.train.options import TrainingOptions
from playmask.runtime.train.watching.measures import Measure
from playmask.runtime.train.watching.run_log import RunLog, chosen_log
from playmask.runtime.train.watching.step_measures import StepMeasures

FEW = 8  # examples on which a task shows what it measures


class Measured(Protocol):
    """What is measured after each epoch; best: the measure it is compared by, None: the loss."""

    network: keras.Model

    @property
    def best(self) -> str | None:
        """The measure's name."""

    def evaluate(self, data: Any) -> dict[str, float]:
        """Measure on examples."""


class Watch(NamedTuple):
    """The logs of a training, and the callback that measures what stands in them."""

    logs: Sequence[RunLog] = ()
    measures: Sequence[StepMeasures] = ()

    @classmethod
    def of(
        cls,
        network: keras.Model,
        options: TrainingOptions,
        directory: Path | None,
        callbacks: Sequence[Any],
    ) -> Self:
        """Those that the options name, and those among the callbacks; nothing is written yet."""
        among = [callback for callback in callbacks if isinstance(callback, RunLog)]
        logs = [*chosen_log(options.log, directory, options.log_every), *among]
        return cls(logs, [StepMeasures()] if logs and isinstance(network, OpenStep) else [])

    def around(self, callbacks: Sequence[Any]) -> list[Any]:
        """All callbacks in the order of their calls: logs see what the others measured."""
        others = [callback for callback in callbacks if callback not in self.logs]
        return [*self.measures, *others, *self.logs]

    def attach(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Measure the gradients of an optimizer."""
        for each in self.measures:
            each.attach(optimizer)

    @contextmanager
    def running(self, options: TrainingOptions, *, done: int, steps: int) -> Iterator[None]:
        """Write the logs of a training that begins after so many steps, and close them."""
        for log in self.logs:
            log.prepare(asdict(options), done=done, steps=steps)
        try:
            yield
        finally:
            for log in self.logs:
                log.close()


def measure_of(
    task: Measured, options: TrainingOptions, checks: Sequence[Any], *, validated: bool
) -> Measure:
    """The measure by which a task's epochs are compared; refuses one that the task has not.

    What a task measures is seen on a few examples, where the measure is not its own.
    """
    for name in ("best", "stop_after"):
        if getattr(options, name) is not None and not validated:
            raise ConfigError(f"{name} compares epochs on validation data; give some.")
    measure = Measure.of(options.best or task.best)
    if options.best is not None and measure.name not in ("loss", task.best):
        few: Any = checks.part(slice(FEW)) if hasattr(checks, "part") else checks[:FEW]
        names = [name for name in task.evaluate(few) if name != "examples"]
        measure.check(["loss", *names])
    return measure
