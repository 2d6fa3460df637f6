"""The batches of the epoch that an interrupted training is in, on disk.

Which rows a batch holds depends on the options of the whole training, such as how long it is; the
rest of an epoch is to hold the rows that are left.
"""

import zipfile
from pathlib import Path

import numpy as np

from playmask.errors import CheckpointError, ConfigError, InputError
from playmask.runtime.batches import Batches, EpochPlan

PLAN = "batches.npz"


def write_plan(folder: Path, batches: object) -> None:
    """Write the batches of the epoch, where they are planned: others follow from their number."""
    if isinstance(batches, Batches):
        with (folder / PLAN).open("wb") as out:
            np.savez(out, **batches.plan._asdict())


def take_up_plan(folder: Path, batches: object, epoch: int) -> None:
    """Let an epoch have the batches that were written, where there are any.

    Raises: CheckpointError where the file is damaged; ConfigError where it is of other rows
    """
    file = folder / PLAN
    if not (isinstance(batches, Batches) and file.is_file()):
        return
    try:
        with np.load(file, allow_pickle=False) as stored:
            plan = EpochPlan(**{name: stored[name] for name in EpochPlan._fields})
    except (OSError, LookupError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Begin anew instead.") from error
    try:
        batches.use_plan(epoch, plan)
    except InputError as error:
        raise ConfigError(
            f"The training in {folder.parent} stopped within an epoch of other rows: {error} Going "
            "on needs the same settings of the task. Begin anew instead."
        ) from error
