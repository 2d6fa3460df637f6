"""Logs of a training, by the names that `--log csv,tensorboard` takes."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from playmask.errors import ConfigError, nearest

CSV = "csv"
LOGS: Mapping[str, str] = {
    CSV: "playmask.runtime.train.watching.table_log:CsvLog",
    "jsonl": "playmask.runtime.train.watching.table_log:JsonLinesLog",
    "tensorboard": "playmask.runtime.train.watching.event_log:TensorBoardLog",
    "wandb": "playmask.runtime.train.watching.trackers:WandbLog",
    "mlflow": "playmask.runtime.train.watching.trackers:MlflowLog",
}
"""The class of each log, by its name."""
FOLDER = "logs"
"""Where they stand, in the folder of the task that is trained."""


class Log(Protocol):
    """Where the values of a run go.

    options: of the training, by name; step: how many were done, where a training goes on
    """

    def __init__(self, folder: Path) -> None: ...

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin, or go on after a step: what was written of later ones is not true any more."""

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Write what a step has measured."""

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Write what an epoch has measured, which ended with a step."""

    def close(self) -> None:
        """End, whether or not the training came to its end."""


def check_logs(names: Iterable[str]) -> None:
    """See that there are logs of some names; raises ConfigError if not."""
    for name in names:
        if name not in LOGS:
            raise ConfigError(f"There is no log {name!r:.60}.{nearest(name, LOGS)}")


def log_of(name: str, folder: Path) -> Log:
    """The log of a name, in a folder; nothing is written yet."""
    check_logs([name])
    module, _, cls = LOGS[name].partition(":")
    log: Log = getattr(import_module(module), cls)(folder)
    return log
