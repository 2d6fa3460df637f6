"""Tokenization algorithms (WordPiece, BPE, SentencePiece): what sets each apart, as data."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from playmask.files import JsonObject
from playmask.tokenizers.added_tokens import AddedToken
from playmask.tokenizers.encoding import TokenizedText

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
        present = all(find(token) is not None for token in there)
        return present and all(find(token) is None for token in self.lacks)


def _unchanged(model: JsonObject, *_: Any) -> JsonObject:
    return model


def _nothing(*_: Any) -> Iterable[int]:
    return ()


class TokenizerEngine(Protocol):
    """What computes ids and offsets behind a `Tokenizer`.

    notes:      our entry in the model of tokenizer.json
    vocabulary: the tokens in the order of their ids
    added:      the tokens that were added to them
    outside:    the ids of those that the vocabulary's own file lacks
    hidden:     the ids that stand for no text
    textual:    those special ones that stand for some nevertheless
    required:   the ids without which it cannot encode every text
    """

    notes: JsonObject
    vocabulary: tuple[str, ...]
    added: tuple[AddedToken, ...]
    outside: frozenset[int]
    hidden: frozenset[int]
    textual: frozenset[int]
    required: frozenset[int]

    def find(self, token: str) -> int | None:
        """Look up the id of a token; None if it is not in the vocabulary."""

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenise texts, several of them on all cores."""

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text."""

    def content(self) -> JsonObject:
        """Describe it as tokenizer.json does, without what surrounds texts."""

    def keep(self, ids: list[int]) -> JsonObject:
        """Describe it with only these ids, in this order."""

    def support(self, ids: set[int]) -> set[int]:
        """Return the ids that must stay too, so that these tokens are still reached."""


@dataclass(frozen=True)
class Algorithm:
    """A tokenization algorithm, and the files and special tokens that come with it.

    name:     what it is called
    claims:   whether the content of a tokenizer.json is of this algorithm
    styles:   the families of models that use it; the first that fits, else the last
    engine:   the engine, made from the content and the algorithm
    files:    the original program's files, name -> content, from the content of tokenizer.json
    join:     the text that tokens make, special tokens left out; some are texts as they are
    stem:     the piece of text a token stands for, without its continuation mark
    add:      the model with rows for added tokens, some of its own concealed from texts
    keep:     the model with only these ids, in this order
    required: the ids of the model without which some texts cannot be encoded
    support:  the ids that the model needs to come to some tokens, besides themselves
    space:    the mark that stands for a space at the start of a token
    decoder:  the `decoder` entry of tokenizer.json, for other programs
    words:    whether texts may be cut into words first
    """

    name: str
    claims: Callable[[JsonObject], bool]
    styles: tuple[Style, ...]
    engine: Callable[[JsonObject, "Algorithm"], TokenizerEngine]
    files: Callable[[JsonObject], dict[str, bytes]]
    join: Callable[[list[str], Collection[str]], str]
    stem: Callable[[str], str]
    add: Callable[[JsonObject, Iterable[AddedToken], Collection[str]], JsonObject] = _unchanged
    keep: Callable[[JsonObject, list[int]], JsonObject] = _unchanged
    required: Callable[[JsonObject], Iterable[int]] = _nothing
    support: Callable[[JsonObject, set[int]], Iterable[int]] = _nothing
    space: str = ""
    decoder: JsonObject = field(default_factory=dict)
    words: bool = False
