"""`layer_types` of configuration files: which blocks attend to all, and which within a window."""

from collections.abc import Sequence
from typing import Any, TypeVar

from playmask.errors import ConfigError, brief
from playmask.model.architecture import Architecture
from playmask.model.masks import Both, Mask, Ordered, Window
from playmask.model.parts import ByBlock

T = TypeVar("T")

FULL, LOCAL = "full_attention", "sliding_attention"


def check_types(types: Any, depth: int) -> list[str]:
    """Return `layer_types` as they are; raises ConfigError for other names or another number."""
    names = [name if isinstance(name, str) else brief(name) for name in types]
    for name in names:
        if name not in (FULL, LOCAL):
            raise ConfigError(f"layer_types has {brief(name)}, where {FULL} or {LOCAL} is due.")
    if len(names) != depth:
        raise ConfigError(f"layer_types names {len(names)} blocks, but there are {depth}.")
    return names


def by_type(types: Sequence[str], full: T, local: T) -> T | ByBlock[T]:
    """One choice for the blocks that attend to all, another for those with a window."""
    if full == local or LOCAL not in types:
        return full
    if FULL not in types:
        return local
    return ByBlock(tuple((i, full) for i, name in enumerate(types) if name == FULL), local)


def local_mask(width: int) -> Mask:
    """What a query sees of keys less than a width away."""
    return Ordered() & Window(width)


def types_of(architecture: Architecture) -> tuple[list[str], int | None]:
    """The `layer_types` of an architecture's masks, and the width of the window, if any."""
    widths = [_width(mask) for mask in architecture.masks]
    width = next((width for width in widths if width), None)
    return [LOCAL if own else FULL for own in widths], width


def _width(mask: Mask) -> int | None:
    """The window's width of a block that has one."""
    own = mask.second if isinstance(mask, Both) else None
    return own.width if isinstance(own, Window) else None
