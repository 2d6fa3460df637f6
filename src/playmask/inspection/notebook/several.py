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
    keyed = isinstance(value, Mapping)
    if not deep or isinstance(value, (str, bytes)) or not (keyed or isinstance(value, Sequence)):
        raise InputError(f"A value of the type {type(value).__name__} came; {_known()} are drawn.")
    kinds = {*map(type, value)}
    if not keyed and len(kinds) == 1 and renderer(*kinds) is record:
        return [records(value)], Html("")
    items = [*value.items()] if keyed else [("", each) for each in value]
    first, more = beginning(items, MOST, "values")
    inner = [(key, *_fragments(each, deep - 1)) for key, each in first]
    fragments = [_titled(key, each) for key, several, _ in inner for each in several]
    return fragments, joined([*(line for *_, line in inner), more])


def _titled(key: Any, fragment: Fragment) -> Fragment:
    """A fragment with the key that its value has before its title."""
    return fragment._replace(title=f"{key}: {fragment.title}") if key != "" else fragment


def _known() -> str:
    """The types that are drawn, in words."""
    return ", ".join(dict.fromkeys(name.partition(":")[2] for name in RENDERERS))
