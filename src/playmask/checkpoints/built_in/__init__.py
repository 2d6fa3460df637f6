"""The models that come along with the package, each loaded by its name.

A model is a folder beside this file: a saved task, with the card of its data, licences and figures.
"""

from pathlib import Path

MODELS = {"zh-small": "zh_small"}
"""The folder of each name."""


def folder_of(path: str | Path) -> Path | None:
    """The folder of a built-in model; None for another name, or where a local path has it."""
    folder = MODELS.get(str(path))
    return None if folder is None or Path(path).exists() else Path(__file__).parent / folder
