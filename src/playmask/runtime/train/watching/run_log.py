"""What writes the logs of a training: a callback of `fit`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmask.errors import ConfigError
from playmask.runtime.peer_processes import is_first
from playmask.runtime.train.watching.logs import FOLDER, Log, log_of
from playmask.runtime.train.watching.ordered_steps import OrderedSteps, Values


class RunLog(OrderedSteps):
    """Writes what steps and epochs measure: csv, jsonl, tensorboard, wandb or mlflow.

    A line of steps has their loss, the measures of the epoch so far, the rate, and the gradient's
    norm before clipping; each epoch what the history has; both the seconds since the start. The
    option `log` of `fit` makes one by itself, in the folder of the task.
    names: of the logs; directory: a folder; every: how many steps there are to a line
    Raises: ConfigError for a log that there is not, or whose package is not installed

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> data = [("味道不错", "good"), ("太失望", "bad")] * 4
        >>> log = RunLog("csv", directory="logs")
        >>> history = task.fit(data, epochs=1, callbacks=[log], verbose=0)
        >>> sorted(log.last)  # of the last step, as in logs/steps.csv
        ['accuracy', 'gradient_norm', 'learning_rate', 'loss']

    """

    def __init__(self, *names: str, directory: str | Path, every: int = 10) -> None:
        super().__init__()
        if every < 1:
            raise ConfigError(f"every is a number of steps, from 1, not {every!r}.")
        self.names, self.every = names, every
        self.logs: list[Log] = [log_of(name, Path(directory)) for name in dict.fromkeys(names)]
        self.options: Mapping[str, Any] = {}
        self.before = 0  # steps of the epochs that ended
        self.count = 0  # steps of an epoch
        self.step = 0
        self.last: Values = {}  # what the last step measured
        self.mark = 0, 0.0  # steps of the epoch at the line before, and their mean loss
        self.begun = time.perf_counter()

    def prepare(self, options: Mapping[str, Any], *, done: int, steps: int) -> None:
        """Say how the next training is done, after so many steps; steps: of an epoch.

        Of several processes one writes; the others measure alike, for all run the same program.
        """
        self.options, self.count, self.step = options, steps, done
        self.logs = self.logs if is_first() else []

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin, or go on with what is there."""
        self.begun = time.perf_counter()
        for log in self.logs:
            log.open(self.options, self.step)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count on from the epochs before."""
        super().on_epoch_begin(epoch, logs)
        self.before = epoch * self.count
        self.mark = 0, 0.0

    def end_step(self, batch: int, logs: Values) -> None:
        """Write every so many steps, the first of an epoch too."""
        self.step, self.last = self.before + batch + 1, logs
        if batch == 0 or self.step % self.every == 0:
            self._write_step(batch + 1, logs)

    def _write_step(self, count: int, logs: Values) -> None:
        values = self._timed({**logs, **self._loss(count, logs)})
        for log in self.logs:
            log.write_step(self.step, values)

    def _loss(self, count: int, logs: Values) -> dict[str, float]:
        """The mean loss of the steps since the line before; Keras has that of the epoch so far."""
        (before, mean), self.mark = self.mark, (count, float(logs.get("loss", 0.0)))
        if "loss" not in logs:
            return {}
        return {"loss": (count * self.mark[1] - before * mean) / (count - before)}

    def on_epoch_end(self, epoch: int, logs: Values | None = None) -> None:
        """Write the last step, and the epoch's measures."""
        if self.step - self.before > self.mark[0]:
            self._write_step(self.step - self.before, self.last)
        values = self._timed(logs or {})
        for log in self.logs:
            log.write_epoch(self.step, values)

    def _timed(self, logs: Values) -> dict[str, float]:
        seconds = round(time.perf_counter() - self.begun, 3)
        numbers = {name: float(value) for name, value in sorted(logs.items())}
        return {"epoch": self.epoch + 1, "seconds": seconds, **numbers}

    def close(self) -> None:
        """End, whether or not the training came to its end."""
        for log in self.logs:
            log.close()


def chosen_log(names: tuple[str, ...], directory: Path | None, every: int) -> list[RunLog]:
    """The callback for the logs that options name, in a task's folder; none for none."""
    if not names:
        return []
    if directory is None:
        raise ConfigError(
            f"log={','.join(names)} is written into the folder of the task: give fit a directory, "
            f"or a RunLog({names[0]!r}, directory=…) as a callback."
        )
    return [RunLog(*names, directory=directory / FOLDER, every=every)]
