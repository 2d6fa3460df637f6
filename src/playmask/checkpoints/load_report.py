"""The report of a load: what became of every weight and every tensor."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from playmask.model.architecture import Architecture
from playmask.untrusted import spelled


class Loaded(NamedTuple):
    """A weight that was filled: our name, the tensor it came from, and how that was stored."""

    ours: str
    theirs: str
    shape: tuple[int, ...]
    dtype: np.dtype
    note: str = ""


class Fresh(NamedTuple):
    """A weight that the checkpoint does not fill; it was drawn by its initialiser."""

    ours: str
    shape: tuple[int, ...]
    reason: str


class Ignored(NamedTuple):
    """A tensor of the checkpoint that the model has no use for."""

    theirs: str
    reason: str


@dataclass(frozen=True)
class Report:
    """Where a model's weights come from.

    config: the checkpoint's own configuration; architecture: what it describes before changes;
    head: the head of a task that it has, by what its class's name ends with, "" for none; notes:
    what was guessed where the checkpoint is ambiguous, or contradicts itself.
    """

    path: str
    family: str
    dialect: str
    config: dict[str, Any] = field(repr=False)
    architecture: Architecture = field(repr=False)
    loaded: tuple[Loaded, ...] = field(default=(), repr=False)
    fresh: tuple[Fresh, ...] = field(default=(), repr=False)
    ignored: tuple[Ignored, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    head: str = ""

    def __str__(self) -> str:
        lines = [
            f"{self.path}: family {self.family}, dialect {self.dialect}; {len(self.loaded)} "
            f"weights loaded, {len(self.fresh)} fresh, {len(self.ignored)} tensors ignored"
        ]
        lines += [f"  note     {note}" for note in self.notes]
        lines += [f"  fresh    {item.ours} {item.shape}: {item.reason}" for item in self.fresh]
        lines += [f"  ignored  {item.theirs}: {item.reason}" for item in self.ignored]
        return "\n".join(map(spelled, lines))
