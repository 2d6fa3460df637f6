"""Position parts by name."""

import dataclasses
from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.model.parts.alibi import Alibi
from playmask.model.parts.buckets import Buckets
from playmask.model.parts.disentangled import Disentangled
from playmask.model.parts.learned import Hierarchical, Learned
from playmask.model.parts.nezha import Nezha
from playmask.model.parts.part import Part
from playmask.model.parts.rotary import Rotary
from playmask.model.parts.sinusoidal import Sinusoidal

POSITIONS: dict[str, Part | None] = {
    "learned": Learned(),
    "hierarchical": Hierarchical(),
    "sinusoidal": Sinusoidal(),
    "rotary": Rotary(),
    "nezha": Nezha(),
    "buckets": Buckets(),
    "alibi": Alibi(),
    "disentangled": Disentangled(),
    "none": None,
}
"""Position parts by the name accepted in `position=`."""

TABLES = (Learned, Hierarchical)
"""The position parts that have a learned table."""


def read_position(value: Any, present: Any) -> Any:
    """Read a position part, or its name; a table gets as many rows as the present one has.

    Raises: ConfigError for a name that no position part has
    """
    if not isinstance(value, str):
        return value
    if value not in POSITIONS:
        raise ConfigError(f"There is no position part {value!r}.{nearest(value, POSITIONS)}")
    part, size = POSITIONS[value], getattr(present, "size", None)
    if isinstance(part, TABLES) and size is not None:
        return dataclasses.replace(part, size=size)
    return part
