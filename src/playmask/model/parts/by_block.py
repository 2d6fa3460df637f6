"""Choices block by block: content parts, positions, masks, norms."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from playmask.errors import ConfigError
from playmask.model.parts.part import Part
from playmask.model.recipes import recipe

T = TypeVar("T")
U = TypeVar("U")
Parts = tuple[Part, ...]


@recipe
class ByBlock(Generic[T]):
    """A choice that some blocks make for themselves, (block, choice) each; the rest make another.

    Example:
        >>> windows = ByBlock(some=((0, Ordered()),), rest=Ordered() & Window(64))
        >>> windows.of(0), windows.of(1) == windows.rest
        (Ordered(), True)

    """

    some: tuple[tuple[int, T], ...]
    rest: T

    def of(self, block: int) -> T:
        """Look up the choice of one block."""
        return dict(self.some).get(block, self.rest)


def of(choice: T | ByBlock[T], block: int) -> T:
    """Look up what one block has of a choice that may be the same for all."""
    return choice.of(block) if isinstance(choice, ByBlock) else choice


def choices(choice: T | ByBlock[T]) -> tuple[T, ...]:
    """List the choices of all blocks, each once, in the order they are named."""
    if isinstance(choice, ByBlock):
        return tuple(dict.fromkeys((*(value for _, value in choice.some), choice.rest)))
    return (choice,)


def each(function: Callable[[T], U], choice: T | ByBlock[T]) -> U | ByBlock[U]:
    """Apply a function to the choice of every block."""
    if not isinstance(choice, ByBlock):
        return function(choice)
    return ByBlock(tuple((i, function(x)) for i, x in choice.some), function(choice.rest))


def first(choice: T | ByBlock[T], depth: int) -> T | ByBlock[T]:
    """Leave out the blocks beyond a depth; one choice, where those before it agree."""
    if not isinstance(choice, ByBlock):
        return choice
    some = tuple(item for item in choice.some if item[0] < depth)
    values = [*(value for _, value in some), *([choice.rest] if len(some) < depth else [])]
    if values and all(value == values[0] for value in values):
        return values[0]
    return ByBlock(some, choice.rest)


def chosen(name: str, value: Any, present: T | ByBlock[T], read: Callable[[Any], T]) -> Any:
    """Read a field's new value: one for all blocks, or a dict from blocks or "rest" to values.

    read: what makes the field's value of each; blocks that a dict does not name stay as they are.
    Raises: ConfigError where blocks are not named by number
    """
    if isinstance(value, ByBlock):
        return value
    if not isinstance(value, Mapping):
        return read(value)
    if isinstance(present, ByBlock):
        some, rest = dict(present.some), present.rest
    else:
        some, rest = {}, present
    for blocks, one in value.items():
        if blocks == "rest":
            rest = read(one)
            continue
        for block in blocks if isinstance(blocks, (tuple, range)) else (blocks,):
            if not isinstance(block, int):
                raise ConfigError(f"{name} names blocks by number, or 'rest'; received {blocks!r}.")
            some[block] = read(one)
    return ByBlock(tuple(sorted(some.items(), key=lambda item: item[0])), rest)


def read_parts(value: Any) -> Parts:
    """Read content parts, one or several; raises ConfigError for anything else."""
    parts = (value,) if isinstance(value, Part) else value
    if not isinstance(parts, (tuple, list)) or not all(isinstance(p, Part) for p in parts):
        raise ConfigError(f"attention takes parts such as Dot(), not {value!r}.")
    return tuple(parts)
