"""Downloading a checkpoint by its hub name; a local path never comes here."""

import re
from pathlib import Path

from playmask.errors import CheckpointError

BESIDE = ("*.json", "*.txt", "*.model")
WEIGHTS = (("*.safetensors",), ("*.bin",), ("*.index", "*.data-*"))
"""The kinds of weights, the best first: only the first kind that a repository has is fetched."""


def is_name(path: str | Path) -> bool:
    """Whether this can only be a hub's `org/name`: one slash, nothing local of that name."""
    text = str(path)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", text):
        return False
    return not Path(text).parent.exists()


def download(name: str) -> Path:
    """Bring a checkpoint from the hub (HF_ENDPOINT is honoured) and return its directory.

    Raises: CheckpointError where it cannot be had, saying why
    """
    from huggingface_hub import snapshot_download

    try:
        for patterns in WEIGHTS:
            place = Path(snapshot_download(name, allow_patterns=[*BESIDE, *patterns]))
            if any(place.glob(patterns[0])):
                return place
    except Exception as error:  # the hub raises many kinds; all mean: it is not here
        reason = str(error).strip().partition("\n")[0].removeprefix("Got: ")  # then comes advice
        raise CheckpointError(
            f"{name!r} is no local path, and the hub did not give it: {reason:.200}"
        ) from error
    raise CheckpointError(f"The hub's {name!r} has no weights that playmask reads.")
