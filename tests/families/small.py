"""Small models of every family, with random weights, as tests/comparing.py has them for BERT."""

from dataclasses import replace
from functools import cache
from typing import Any

from comparing import filled
from playmask.families import FAMILIES
from playmask.model.architecture import Architecture
from playmask.model.masks import Ordered, Window
from playmask.model.parts import ByBlock, Disentangled, Gated, Joined, Learned, Nezha
from playmask.model.transformer import Transformer

VOCABULARY, WIDTH, INNER, POSITIONS = 40, 24, 32, 20
DECODING = [name for name, family in FAMILIES.items() if family.base.decoder is not None]
GENERATING = [name for name, family in FAMILIES.items() if family.base.decoder is None]


def traits(name: str) -> tuple[Any, ...]:
    """What attention knows of a family: it stands for these where it meets a part or an order."""
    base = FAMILIES[name].base
    stacks = base.decoder is not None
    return type(base.position), type(base.projections), base.sharing, stacks, base.order


def small_position(part: Any) -> Any:
    """A position part that the tests' texts reach the end of."""
    if isinstance(part, Joined):
        return Joined(tuple(map(small_position, part.members)))
    if isinstance(part, Learned):
        return replace(part, size=POSITIONS)
    if isinstance(part, Disentangled):
        return replace(part, buckets=4, longest=6)
    return Nezha(clip=3) if part == Nezha() else part


def small(name: str, **changes: Any) -> Architecture:
    """A family's base architecture with small sizes; all that is no size stays as it is."""
    base = FAMILIES[name].base
    sizes: dict[str, Any] = {"vocabulary": VOCABULARY, "width": WIDTH, "depth": 2, "inner": INNER}
    if base.projections == Gated():
        sizes |= {"key_size": 8, "value_size": INNER}
    else:
        sizes["attention_heads"] = 4
        sizes |= {"key_size": 8, "value_size": 8} if base.key_size else {}
    if base.key_value_heads is not None:
        sizes["key_value_heads"] = 2
    if isinstance(base.mask, ByBlock):  # so that the tests' texts reach the window's end
        sizes["mask"] = ByBlock(((0, Ordered()),), Ordered() & Window(3))
    if base.embedding_size is not None:
        sizes["embedding_size"] = 12
    if (position := small_position(base.position)) != base.position:
        sizes["position"] = position
    if base.decoder is not None:
        own = small_position(base.decoder.position)
        depth, memory = (2, None) if base.decoder.memory is None else (1, 1)
        sizes["decoder"] = replace(
            base.decoder, depth=depth, position=own, memory=memory, start=base.decoder.start and 2
        )
    return base.change(**{**sizes, **changes})


@cache
def model_of(name: str, **changes: Any) -> Transformer:
    """A small model of a family with a vocabulary head; made once."""
    return filled(small(name, **changes), ("mlm",))
