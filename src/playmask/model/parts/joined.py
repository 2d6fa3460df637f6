"""Several position parts at once."""

from typing import Any

from playmask.errors import ConfigError
from playmask.model.parts.part import Part, adds_to_embedding
from playmask.model.recipes import recipe


@recipe
class Joined(Part):
    """Several position parts at once: their terms add up; one at most adds to the embedding.

    It has no hooks: an architecture reads its members in its place.
    Source: Song et al. 2020 (MPNet: a table of positions and a relative bias)

    Example:
        >>> a = architecture("bert").change(position=Joined((Learned(128), Buckets())))
        >>> a.limit, [type(part).__name__ for part in a.positions]
        (128, ['Learned', 'Buckets'])

    """

    members: tuple[Part, ...]

    def __post_init__(self) -> None:
        wrong = [m for m in self.members if not isinstance(m, Part) or isinstance(m, Joined)]
        if wrong or len(self.members) < 2:
            raise ConfigError(
                "Joined takes two position parts or more, such as (Learned(512), Buckets()), "
                f"not {self.members!r}."
            )
        if sum(map(adds_to_embedding, self.members)) > 1:
            raise ConfigError("Of the parts of Joined one at most can be added to the embedding.")


def members(position: Any) -> tuple[Part, ...]:
    """The parts that a position stands for: none, one, or those of a Joined."""
    if isinstance(position, Joined):
        return position.members
    return () if position is None else (position,)


def table_of(position: Any) -> Part | None:
    """The one of a position's parts that adds to the embedding, where there is one."""
    return next(filter(adds_to_embedding, members(position)), None)
