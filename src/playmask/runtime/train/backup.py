"""What an interrupted training leaves, to go on from: its state, its data's hash, its history."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover
from playmask.runtime.peer_processes import is_first
from playmask.runtime.train.accumulation import Grouping
from playmask.runtime.train.plan_files import take_up_plan, write_plan
from playmask.runtime.train.state_files import (
    FORMATS,
    assign_value,
    format_for,
    read_state,
    write_state,
)

HISTORY, BACKUP, DATA = "training.json", ".playmask-training", "data.sha256"


class Position(NamedTuple):
    """Where a training stands: in which epoch, from 0, and how many of its batches are done."""

    epoch: int
    batch: int = 0


class Backup:
    """What an interrupted training goes on from: all that it changes, see `state_files.py`.

    It is written into the folder that is committed at an epoch's end, or within one; its name holds
    the position. (Keras' BackupAndRestore writes HDF5 files in place: a kill in that moment leaves
    one that does not load, and on a full disk HDF5 ends the process.)

    data: a fingerprint of what is learnt; batches: what a position counts within an epoch;
    grouping: of batches to an update
    """

    def __init__(self, directory: Path, data: str, batches: Any, grouping: Grouping) -> None:
        self.directory, self.data, self.batches = directory, data, batches
        self.rows, self.grouping = batches.batch_size, grouping
        self.measures: list[Any] = []  # of the epoch that is taken up, as they stood

    def take_up(self, network: keras.Model) -> Position:
        """Restore weights and optimizer; returns where the training goes on."""
        file = _newest(self.directory)
        if file is None:
            return Position(0)
        if is_first():  # others would read all of it once more
            manifest = read_manifest(self.directory)
            manifest.verify([*manifest.among([f"{BACKUP}/*"]), HISTORY])
        known = file.with_name(DATA)
        data = known.read_text("utf-8", "replace") if known.is_file() else ""
        if len(data) != len(self.data):
            raise CheckpointError(
                f"{known} holds {data[:64]!r}, not the fingerprint of the examples that the "
                "training was on, so it cannot go on. Begin anew instead."
            )
        if data != self.data:
            raise ConfigError(
                f"The training in {self.directory} was on other examples; going on needs the "
                "same ones. Begin anew instead."
            )
        position, rows = _named(file)
        if position.batch and rows != self.rows:
            raise ConfigError(
                f"The training in {self.directory} stopped after {position.batch} batches of "
                f"{rows} rows; they have {self.rows} now. Going on within an epoch needs the same "
                "batch size, on a number of devices that divides it."
            )
        if position.batch % self.grouping.size:
            raise ConfigError(
                f"The training in {self.directory} stopped after {position.batch} batches of an "
                f"epoch, within an update of accumulate={self.grouping.size}. Going on needs an "
                "accumulate that divides their number."
            )
        if position.batch:
            take_up_plan(file.parent, self.batches, position.epoch)
        network.optimizer.build(network.trainable_variables)
        self.measures = read_state(file, network)
        return position

    def take_up_measures(self, network: keras.Model) -> None:
        """Restore the metrics of the epoch that is taken up, once Keras has reset them."""
        for variable, array in zip(network.metrics_variables, self.measures, strict=False):
            assign_value(variable, array)
        self.measures = []

    def write(self, staging: Path, network: keras.Model, position: Position) -> None:
        """Write the state at a position, to be committed with what else belongs to it.

        Of several processes each writes a part.
        """
        folder, batch = staging / BACKUP, position.batch
        if is_first():
            folder.mkdir()
            (folder / DATA).write_text(self.data, "utf-8")
            if batch:
                write_plan(folder, self.batches)
        within = f"-{batch}x{self.rows}" if batch else ""
        name = f"epochs-{position.epoch}{within}{format_for(network)}"
        write_state(folder / name, network, network.metrics_variables if batch else ())

    def names(self) -> list[str]:
        """The files there are, by their names in the directory."""
        files = (self.directory / BACKUP).rglob("*")
        return [f.relative_to(self.directory).as_posix() for f in files if f.is_file()]


def position_in(directory: Path) -> Position | None:
    """Where an interrupted training in a directory goes on; None: there is none."""
    file = _newest(directory)
    return None if file is None else _named(file)[0]


def finished_epochs(directory: Path) -> int | None:
    """How many epochs an interrupted training in a directory has finished; None: there is none."""
    position = position_in(directory)
    return None if position is None else position.epoch


def is_finished(directory: Path) -> bool:
    """Whether a training in a directory came to its end: there is a history, and no back-up."""
    return finished_epochs(directory) is None and (directory / HISTORY).is_file()


def _newest(directory: Path) -> Path | None:
    recover(directory)
    files = (directory / BACKUP).glob("epochs-*")
    return max((f for f in files if f.suffix in FORMATS), key=_named, default=None)


def _named(file: Path) -> tuple[Position, int]:
    """What a file's name says: epochs-2.npz is at the end of two, epochs-2-40x32.npz 40 batches on.

    Returns: the position, and how many rows such a batch has
    """
    _, epoch, *within = file.name.split(".")[0].split("-")
    batch, rows = map(int, within[0].split("x")) if within else (0, 0)
    return Position(int(epoch), batch), rows


def write_history(directory: Path, history: Mapping[str, Sequence[float]]) -> None:
    """Write the measures of each epoch; what is not finite stands as null, which JSON has."""
    finite = {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in history.items()
    }
    write_json(directory / HISTORY, finite)


def read_history(directory: Path) -> dict[str, list[float]]:
    """Read the measures of each epoch."""
    return {
        name: [math.nan if value is None else float(value) for value in values]
        for name, values in read_json(directory / HISTORY).items()
    }
