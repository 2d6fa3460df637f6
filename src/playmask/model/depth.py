"""Leaving blocks out: what an architecture is with some of its blocks."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.architecture_checks import BY_BLOCK
from playmask.model.parts.by_block import ByBlock


def check_blocks(blocks: Sequence[int], depth: int) -> tuple[int, ...]:
    """The blocks to keep, as a tuple.

    Raises: ConfigError where they are none, or not in the order that they have
    """
    chosen = tuple(map(int, blocks))
    ordered = all(a < b for a, b in pairwise(chosen))
    if not chosen or not ordered or chosen[0] < 0 or chosen[-1] >= depth:
        raise ConfigError(
            f"blocks is {list(chosen)!r:.80}; numbers from 0 to {depth - 1} in rising order are "
            "due, such as 0,3,6,9."
        )
    return chosen


def evenly(blocks: int, depth: int) -> tuple[int, ...]:
    """The first block of each of so many equal parts of a depth: 3 of 12 are 0, 4, 8.

    Raises: ConfigError where there are not so many
    """
    if not 1 <= blocks <= depth:
        raise ConfigError(f"{blocks} blocks cannot be kept of {depth}.")
    return tuple(i * depth // blocks for i in range(blocks))


def with_blocks(a: Architecture, blocks: Sequence[int]) -> Architecture:
    """The architecture of some of a model's blocks, each with the choices that it had.

    Raises: ConfigError for blocks that there are not, and where a decoder reads inside the encoder
    """
    chosen = check_blocks(blocks, a.depth)
    if not a.encoder:
        raise ConfigError("The model has no encoder whose blocks could be left out.")
    if a.decoder is not None and a.decoder.memory is not None:
        raise ConfigError("The decoder reads what one of the encoder's blocks makes, so all stay.")
    if a.decoder is not None and any(isinstance(getattr(a, name), ByBlock) for name in BY_BLOCK):
        raise ConfigError("Blocks of encoder and decoder have choices of their own, so all stay.")
    own: dict[str, Any] = {name: _choices(getattr(a, name), chosen) for name in BY_BLOCK}
    stored = [a.block_map[block] for block in chosen]
    order = {block: number for number, block in enumerate(dict.fromkeys(stored))}
    places = tuple(order[block] for block in stored)
    sharing: Any = a.sharing
    if a.sharing not in ("none", "all"):
        # A shared block is stored under the first place that it has.
        sharing = tuple(places.index(place) for place in places)
        sharing = "none" if sharing == tuple(range(len(places))) else sharing
    return replace(a, depth=len(chosen), sharing=sharing, **own)


def _choices(choice: Any, blocks: Sequence[int]) -> Any:
    if not isinstance(choice, ByBlock):
        return choice
    values = [choice.of(block) for block in blocks]
    if all(value == values[0] for value in values):
        return values[0]
    return ByBlock(tuple(enumerate(values)), choice.rest)
