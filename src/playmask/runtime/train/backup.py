"""What an interrupted training leaves, to go on from: its state, its data's hash, its history."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover

HISTORY, BACKUP, DATA = "training.json", ".playmask-training", "data.sha256"


class Backup:
    """What an interrupted training goes on from: one file of weights and optimizer an epoch.

    It is written into the folder that is committed at the epoch's end; its name holds the number of
    finished epochs. (Keras' BackupAndRestore writes HDF5 files in place: a kill in that moment
    leaves one that does not load, and on a full disk HDF5 ends the process.)
    """

    PATTERN = "epochs-*.npz"

    def __init__(self, directory: Path, data: str) -> None:
        self.directory, self.data = directory, data

    def take_up(self, network: keras.Model) -> int:
        """Restore weights and optimizer; returns how many epochs were finished."""
        file = _newest(self.directory)
        if file is None:
            return 0
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
        read_state(file, network)
        return _finished(file)

    def write(self, staging: Path, network: keras.Model, finished: int) -> None:
        """Write the state after so many epochs, to be committed with what the last one left."""
        folder = staging / BACKUP
        folder.mkdir()
        (folder / DATA).write_text(self.data, "utf-8")
        write_state(folder / self.PATTERN.replace("*", str(finished)), network)

    def names(self) -> list[str]:
        """The files there are, by their names in the directory."""
        folder = self.directory / BACKUP
        return [f"{BACKUP}/{file.name}" for file in folder.iterdir()] if folder.is_dir() else []


def finished_epochs(directory: Path) -> int | None:
    """How many epochs an interrupted training in a directory has finished; None: there is none."""
    file = _newest(directory)
    return None if file is None else _finished(file)


def is_finished(directory: Path) -> bool:
    """Whether a training in a directory came to its end: there is a history, and no back-up."""
    return finished_epochs(directory) is None and (directory / HISTORY).is_file()


def _newest(directory: Path) -> Path | None:
    recover(directory)
    return max((directory / BACKUP).glob(Backup.PATTERN), key=_finished, default=None)


def _finished(file: Path) -> int:
    return int(file.name.split("-")[1].split(".")[0])


def state_of(network: keras.Model) -> list[Any]:
    """All that a training changes: weights, the seeds of dropout, and the optimizer's variables."""
    lent = (
        {id(v) for v in network.hook_variables.lent} if hasattr(network, "hook_variables") else ()
    )
    own = [variable for variable in network.variables if id(variable) not in lent]
    return [*own, *network.optimizer.variables]


def write_state(file: Path, network: keras.Model) -> None:
    """Write a training's state as the bytes of arrays, whatever their dtype is."""
    arrays = [
        np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value)).reshape(-1)
        for variable in state_of(network)
    ]
    with file.open("wb") as out:
        np.savez(out, *[array.view("uint8") for array in arrays])


def read_state(file: Path, network: keras.Model) -> None:
    """Give a network and its optimizer the state of a training.

    Raises: CheckpointError where the file is damaged, or of another network
    """
    state = state_of(network)
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except (OSError, LookupError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Begin anew instead.") from error
    sizes = [int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize for v in state]
    if [array.nbytes for array in arrays] != sizes:
        raise CheckpointError(
            f"{file} is the state of another network or optimizer; going on needs the same ones. "
            "Begin anew instead."
        )
    for variable, array in zip(state, arrays, strict=True):
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
