"""Gathering the examples of a file, each checked; bad ones are an error or left out and listed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from playmask.data.examples import Examples
from playmask.data.lines import numbered, read_lines
from playmask.errors import DataError, InputError, PlaymaskError

T = TypeVar("T")
Numbered = Iterable[tuple[int | str, Callable[[], T]]]
"""What makes each example of a file, with the line where it begins, or the name it has there."""

OBJECTS = (".json", ".jsonl", ".ndjson")


class Identified(NamedTuple):
    """A text, and how a competition calls it."""

    text: str
    id: str = ""


class BadExample(Exception):
    """The reason why one example cannot be used; line: where it is, if not where that begins."""

    line: int | None = None


@contextmanager
def on_line(number: int) -> Iterator[None]:
    """Name the line of what is bad inside."""
    try:
        yield
    except BadExample as error:
        error.line = number
        raise


def gather(path: Path, made: Numbered[T], *, skip_bad: bool) -> Examples[T]:
    """Make all examples of a file; a bad one is an error, or left out and listed in `.skipped`.

    Raises: DataError naming file and line, also where no good example is left
    """
    examples: Examples[T] = Examples()
    for number, make in made:
        try:
            examples.append(_made(make))
            examples.places.append(number)
        except BadExample as error:
            reason = f"{path}:{error.line or number}: {error}"
            if not skip_bad:
                raise DataError(reason) from None
            examples.skipped.append(reason)
    if not examples:
        skipped = examples.skipped
        first = f" (of {len(skipped)} bad ones the first: {skipped[0]})" if skipped else ""
        raise DataError(f"{path}: There is no usable text{first}.")
    return examples


def _made(make: Callable[[], T]) -> T:
    """Make an example; what no check foresaw is bad too."""
    try:
        return make()
    except PlaymaskError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        reason = f"It is not of the form that is due ({type(error).__name__}: {error})."
        raise BadExample(reason) from error


def refuse_columns(path: Path, columns: Any) -> None:
    """Say that a file is no table."""
    if columns is not None:
        raise InputError(f"{path}: columns= is for a .csv.")


def suffix_of(path: Path) -> str:
    """What names a file's format: its suffix, that before a `.gz`."""
    name = path.stem if path.suffix.lower() == ".gz" else path.name
    return Path(name).suffix.lower()


def unknown_format(path: Path, known: Iterable[str]) -> DataError:
    """The error for a suffix that names no format, unless the file is missing or a folder."""
    next(read_lines(path), None)
    suffix = suffix_of(path)
    names = ", ".join(known)
    return DataError(f"{path}: The format {suffix!r} is unknown; known are {names} (+ .gz).")


def lines_of(path: Path, *, ends: bool = False) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file of UTF-8; ends: with their ends."""

    def report(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    return numbered(read_lines(path), report, ends=ends)


def objects_of(path: Path, make: Callable[[dict[str, Any]], T]) -> Numbered[T]:
    """What a function makes of the object on each line of a file of JSON lines."""
    for number, line in lines_of(path):
        yield number, partial(_of_line, line, make)


def _of_line(line: str, make: Callable[[dict[str, Any]], T]) -> T:
    try:
        fields = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadExample(f"The line is not JSON ({error}).") from None
    if not isinstance(fields, dict):
        raise BadExample(f"The line is {line!r:.60}; an object is due.")
    return make(fields)


def read_texts(path: Path, *, skip_bad: bool = False) -> Examples[Identified]:
    """Read the texts of a competition, `text` or `content`, and their `id`, from JSON lines."""

    def of(fields: dict[str, Any]) -> Identified:
        return Identified(field(fields, ("text", "content")), str(fields.get("id", "")))

    return gather(path, objects_of(path, of), skip_bad=skip_bad)


def field(fields: Mapping[str, Any], names: Iterable[str], of: str = "The object") -> str:
    """The text that an object has under the first of some names."""
    value = next((fields[name] for name in names if name in fields), None)
    if not isinstance(value, str) or not value.strip():
        raise BadExample(f"{of} has {value!r:.60} as `{' or '.join(names)}`; a text is due.")
    return value
