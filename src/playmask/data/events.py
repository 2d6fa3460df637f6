"""Texts with events: what they are, and the files that hold them.

An event has a type, and parts of the text that play roles in it, its trigger among them. DuEE 1.0,
FewFC, brat's files and playmask's own JSON are read.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from playmask.data.columns import Columns
from playmask.data.examples import Examples
from playmask.data.formats.brat import SUFFIX as BRAT
from playmask.data.formats.brat import Document, event_parts, is_brat, read_brat
from playmask.data.gathering import (
    OBJECTS,
    BadExample,
    check_labels,
    field,
    filled,
    gather,
    suffix_of,
    unknown_format,
)
from playmask.data.json_objects import objects_of
from playmask.data.offsets import Place, check_place, check_text, places_of

TRIGGER = "trigger"  # the role of the words that tell of the event


class Part(NamedTuple):
    """The characters start … end - 1 of a text, and their role; aliases: what else would be right.

    No part holds its score: it is the event's.
    """

    start: int
    end: int
    role: str
    aliases: tuple[str, ...] = ()


class Event(NamedTuple):
    """What happens, and who takes part in it; score: how sure that is."""

    type: str
    parts: tuple[Part, ...]
    score: float = 1.0


class _Report(NamedTuple):
    text: str
    events: tuple[Event, ...]
    id: str


class Report(_Report):
    """A text and its events, in order, each once; id: how a competition calls it.

    Raises: DataError for an empty text, an event without parts, or a part that is not in the text
    """

    __slots__ = ()

    def __new__(cls, text: str, events: Iterable[Event] = (), id: str = "") -> Self:
        """Put the events and their parts in order."""
        filled(text)
        held = {*events}
        for event in held:
            if not event.type or not event.parts:
                raise BadExample(f"An event {event.type!r} has {len(event.parts)} parts.")
            for part in event.parts:
                check_place(text, part.start, part.end)
        ordered = {event._replace(parts=tuple(sorted({*event.parts}))) for event in held}
        return super().__new__(cls, text, tuple(sorted(ordered)), id)


def label_of(type_: str, role: str) -> str:
    """What a part is: a role in events of a type, as "type@role"."""
    return f"{type_}@{role}"


def labels_of(report: Report) -> Iterator[str]:
    """The label of each part of each event."""
    return (label_of(event.type, part.role) for event in report.events for part in event.parts)


def joined(label: str) -> tuple[str, str]:
    """The type and the role of a label."""
    type_, _, role = label.rpartition("@")
    return type_, role


def read_events(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    columns: Columns = None,
    skip_bad: bool = False,
) -> Examples[Report]:
    """Read texts with events from .json or .jsonl, `.gz` may follow, or of brat's .ann and .txt.

    On each line an object: DuEE's with `text` and `event_list`, FewFC's with `content` and `events`
    of `mentions`, or playmask's own with `text` and `events` of `parts`, which have `start`, `end`
    (behind the last character) and `role`; parts without a place are located by all their matches.
    A folder of brat's files is one data set.
    labels: those allowed, as "type@role"; skip_bad: leave bad texts out and list them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    if is_brat(path):
        item = partial(_of_brat, labels)
        return read_brat(path, "E", item, _whole_of_brat, skip_bad=skip_bad)
    if suffix_of(path) not in OBJECTS:
        raise unknown_format(path, (*OBJECTS, BRAT))
    reports = objects_of(path, _of_object, columns)
    checked = ((number, lambda make=make: check_events(make(), labels)) for number, make in reports)
    return gather(path, checked, skip_bad=skip_bad)


def check_events(report: Report, labels: Collection[str] | None) -> Report:
    """See that the parts have roles that are known, as "type@role"; None = any."""
    check_labels(labels_of(report), labels, "role")
    return report


def _of_brat(labels: Collection[str] | None, document: Document, line: str) -> Event:
    type_, trigger, arguments = event_parts(line)
    parts = [Part(*document.place(name), role) for role, name in arguments]
    event = Event(type_, (Part(*document.place(trigger), TRIGGER), *parts))
    check_labels((label_of(type_, part.role) for part in event.parts), labels, "role")
    return event


def _whole_of_brat(document: Document, events: Sequence[Event]) -> Report:
    return Report(document.text, events, document.name)


def _of_object(fields: dict[str, Any]) -> Report:
    text = field(fields, ("text", "content"))
    name = next((name for name in ("event_list", "events") if name in fields), None)
    listed = fields.get(name or "")
    if not isinstance(listed, list):
        raise BadExample(
            f"It has {sorted(fields)!s:.200}; `event_list` or `events` is due, perhaps []."
        )
    read = _of_duee if name == "event_list" else _of_places
    return Report(text, tuple(read(text, item) for item in listed), str(fields.get("id", "")))


def _of_duee(text: str, item: Any) -> Event:
    """{event_type, trigger, trigger_start_index, arguments: [{argument, role, …}]}."""
    type_, arguments = _event(item, ("event_type",), ("arguments",))
    parts = []
    for each in arguments:
        role, aliases = field(each, ("role",), "An argument"), _aliases(each.get("alias"))
        for start, end in _located(text, each, "argument", "argument_start_index"):
            parts.append(Part(start, end, role, aliases))
    if item.get("trigger"):
        for start, end in _located(text, item, "trigger", "trigger_start_index"):
            parts.append(Part(start, end, TRIGGER))
    return Event(type_, tuple(parts))


def _aliases(stated: Any) -> tuple[str, ...]:
    """What else would be right: a list of names, or one name."""
    listed = [stated] if isinstance(stated, str) else stated or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise BadExample(f"The `alias` of an argument is {stated!r:.60}; a list of names is due.")
    return tuple(filter(None, listed))


def _located(text: str, item: Mapping[str, Any], name: str, index: str) -> list[Place]:
    """Where something stands: at the index that is given, else wherever its text is."""
    stated, start = field(item, (name,), "An event"), item.get(index)
    if start is None or (type(start) is int and start < 0):
        return places_of(text, stated)
    if type(start) is not int:
        raise BadExample(f"The `{index}` of {stated!r:.40} is {start!r:.40}; a number is due.")
    check_text(text, start, start + len(stated), stated)
    return [(start, start + len(stated))]


def _of_places(text: str, item: Any) -> Event:
    """{type, mentions: [{word, span, role}]}, or {type, parts: [{start, end, text, role}]}."""
    type_, listed = _event(item, ("type",), ("mentions", "parts"))
    parts = []
    for each in listed:
        start, end = _ends(each)
        if type(start) is not int or type(end) is not int:
            raise BadExample(f"A part goes from {start!r} to {end!r}; whole numbers are due.")
        stated = each.get("word", each.get("text"))
        if isinstance(stated, str):
            check_text(text, start, end, stated)
        parts.append(Part(start, end, field(each, ("role",), "A part")))
    return Event(type_, tuple(parts))


def _ends(part: Mapping[str, Any]) -> tuple[Any, Any]:
    """Where a part starts and ends, as its `span` says, or its `start` and `end`."""
    span = part.get("span")
    if span is None:
        return part.get("start"), part.get("end")
    if not isinstance(span, list) or len(span) != 2:
        raise BadExample(f"The `span` of a part is {span!r:.60}; [start, end] is due.")
    return span[0], span[1]


def _event(item: Any, types: tuple[str, ...], lists: tuple[str, ...]) -> tuple[str, list[Any]]:
    """An event's type and the list of its parts."""
    if not isinstance(item, Mapping):
        raise BadExample(f"An event is {item!r:.60}, not an object.")
    listed = next((item[name] for name in lists if name in item), None)
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise BadExample(f"An event has {listed!r:.60} as `{' or '.join(lists)}`, not objects.")
    return field(item, types, "An event"), listed
