"""What a family is: how to read its configuration, and how its tensors are named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from playmask.architectures import Architecture
from playmask.families.names import Dialect


@dataclass(frozen=True)
class Family:
    """A family of pretrained models, as data.

    base: the architecture of its usual size; model_types: what its configurations say;
    read_config: (configuration, keys to ignore) -> Architecture; write_config: (Architecture,
    dialect) -> configuration; dialects: by name.
    """

    name: str
    base: Architecture
    model_types: frozenset[str]
    read_config: Callable[[Mapping[str, Any], Iterable[str]], Architecture]
    write_config: Callable[[Architecture, str], dict[str, Any]]
    dialects: Mapping[str, Dialect]
