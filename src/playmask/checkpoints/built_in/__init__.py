"""The models that come along with the package, each loaded by its name.

A model is a folder beside this file: a saved task, with the card of its data, licences and figures.
"""

from pathlib import Path
from typing import NamedTuple

from playmask.errors import closest


class BuiltIn(NamedTuple):
    """A model's folder, the language of its texts, and the learning rate that suits its size."""

    folder: str
    language: str
    learning_rate: float


MODELS = {"zh-small": BuiltIn("zh_small", "Chinese", 1e-4)}
"""Each model by its name."""


def folder_of(path: str | Path) -> Path | None:
    """The folder of a built-in model; None for another name, or where a local path has it."""
    model = MODELS.get(str(path))
    return None if model is None or Path(path).exists() else Path(__file__).parent / model.folder


def proposal(path: str | Path) -> str:
    """The built-in model that a wrong path is likely to mean, as the end of an error message."""
    name = closest(str(path), MODELS)
    return f" Did you mean the built-in {name!r}?" if name else ""
