"""Logs for services that track experiments; each needs its package, an extra of playmask."""

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from playmask.errors import ConfigError
from playmask.files import make_directory

RUN_ID = "run-id.txt"


def package(name: str, user: str, extra: str) -> Any:
    """A package of an extra that something uses; raises ConfigError that says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{user} needs the package {name}, which is not installed: "
            f"pip install 'playmask[{extra}]' ({error})."
        ) from error


class WandbLog:
    """Weights & Biases, where its environment variables say.

    WANDB_PROJECT names the project; WANDB_MODE=offline writes files only. A training that goes on
    is the same run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "wandb"
        self.package = package("wandb", "The log", "wandb")
        self.run: Any = None

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin a run, or go on with one."""
        make_directory(self.folder)
        before = _run_id(self.folder) if step else None
        self.run = self.package.init(
            dir=str(self.folder),
            config=dict(options),
            **({"id": before, "resume": "allow"} if before else {}),
        )
        (self.folder / RUN_ID).write_text(self.run.id, "utf-8")

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Log values named "step/…"."""
        self.run.log({f"step/{name}": value for name, value in values.items()}, step=step)

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Log values named "epoch/…", at the step that an epoch ends with."""
        self.run.log({f"epoch/{name}": value for name, value in values.items()}, step=step)

    def close(self) -> None:
        """End the run."""
        if self.run is not None:
            self.run.finish()


class MlflowLog:
    """MLflow: where MLFLOW_TRACKING_URI says, else in a folder beside the other logs.

    A training that goes on is the same run. What is not finite is left out: MLflow has no such
    value.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "mlflow"
        self.package = package("mlflow", "The log", "mlflow")
        self.client: Any = None
        self.id = ""

    def open(self, options: Mapping[str, Any], step: int) -> None:
        """Begin a run with the options as its parameters, or go on with one."""
        make_directory(self.folder)
        if not self.package.environment_variables.MLFLOW_TRACKING_URI.get():
            self.package.set_tracking_uri(f"sqlite:///{(self.folder / 'runs.db').absolute()}")
        before = _run_id(self.folder) if step else None
        self.id = self.package.start_run(run_id=before).info.run_id
        if not before:
            self.package.log_params({k: v for k, v in options.items() if v is not None})
        (self.folder / RUN_ID).write_text(self.id, "utf-8")

    def write_step(self, step: int, values: Mapping[str, float]) -> None:
        """Log values named "step/…"."""
        self._log("step", step, values)

    def write_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Log values named "epoch/…", at the step that an epoch ends with."""
        self._log("epoch", step, values)

    def _log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        finite = {f"{kind}/{name}": v for name, v in values.items() if math.isfinite(v)}
        self.package.log_metrics(finite, step=step, run_id=self.id)

    def close(self) -> None:
        """End the run."""
        if self.id:
            self.package.end_run()


def _run_id(folder: Path) -> str | None:
    """The run that a folder is of, if any."""
    file = folder / RUN_ID
    return file.read_text("utf-8").strip() or None if file.is_file() else None
