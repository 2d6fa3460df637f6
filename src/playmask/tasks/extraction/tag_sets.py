"""The tags of a tagger: their order, what each marks, and those of a mention of some tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from playmask.data.formats.tag_columns import LETTERS, WORD
from playmask.errors import ConfigError, brief

SCHEMES = {
    "bio": ("B", "I", "I", "B"),
    "bmes": ("B", "M", "E", "S"),
    "bioes": ("B", "I", "E", "S"),
    "bilou": ("B", "I", "L", "U"),
    "io": ("I", "I", "I", "I"),
}
"""The letters of a mention's first, inner and last token, and of one that is its only token."""

MARK = re.compile(rf"([{LETTERS}])(?:[-_](.+))?")
FRAME = re.compile(r"O|\[\w+\]|<\w+>")
NOTHING = re.compile(rf"{FRAME.pattern}|X|PAD|NONE")
"""Tags of what is in no mention: among all tags, and among those with letters."""


class Mark(NamedTuple):
    """What a tag says: the letter of its place in a mention ("O": it is in none), and the label."""

    letter: str
    label: str = ""


@dataclass(frozen=True)
class TagSet:
    """Tags in the order of their logits, and what each marks."""

    tags: tuple[str, ...]
    marks: tuple[Mark, ...]
    scheme: str

    @cached_property
    def numbers(self) -> dict[Mark, int]:
        """The number of each mark; of several tags that mark nothing, the first's."""
        return {mark: i for i, mark in reversed([*enumerate(self.marks)])}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of their first tags."""
        return tuple(dict.fromkeys(mark.label for mark in self.marks if mark.label))

    @property
    def outside(self) -> int:
        """The number of the tag of no mention; -1, which nothing is learnt of, without one."""
        return self.numbers.get(Mark("O"), -1)

    def of_mention(self, count: int, label: str) -> list[int]:
        """The numbers of the tags of a mention of so many tokens.

        Raises: ConfigError where there is no such tag
        """
        marks = [Mark(letter, label) for letter in letters_of(count, self.scheme)]
        lacking = next((mark for mark in marks if mark not in self.numbers), None)
        if lacking is not None:
            raise ConfigError(
                f"There is no tag {'-'.join(lacking)}, which a mention of {count} tokens has; the "
                f"tags are {brief([*self.tags])}."
            )
        return [self.numbers[mark] for mark in marks]

    def spelled(self, number: int) -> str:
        """A tag as `tags_to_mentions` reads it."""
        letter, label = self.marks[number]
        return f"{letter}-{label}" if label else letter


def tag_set(labels: Sequence[str], scheme: str, tags: Sequence[str] = ()) -> TagSet:
    """The tags of a tagger: as they were published, or O and each letter with each label."""
    if tags:
        return read_tags(tags)
    letters = dict.fromkeys(SCHEMES[scheme])
    marks = [Mark("O"), *(Mark(letter, label) for label in labels for letter in letters)]
    return TagSet(tuple("-".join(filter(None, mark)) for mark in marks), tuple(marks), scheme)


def read_tags(tags: Sequence[str]) -> TagSet:
    """The scheme that published tags are of; those without letters mark runs of their own label.

    Raises: ConfigError for letters that are of no scheme, or where nothing is marked
    """
    matches = {tag: MARK.fullmatch(tag) for tag in tags if not NOTHING.fullmatch(tag)}
    if not all(matches.values()):
        marks = (Mark("O") if FRAME.fullmatch(tag) else Mark("I", tag) for tag in tags)
        return TagSet(tuple(tags), tuple(marks), "io")
    read = {tag: Mark(match[1], match[2] or WORD) for tag, match in matches.items() if match}
    letters = {mark.letter for mark in read.values()}
    schemes = [name for name, every in SCHEMES.items() if letters and letters <= {*every}]
    if not schemes:
        raise ConfigError(
            f"The tags {brief([*tags])} have the letters {brief(sorted(letters))}, which are of "
            f"none of the schemes {', '.join(SCHEMES)}."
        )
    scheme = min(schemes, key=lambda name: len({*SCHEMES[name]}))
    return TagSet(tuple(tags), tuple(read.get(tag, Mark("O")) for tag in tags), scheme)


def letters_of(count: int, scheme: str) -> list[str]:
    """The letters of a mention of so many tokens."""
    first, inner, last, only = SCHEMES[scheme]
    return [only] if count == 1 else [first, *[inner] * (count - 2), last]
