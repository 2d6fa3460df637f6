"""What a family is: how to read its configuration, and how its tensors are named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from playmask.families.config import Configuration
from playmask.families.names import Dialect
from playmask.families.published_heads import PublishedHead
from playmask.model.architecture import Architecture


@dataclass(frozen=True)
class Family:
    """A family of pretrained models, as data.

    base: the architecture of its usual size; configuration: how its files are read and written;
    model_types: what they declare; dialects: how its tensors are named, by container;
    marks: configuration keys that tell it from families with the same names;
    heads: those it was pretrained with; models: those of its shape, for people; reads: dialects of
    files that are read and never written; bert4keras: what that program computes in its place;
    one_order: why its order cannot be chosen ("" = it can);
    needs: what some tensor's name must match, where another family has the same names but those;
    published: its classes with heads of tasks, by how their names end ("ForTokenClassification");
    settle: (architecture, the checkpoint's tensors) -> the architecture, where the tensors decide
    what the configuration cannot say or has wrong.
    """

    name: str
    base: Architecture
    configuration: Configuration
    dialects: Mapping[str, Dialect]
    model_types: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    heads: tuple[str, ...] = ("mlm",)
    models: str = ""
    bert4keras: Callable[[Architecture], Architecture] = field(
        default=lambda architecture: architecture
    )
    reads: Mapping[str, Dialect] = field(default_factory=dict)
    one_order: str = ""
    needs: str = ""
    published: Mapping[str, PublishedHead] = field(default_factory=dict)
    settle: Callable[[Architecture, Mapping[str, np.ndarray]], Architecture] = field(
        default=lambda architecture, tensors: architecture
    )

    @property
    def readable(self) -> Mapping[str, Dialect]:
        """How its tensors are named in all files that are read, by container."""
        return {**self.dialects, **self.reads}
