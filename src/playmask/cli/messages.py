"""What the command line says, in the reader's language, by one catalogue of gettext.

An entry's id is the English text as it stands in the sources, of an f-string with a placeholder
for each value: "saved in {folder}". What is said is looked up once it is whole, where it reaches
a terminal, so that no sentence is made otherwise for the sake of its translation. Of what the
catalogue lacks the English is said. JSON and the cells of tables are never looked up.
"""

import gettext
import os
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, Self

from playmask.errors import ConfigError

VARIABLE = "PLAYMASK_LANG"
LANGUAGES = {"en": None, "zh": "zh_CN"}
"""The folder of each language's catalogue; English needs none."""
LOCALE = Path(__file__).parent / "locale"
CATALOGUE = "messages"
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # in the order that POSIX asks for
PLACEHOLDER = re.compile(r"\{(\w*)\}")
SENTENCES = frozenset(
    "about beside compiling data documents due error first hint language left lines message more "
    "near origin pace reached reason result state text time times values what where".split()
)
"""Placeholders whose values are said by the command line too, and are looked up; all others are
users' own: names, paths, texts."""
CHOICES = frozenset(("choices", "needed"))
"""Placeholders whose values are names that English joins by words."""
JOINTS = (" or ", " and ", " as before ")
FORMS = {
    **dict.fromkeys(
        "batch count done epoch epochs line number rate rows total trial".split(),
        r"[\d.,]+(?:e[-+]?\d+)?",
    ),
    **dict.fromkeys(("compiling", "left", "time"), r"[\d.:]+(?: s)?"),
    "near": r"(?= |\Z).*?",
}
"""What the values of some placeholders look like: numbers, durations, a sentence that follows."""
LEADING = r"(?:(?!: ).)*?"
"""A value that a text begins with: what stands before a colon is where a sentence was said."""
DEEPEST = 6
"""Sentences inside of one another that are looked up; of a text of many colons that is enough."""
REMEMBERED = 1024
"""Texts whose translation is kept: the parts of one come again in the patterns it may be of."""
WRAPPED = "message"
"""A placeholder of a whole sentence, which the entry adds to."""
SURE = 7
"""Words of an id from which on a text is taken for its sentence, whatever its values are."""
PROSE = re.compile(
    r"(?!['\"(\[{]|\S*[/\\])(?:.*;|.*(?<![\w'./-])(?:a|an|the|at|is|are|was|be|has|have|no|not|of|to|for|"
    r"with|which|that|than|there|it|its|such|cannot|does|needs|takes)(?![\w'./=-]))",
    re.DOTALL | re.IGNORECASE,
)
"""What no name is, but a part of a sentence; anything may stand in quotes, and in a path."""


def language() -> str:
    """The language of messages: PLAYMASK_LANG, or the locale's where it is Chinese, or English."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return chosen if chosen in LANGUAGES else "en"
    locale = next(filter(None, map(os.environ.get, LOCALE_VARIABLES)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def check_language() -> None:
    """See that PLAYMASK_LANG, where it is set, names a language that there is.

    Raises: ConfigError
    """
    chosen = os.environ.get(VARIABLE)
    if chosen and chosen not in LANGUAGES:
        due = " or ".join(LANGUAGES)
        raise ConfigError(f"{VARIABLE} is {chosen!r:.40}; {due} is due.")


def translated(text: str, reader: str | None = None) -> str:
    """A text in the reader's language; the same text where the catalogue has no other.

    reader: the name of the language (None = that of the command line)
    """
    folder = LANGUAGES[reader or language()]
    return text if folder is None else catalogue(folder).gettext(text)


@cache
def catalogue(folder: str) -> "Catalogue":
    """The catalogue of a language, read once."""
    return gettext.translation(CATALOGUE, LOCALE, [folder], class_=Catalogue)


class Pattern(NamedTuple):
    """The texts that an id with placeholders stands for, and their translation.

    parts: what stands before, between and behind the placeholders
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    translation: str

    @classmethod
    def of(cls, message: str, translation: str) -> Self:
        """The pattern of an entry."""
        first, *rest = PLACEHOLDER.split(message)
        return cls((*rest[::2],), (first, *rest[1::2]), translation)

    @property
    def literal(self) -> int:
        """How many characters are not those of values: more say more surely what a text is."""
        return sum(map(len, self.parts))

    @property
    def words(self) -> int:
        """How many words are not those of values."""
        return sum(len(re.findall("[A-Za-z]+", part)) for part in self.parts)

    @property
    def is_frame(self) -> bool:
        """Whether there is no word in it, as in "{file}:{line}: {reason}"."""
        return not any(part.strip(" .:;") for part in self.parts)

    def values(self, text: str) -> dict[str, str] | None:
        """The values of the placeholders in a text; None where it is another one."""
        if not all(part in text for part in self.parts):
            return None
        forms = [FORMS.get(name, ".*?") for name in self.names]
        if not self.parts[0] and forms[0] == ".*?" and self.names[0] not in SENTENCES:
            forms[0] = LEADING
        first, *between, last = map(re.escape, self.parts)
        # A value ends where what follows stands first; (?>…): no other place is tried
        ends = [
            f"(?>({form}){part}(?={then}))"
            for form, part, then in zip(forms[:-1], between, forms[1:], strict=True)
        ]
        match = re.fullmatch(f"{first}{''.join(ends)}({forms[-1]}){last}", text, re.DOTALL)
        if match is None:
            return None
        values = dict(zip(self.names, match.groups(), strict=True))
        return None if self.words < SURE and self.takes_prose(values) else values

    def takes_prose(self, values: Mapping[str, str]) -> bool:
        """Whether a value that is to be a name reads as a part of another sentence."""
        own = (value for name, value in values.items() if not (name in SENTENCES or name in FORMS))
        return any(map(PROSE.match, own))

    def filled(self, values: Mapping[str, str]) -> str:
        """The translation with values in place of the placeholders."""
        return PLACEHOLDER.sub(lambda match: values[match[1]], self.translation)


class Catalogue(gettext.GNUTranslations):
    """A catalogue of which texts with values are found too."""

    @cached_property
    def patterns(self) -> list[Pattern]:
        """The entries with placeholders, the most particular ones first."""
        entries: dict[str, str] = vars(self)["_catalog"]  # gettext has no way to list them
        patterns = [Pattern.of(*each) for each in entries.items() if PLACEHOLDER.search(each[0])]
        return sorted(
            patterns, key=lambda each: (WRAPPED not in each.names, -each.literal, -len(each.parts))
        )

    def gettext(self, message: str) -> str:
        """The translation; of a sentence that lost its full stop inside of another one, too."""
        return self._said(message, DEEPEST)

    @cached_property
    def _said(self) -> Callable[[str, int], str]:
        return lru_cache(REMEMBERED)(self._look_up)

    def _look_up(self, message: str, depth: int) -> str:
        texts = ((message, ""), (f"{message}.", "。")) if message and depth else ()
        for find in (self._entry, self._filled):
            for text, stop in texts:
                if (translation := find(text, depth)) is not None:
                    return translation.removesuffix(stop)
        return message

    def _entry(self, text: str, _depth: int) -> str | None:
        translation = super().gettext(text)
        return None if translation == text else translation

    def _filled(self, text: str, depth: int) -> str | None:
        """The translation of a pattern, with the values of a text.

        A frame says nothing by itself: one of its values must have a translation.
        """
        for pattern in self.patterns:
            values = pattern.values(text)
            if values is None:
                continue
            said = {name: self._value(name, value, depth - 1) for name, value in values.items()}
            if said != values or not pattern.is_frame:
                return pattern.filled(said)
        return None

    def _value(self, name: str, value: str, depth: int) -> str:
        """The value of a placeholder as it stands in the translation."""
        if name in CHOICES:
            return re.sub("|".join(JOINTS), lambda joint: self._said(joint[0], 1), value)
        return self._said(value, depth) if name in SENTENCES else value
