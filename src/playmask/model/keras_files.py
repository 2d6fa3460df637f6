"""Weights in Keras' own files: what `save_weights` wrote is read, and nothing else in silence."""

import os
from collections.abc import Callable
from typing import Any

from playmask.errors import CheckpointError

OWN = (".weights.h5", ".weights.json", ".keras")


def load_whole(load: Callable[..., None], file: str | os.PathLike[str], **options: Any) -> None:
    """Load weights by Keras' own method, from a file that has them all.

    Raises: CheckpointError for a file of Keras 2, of which Keras 3 takes what happens to have the
            right names, which may be nothing; and where a file is of another model
    """
    if not str(file).endswith(OWN) and not os.path.isdir(file):
        raise CheckpointError(
            f"{file} is none of Keras 3's files ({', '.join(OWN)}), and of an older one no weight "
            "may have a place here. In bert4keras, call model.save_weights_as_checkpoint('x.ckpt') "
            "and load that with playmask.load; or save the model here by playmask.save."
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
