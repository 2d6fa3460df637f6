"""Weights in Keras' own files: what `save_weights` wrote is read, and nothing else in silence."""

import os
from collections.abc import Callable
from typing import Any

import keras

from playmask.errors import CheckpointError

OWN = (".weights.h5", ".weights.json", ".keras")


class WholeFiles(keras.Model):
    """A model whose weights Keras reads and writes whole, in its own files of today."""

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **options: Any) -> None:
        """Load what `save_weights` wrote; raises CheckpointError for other programs' files."""
        load_whole(super().load_weights, filepath, skip_mismatch=skip_mismatch, **options)

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Save the weights as Keras does; raises CheckpointError for a name it cannot read."""
        save_whole(super().save_weights, filepath, overwrite=overwrite, **options)


def load_whole(load: Callable[..., None], file: str | os.PathLike[str], **options: Any) -> None:
    """Load weights by Keras' own method, from a file that has them all.

    Raises: CheckpointError for a file of Keras 2, of which Keras 3 takes what happens to have the
            right names, which may be nothing; and where a file is of another model
    """
    if not str(file).endswith(OWN) and not os.path.isdir(file):
        raise CheckpointError(
            f"{file} is none of Keras 3's files ({', '.join(OWN)}), and of an older one no weight "
            "may have a place here. What bert4keras saved is loaded by playmask.load(file, "
            "config=…), and with its head by playmask.load_task(file, config=…, task=…)."
        )
    by_name = options.pop("by_name", None)
    if by_name:
        raise CheckpointError(f"by_name is for files of Keras 2; load {file} without it.")
    try:
        load(file, **options)
    except (ValueError, LookupError, OSError) as error:
        raise CheckpointError(
            f"{file} has not the weights of this model, which may now have some of the file's; "
            f"load it again from where it came ({error!s:.200})."
        ) from error


def save_whole(save: Callable[..., None], file: str | os.PathLike[str], **options: Any) -> None:
    """Save weights by Keras' own method, into a file of a name that Keras 3 reads again.

    Raises: CheckpointError for another name, such as those that bert4keras' users have
    """
    if not str(file).endswith(".weights.h5"):
        raise CheckpointError(
            f"{file!s:.200} does not end in .weights.h5, as Keras 3 wants it; task.save(directory) "
            "and playmask.save(model, directory) keep all that is needed to load it again."
        )
    save(file, **options)
