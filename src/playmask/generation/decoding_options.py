"""Decoding options: one value that a generation, a stream and a session share."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

from playmask.errors import InputError
from playmask.generation.constraints import Constraint
from playmask.generation.search import Greedy, Search

if TYPE_CHECKING:
    from playmask.generation.steering import Steering


class LoopOptions(NamedTuple):
    """What a loop is made for; equal ones are the same program.

    steps: how many tokens there is room for
    """

    search: Search
    constraints: tuple[Constraint, ...]
    steps: int
    steer: "Steering | None" = None


@dataclass(frozen=True)
class DecodingOptions:
    """Lengths, search, end tokens, constraints and steering of a decoding; as of `generate`.

    Units:   max_tokens and min_tokens in new tokens, the end among them
    Raises:  InputError for a max_tokens below 1, or a min_tokens outside 0 to max_tokens
    """

    max_tokens: int
    min_tokens: int = 0
    search: Search = field(default_factory=Greedy)
    end: int | Sequence[int] | str | None = "sep"
    constrain: Constraint | Sequence[Constraint] = ()
    steer: "Steering | None" = None

    def __post_init__(self) -> None:
        most, least = self.max_tokens, self.min_tokens
        if type(most) is not int or most < 1:
            raise InputError(f"max_tokens is a whole number from 1, not {most!r}.")
        if type(least) is not int or not 0 <= least <= most:
            raise InputError(f"min_tokens is from 0 to max_tokens, {most}; not {least!r}.")

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The constraints, in the order in which they are applied."""
        if isinstance(self.constrain, Constraint):
            return (self.constrain,)
        return tuple(self.constrain)

    def take(self, rows: Sequence[int], count: int) -> Self:
        """The same for some rows of `count` prompts, where constraints differ by prompt."""
        return replace(self, constrain=[one.take(rows, count) for one in self.constraints])
