"""Content parts block by block."""

from typing import Any

from playmask.errors import ConfigError
from playmask.model.parts.part import Part
from playmask.model.recipes import recipe

Parts = tuple[Part, ...]


@recipe
class ByBlock:
    """Content parts of their own for some blocks, (block, parts) each; the rest have others."""

    some: tuple[tuple[int, Parts], ...]
    rest: Parts

    def of(self, block: int) -> Parts:
        """The parts of one block."""
        return dict(self.some).get(block, self.rest)


def choices(attention: Parts | ByBlock) -> tuple[Parts, ...]:
    """The parts of each kind of block."""
    if isinstance(attention, ByBlock):
        return (*(parts for _, parts in attention.some), attention.rest)
    return (attention,)


def first(attention: Parts | ByBlock, depth: int) -> Parts | ByBlock:
    """The parts of a stack of `depth` blocks."""
    if not isinstance(attention, ByBlock):
        return attention
    return ByBlock(tuple(item for item in attention.some if item[0] < depth), attention.rest)


def chosen(given: Any, present: Parts | ByBlock) -> Parts | ByBlock:
    """What `attention=` means: a part, several, or a dict from blocks or "rest" to them.

    Blocks that a dict does not name keep what they have.
    Raises: ConfigError where blocks are not named by number
    """
    if isinstance(given, ByBlock):
        return given
    if not isinstance(given, dict):
        return _parts(given)
    if isinstance(present, ByBlock):
        some, rest = dict(present.some), present.rest
    else:
        some, rest = {}, present
    for blocks, parts in given.items():
        if blocks == "rest":
            rest = _parts(parts)
            continue
        for block in blocks if isinstance(blocks, (tuple, range)) else (blocks,):
            if not isinstance(block, int):
                raise ConfigError(
                    f"attention names blocks by number, or 'rest'; received {blocks!r}."
                )
            some[block] = _parts(parts)
    return ByBlock(tuple(sorted(some.items())), rest)


def _parts(given: Any) -> Parts:
    """Content parts, one or several."""
    parts = (given,) if isinstance(given, Part) else given
    if not isinstance(parts, (tuple, list)) or not all(isinstance(p, Part) for p in parts):
        raise ConfigError(f"attention takes parts such as Dot(), not {given!r}.")
    return tuple(parts)
