"""What an interrupted training leaves, to go on from: its state, its data's hash, its history."""

import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover

HISTORY, BACKUP, DATA = "training.json", ".playmask-training", "data.sha256"


class Position(NamedTuple):
    """Where a training stands: in which epoch, from 0, and how many of its batches are done."""

    epoch: int
    batch: int = 0


class Backup:
    """What an interrupted training goes on from: one file of all that it changes.

    It is written into the folder that is committed at an epoch's end, or within one; its name holds
    the position. (Keras' BackupAndRestore writes HDF5 files in place: a kill in that moment leaves
    one that does not load, and on a full disk HDF5 ends the process.)
    """

    PATTERN = "epochs-*.npz"

    def __init__(self, directory: Path, data: str) -> None:
        self.directory, self.data = directory, data
        self.measures: list[Any] = []  # of the epoch that is taken up, as they stood

    def take_up(self, network: keras.Model) -> Position:
        """Restore weights and optimizer; returns where the training goes on."""
        file = _newest(self.directory)
        if file is None:
            return Position(0)
        manifest = read_manifest(self.directory)
        manifest.verify([f"{BACKUP}/{file.name}", f"{BACKUP}/{DATA}", HISTORY])
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
        network.optimizer.build(network.trainable_variables)
        self.measures = read_state(file, network)
        return _position(file)

    def take_up_measures(self, network: keras.Model) -> None:
        """Restore the metrics of the epoch that is taken up, once Keras has reset them."""
        for variable, array in zip(network.metrics_variables, self.measures, strict=False):
            _assign(variable, array)
        self.measures = []

    def write(self, staging: Path, network: keras.Model, position: Position) -> None:
        """Write the state at a position, to be committed with what else belongs to it."""
        folder = staging / BACKUP
        folder.mkdir()
        (folder / DATA).write_text(self.data, "utf-8")
        within = f"-{position.batch}" if position.batch else ""
        measures = network.metrics_variables if within else ()
        name = self.PATTERN.replace("*", f"{position.epoch}{within}")
        write_state(folder / name, network, measures)

    def names(self) -> list[str]:
        """The files there are, by their names in the directory."""
        folder = self.directory / BACKUP
        return [f"{BACKUP}/{file.name}" for file in folder.iterdir()] if folder.is_dir() else []


def position_in(directory: Path) -> Position | None:
    """Where an interrupted training in a directory goes on; None: there is none."""
    file = _newest(directory)
    return None if file is None else _position(file)


def finished_epochs(directory: Path) -> int | None:
    """How many epochs an interrupted training in a directory has finished; None: there is none."""
    position = position_in(directory)
    return None if position is None else position.epoch


def is_finished(directory: Path) -> bool:
    """Whether a training in a directory came to its end: there is a history, and no back-up."""
    return finished_epochs(directory) is None and (directory / HISTORY).is_file()


def _newest(directory: Path) -> Path | None:
    recover(directory)
    return max((directory / BACKUP).glob(Backup.PATTERN), key=_position, default=None)


def _position(file: Path) -> Position:
    """What a file's name says: epochs-2.npz is at the end of two, epochs-2-40.npz 40 batches on."""
    return Position(*map(int, file.name.split(".")[0].split("-")[1:]))


def state_of(network: keras.Model) -> list[Any]:
    """All that a training changes: weights, seeds of dropout, what hooks and optimizer remember."""
    lent = (
        {id(v) for v in network.hook_variables.lent} if hasattr(network, "hook_variables") else ()
    )
    own = [variable for variable in network.variables if id(variable) not in lent]
    return [*own, *network.optimizer.variables]


def write_state(file: Path, network: keras.Model, more: Iterable[Any] = ()) -> None:
    """Write a training's state, and more variables, as the bytes of arrays, of whatever dtype."""
    arrays = [
        np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value)).reshape(-1)
        for variable in (*state_of(network), *more)
    ]
    with file.open("wb") as out:
        np.savez(out, *[array.view("uint8") for array in arrays])


def read_state(file: Path, network: keras.Model) -> list[Any]:
    """Give a network and its optimizer the state of a training; returns what was written besides.

    Raises: CheckpointError where the file is damaged, or of another network
    """
    state = state_of(network)
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except (OSError, LookupError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Begin anew instead.") from error
    sizes = [int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize for v in state]
    own, more = arrays[: len(state)], arrays[len(state) :]
    if [array.nbytes for array in own] != sizes or (more and not _position(file).batch):
        raise CheckpointError(
            f"{file} is the state of another network or optimizer; going on needs the same ones. "
            "Begin anew instead."
        )
    for variable, array in zip(state, own, strict=True):
        _assign(variable, array)
    return more


def _assign(variable: Any, array: Any) -> None:
    variable.assign(array.view(np.dtype(variable.dtype)).reshape(variable.shape))


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
