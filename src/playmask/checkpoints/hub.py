"""Downloading a checkpoint by its hub name; a local path never comes here."""

import re
from pathlib import Path

from playmask.errors import CheckpointError

FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.bin", "*.index", "*.data-*"]


def is_name(path: str | Path) -> bool:
    """Whether this can only be a hub's `org/name`: one slash, nothing local of that name."""
    text = str(path)
    local = text.startswith((".", "/", "~")) or Path(text).parts[0] in ("..", ".")
    folder = Path(text).parts and Path(Path(text).parts[0]).exists()
    return not local and not folder and re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None


def download(name: str) -> Path:
    """Bring a checkpoint from the hub (HF_ENDPOINT is honoured) and return its directory.

    Raises: CheckpointError where it cannot be had, saying why
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the hub raises many kinds; all mean: it is not here
        raise CheckpointError(
            f"{name!r} is no local path, and the hub did not give it: {error!s:.200}"
        ) from error
