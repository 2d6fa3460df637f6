"""What universal extraction is to find, as PaddleNLP writes it: names, and what belongs to each."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from playmask.errors import ConfigError

Language = Literal["zh", "en"]

HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
CHOICES = re.compile(r"(.+?)\s*(\[.*?\])")
OF = "的"
DEEPEST = 32  # names below one another


class Name(NamedTuple):
    """What is to be found, and what is to be found of each span of it."""

    name: str
    children: tuple["Name", ...] = ()

    def prompt(self, subject: str | None, language: Language) -> str:
        """The prompt for it, of a subject where one was found: 勒布朗的出生日期, birthday of James.

        Letters and signs of full width become those of half width, as in PaddleNLP's Taskflow.
        """
        return self._of(subject, language).translate(HALF_WIDTH)

    def _of(self, subject: str | None, language: Language) -> str:
        if subject is None:
            return self.name
        if language == "zh":
            return f"{subject}{OF}{self.name}"
        choices = CHOICES.fullmatch(self.name)
        if choices is None:
            return f"{self.name} of {subject}"
        return f"{choices[1]} of {subject} {choices[2]}"


def names_in(schema: Any) -> tuple[Name, ...]:
    """The names of a schema: a name, a list, or {name: what belongs to it}, nested, also as JSON.

    Raises: ConfigError for anything else
    """
    try:
        names = tuple(_names(_of_json(schema), 1))
    except RecursionError:
        raise ConfigError("The schema is nested too deeply.") from None
    if not names:
        raise ConfigError("The schema is empty; it needs a name at least.")
    return names


def schema_json(schema: Any) -> str:
    """A schema as the text that files keep; "" for none."""
    if schema is None or schema == "":
        return ""
    names_in(schema)  # refuses what is none
    return json.dumps(_of_json(schema), ensure_ascii=False)


def _of_json(schema: Any) -> Any:
    """A schema as a value, where it came as JSON; other texts are names."""
    if not isinstance(schema, str) or schema.lstrip()[:1] not in ("[", "{", '"'):
        return schema
    try:
        return json.loads(schema)
    except ValueError as error:
        raise ConfigError(f"The schema is not JSON ({error!s:.100}): {schema!r:.60}") from None


def _names(schema: Any, depth: int) -> Iterator[Name]:
    if depth > DEEPEST:
        raise ConfigError(f"The schema has more than {DEEPEST} names below one another.")
    if isinstance(schema, str):
        yield Name(_filled(schema))
    elif isinstance(schema, Mapping):
        for name, below in schema.items():
            children = () if below is None else tuple(_names(below, depth + 1))
            yield Name(_filled(name), children)
    elif isinstance(schema, (list, tuple)):
        for each in schema:
            yield from _names(each, depth)
    else:
        raise ConfigError(
            f"A schema holds {schema!r:.60}; a name, a list, or an object of names is due."
        )


def _filled(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"A name of a schema is {name!r:.60}; a text is due.")
    return name
