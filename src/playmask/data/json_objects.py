"""Objects of JSON files: one on each line, in an array, or one after another over many lines."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from playmask.data.formats.doccano import of_doccano
from playmask.data.formats.label_studio import of_label_studio
from playmask.data.gathering import BadExample, Numbered, weighed
from playmask.data.lines import numbered, read_lines, read_whole
from playmask.errors import DataError, InputError

T = TypeVar("T")
Fields = dict[str, Any]
Columns = Sequence[str] | None
Names = Sequence[tuple[str, str]]

EXPORTS: tuple[Callable[[Fields], Fields], ...] = (of_label_studio, of_doccano)
"""What makes plain objects of those that annotation tools write; others stay as they are."""

BEGINS_ARRAY = re.compile(r"\s*\[\s*(\{|\]|$)")
SPACE = re.compile(r"[\s,]*")
DECODER = json.JSONDecoder()


def objects_of(path: Path, make: Callable[[Fields], T], columns: Columns = None) -> Numbered[T]:
    """What a function makes of each object of a file; exports of tools come as plain objects.

    columns: "field=name" for a field that has another name in the file, in its objects or in those
    of their lists
    """
    names = names_of(path, columns)
    for place, value in _values(path):
        yield place, partial(_of_value, value, make, names)


def names_of(path: Path, columns: Columns) -> Names:
    """What the fields of a file's objects are called there; one may have several names, in turn."""
    pairs = [each.partition("=") for each in columns or ()]
    odd = next((field for field, mark, name in pairs if not (field and mark and name)), None)
    if odd is not None:
        raise InputError(
            f"{path}: columns= in order is for tables; the fields of JSON are named as FIELD=NAME, "
            f"such as text=content, not {odd!r}."
        )
    return tuple((field.strip(), name.strip()) for field, _, name in pairs)


def first_object(path: Path) -> Fields:
    """The first object of a file; {} where that cannot be read."""
    value = next((value for _, value in _values(path)), None)
    try:
        value = parsed(value) if isinstance(value, str) else value
    except BadExample:
        return {}
    return value if isinstance(value, dict) else {}


def parsed(line: str) -> Any:
    """The JSON of a line."""
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadExample(
            f"The line is not JSON ({error!s:.200}); each line must hold one object."
        ) from None
    except ValueError as error:  # a number of thousands of digits
        raise BadExample(f"It is not of the form that is due ({error!s:.200}).") from None


def _of_value(value: Any, make: Callable[[Fields], T], names: Names) -> Any:
    if isinstance(value, BadExample):
        raise value
    fields = parsed(value) if isinstance(value, str) else value
    if not isinstance(fields, dict):
        stated = value if isinstance(value, str) else fields
        came = type(fields).__name__
        raise BadExample(f"The line is {stated!r:.60}; an object is due. A {came} came.")
    for export in EXPORTS:
        fields = export(fields)
    lists = any(isinstance(each, list) for each in fields.values())
    odd = next((name for _, name in names if name not in fields and not lists), None)
    if odd is not None:
        raise BadExample(f"The object has {[*fields]!r:.200}; {odd!r} is none of them.")
    fields = _renamed(fields, names) if names else fields
    return weighed(make, fields, fields.get("weight"))


def _renamed(fields: Fields, names: Names) -> Fields:
    """An object with the fields that it, or those in its lists, have by other names."""
    held = {
        key: [_renamed(each, names) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for key, value in fields.items()
    }
    return {**held, **{field: held[name] for field, name in names if name in held}}


def _values(path: Path) -> Iterator[tuple[int | str, Any]]:
    """The lines of a file, or the values of one whose values span lines; reasons of bad lines."""
    bad: list[tuple[int, Any]] = []
    lines = numbered(read_lines(path), lambda i, reason: bad.append((i, BadExample(reason))))
    for count, (number, line) in enumerate(lines):
        if count == 0 and not bad and _spans_lines(line):
            text = read_whole(path).lstrip("\ufeff")
            if BEGINS_ARRAY.match(text):
                yield from _items(path, text)
                return
            if values := _one_after_another(text):
                yield from values
                return
        yield from bad
        bad.clear()
        yield number, line
    yield from bad


def _spans_lines(first: str) -> bool:
    """Whether the first line of a file is the beginning of a value only."""
    if BEGINS_ARRAY.match(first):
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return first.lstrip().startswith("{")
    return False


def _items(path: Path, text: str) -> Iterator[tuple[int | str, Any]]:
    """The items of an array, with the lines where they begin, or their numbers on one line."""
    place, count, line = SPACE.match(text, text.index("[") + 1).end(), 0, 1  # type: ignore[union-attr]
    before, several = 0, "\n" in text.rstrip()
    while place < len(text) and text[place] != "]":
        line, before = line + text.count("\n", before, place), place
        count += 1
        where: int | str = line if several else f"item {count}"
        try:
            value, place = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{where}: The array is not JSON ({error!s:.200}).") from None
        yield where, value
        place = SPACE.match(text, place).end()  # type: ignore[union-attr]
    if place >= len(text):
        raise DataError(f"{path}:{line}: The array has no end; the file seems to be cut off.")
    if text[place + 1 :].strip():
        raise DataError(f"{path}: More follows behind the array; one array is due, or lines.")


def _one_after_another(text: str) -> list[tuple[int, Any]]:
    """Objects that span lines; none where the text is something else."""
    values, place, line, before = [], SPACE.match(text).end(), 1, 0  # type: ignore[union-attr]
    while place < len(text):
        line, before = line + text.count("\n", before, place), place
        try:
            value, place = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return []
        values.append((line, value))
        place = SPACE.match(text, place).end()  # type: ignore[union-attr]
    return values
