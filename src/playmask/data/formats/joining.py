"""How the tokens of files join: what stands between them in the text that they are of."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Join = Literal["script", "nothing", "space"]

SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "THAI", "LAO")
"""How the names of characters begin in Unicode whose scripts put no spaces between words."""

SEVERAL = re.compile(r"[^\W_]{2}")  # letters or digits beside each other
ERRORS = 0.1  # of the tokens of other letters, those of several in a file of characters, at most
PUNCTUATION = frozenset("，。、；：？！“”‘’（）《》〈〉【】「」『』〔〕…—～·￥")


@lru_cache(maxsize=1 << 16)
def is_spaceless(character: str) -> bool:
    """Whether a character is of a script that puts no spaces between words, such as Chinese."""
    return character in PUNCTUATION or unicodedata.name(character, "").startswith(SPACELESS)


class Joining(NamedTuple):
    """What stands between two tokens that come one after another."""

    between: Callable[[str, str], str]

    def text_of(self, tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
        """The text of some tokens, and where each of them stands in it."""
        parts: list[str] = []
        places: list[tuple[int, int]] = []
        end, before = 0, ""
        for token in tokens:
            gap = self.between(before, token) if before and token else ""
            start = end + len(gap)
            end = start + len(token)
            parts += (gap, token)
            places.append((start, end))
            before = token
        return "".join(parts), places


def by_script(one: str, other: str) -> str:
    """A space, unless one of two tokens ends or begins with a character of Chinese, or is space."""
    last, first = one[-1], other[0]
    bare = is_spaceless(last) or is_spaceless(first) or last.isspace() or first.isspace()
    return "" if bare else " "


def joining_of(tokens: Iterable[str], join: Join = "script") -> Joining:
    """How the tokens of a file join.

    join: "nothing", "space", or "script": nothing where tokens are characters, which is so where
    some are white space or Chinese, and hardly one has several other letters; else a space between
    tokens neither of which is Chinese where they meet
    """
    if join == "script" and not _are_characters(tokens):
        return Joining(by_script)
    return Joining(lambda one, other: " " if join == "space" else "")


def _are_characters(tokens: Iterable[str]) -> bool:
    """Whether tokens are characters; a few that are several count as errors of the file."""
    spaceless = spaces = several = single = 0
    for token in tokens:
        if any(map(is_spaceless, token)):
            spaceless += 1
        elif token.isspace():
            spaces += 1
        elif SEVERAL.search(token):
            several += 1
        elif token.isalnum():
            single += 1
    return bool(spaceless or spaces) and several <= ERRORS * (several + single)
