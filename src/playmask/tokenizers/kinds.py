"""What one kind of tokenizer knows that the others do not; the surface is shared."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ROLES = ("pad", "unk", "cls", "sep", "mask")
Roles = tuple[str, ...]


class Style(NamedTuple):
    """The special tokens of one family of models, known by the tokens that its vocabulary has.

    special: role -> token
    needed:  the roles without which it is not this style, and cannot encode
    frame:   the roles before the text, between it and a pair, and at the end
    second:  the segment of the pair
    has:     further tokens by which it is known
    lacks:   tokens that it may not have
    """

    special: dict[str, str]
    needed: Roles = ()
    frame: tuple[Roles, Roles, Roles] = ((), (), ())
    second: int = 1
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def fits(self, find: Callable[[str], int | None]) -> bool:
        """Tell whether a vocabulary is of this style."""
        there = [*(self.special[role] for role in self.needed), *self.has]
        found = all(find(token) is not None for token in there)
        return found and all(find(token) is None for token in self.lacks)


def _nothing(*_: Any) -> Iterable[int]:
    return ()


@dataclass(frozen=True)
class Kind:
    """One kind of tokenizer.

    name:     what it is called
    claims:   whether the content of a tokenizer.json is of this kind
    styles:   the families of models that use it; the first that fits, else the last
    engine:   the engine, made from the content and the kind
    files:    the original program's files, name -> content, from the content of tokenizer.json
    join:     the text that tokens make, special tokens left out
    stem:     the piece of text a token stands for, without its continuation mark
    add:      the model with further tokens, token -> id, some of which no text may reach
    keep:     the model with only these ids, in this order
    required: the ids of the model without which some texts cannot be encoded
    support:  the ids that the model needs to come to some tokens, besides themselves
    space:    the mark that stands for a space at the start of a token
    decoder:  the `decoder` entry of tokenizer.json, for other programs
    words:    whether texts may be cut into words first
    """

    name: str
    claims: Callable[[dict], bool]
    styles: tuple[Style, ...]
    engine: Callable[[dict, "Kind"], Any]
    files: Callable[[dict], dict[str, bytes]]
    join: Callable[[list[str]], str]
    stem: Callable[[str], str]
    add: Callable[[dict, dict[str, int], Collection[str]], dict] = lambda model, tokens, hidden: (
        model
    )
    keep: Callable[[dict, list[int]], dict] = lambda model, ids: model
    required: Callable[[dict], Iterable[int]] = _nothing
    support: Callable[[dict, set[int]], Iterable[int]] = _nothing
    space: str = ""
    decoder: dict = field(default_factory=dict)
    words: bool = False
