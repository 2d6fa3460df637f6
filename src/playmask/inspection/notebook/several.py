"""Any value that has a picture, and lists and dicts of such values."""

from collections.abc import Mapping, Sequence
from typing import Any

from playmask.errors import InputError
from playmask.inspection.notebook.answers import record, records
from playmask.inspection.notebook.fragments import Fragment, Html, beginning, joined, whole
from playmask.inspection.notebook.renderers import RENDERERS, renderer

MOST, DEEP = 20, 3  # values of a list, lists inside each other


def draw(value: Any) -> Html:
    """Draw a value with its styles; raises InputError for a type that nothing draws."""
    fragments, more = _fragments(value, DEEP)
    return whole(fragments, more)


def _fragments(value: Any, deep: int) -> tuple[list[Fragment], Html]:
    """What a value is drawn as, and a line that counts what is left out."""
    if make := renderer(type(value)):
        return [make(value)], Html("")
    if deep and isinstance(value, Mapping):
        value = [*value.values()]
    if not deep or isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InputError(f"A value of the type {type(value).__name__} came; {_known()} are drawn.")
    if value and {renderer(type(each)) for each in value} == {record}:
        return [records(value)], Html("")
    first, more = beginning(value, MOST, "values")
    inner = [_fragments(each, deep - 1) for each in first]
    fragments = [fragment for fragments, _ in inner for fragment in fragments]
    return fragments, joined([*(line for _, line in inner), more])


def _known() -> str:
    """The types that are drawn, in words."""
    return ", ".join(dict.fromkeys(name.partition(":")[2] for name in RENDERERS))
