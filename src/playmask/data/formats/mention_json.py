"""Mentions in JSON: lists of spans, and CLUENER's labels."""

from collections.abc import Iterator
from typing import Any

from playmask.data.annotated import Annotated, Mention
from playmask.data.gathering import (
    BadExample,
)
from playmask.data.offsets import check_text, places_of

LISTS = ("mentions", "entities", "spans")


KEYS = {
    "label": ("label", "type", "entity_type"),
    "start": ("start", "start_idx", "start_offset", "begin"),
    "end": ("end", "end_idx", "end_offset"),
    "text": ("text", "mention", "entity", "word", "value"),
}
"""Under which names JSON gives a mention's parts, in half-open character offsets."""


def mentions_of_object(fields: dict[str, Any]) -> Annotated:
    """A text and its mentions, of an object with `mentions` or CLUENER's `label`."""
    if not isinstance(fields.get("text"), str):
        raise BadExample(f"The object has {sorted(fields)}; one with a `text` is due.")
    text = fields["text"]
    name = next((name for name in LISTS if fields.get(name) is not None), None)
    if name is not None:
        listed = fields[name]
        if not isinstance(listed, list):
            raise BadExample(f"`{name}` is {listed!r:.60}; a list of mentions is due.")
        return Annotated(text, tuple(mention_of_item(text, item) for item in listed))
    if isinstance(fields.get("label"), dict):
        return Annotated(text, tuple(_of_cluener(text, fields["label"])))
    raise BadExample(f"Of {', '.join(LISTS)} there is none; an empty list says that nothing is.")


def mention_of_item(text: str, item: Any) -> Mention:
    """A mention of an object, or of [start, end, label]."""
    if isinstance(item, list) and len(item) == 3:
        item = dict(zip(("start", "end", "label"), item, strict=True))
    if not isinstance(item, dict):
        raise BadExample(f"A mention is {item!r:.60}, not an object with start, end and label.")
    start, end, label, stated = (
        next((item[name] for name in KEYS[key] if name in item), None)
        for key in ("start", "end", "label", "text")
    )
    if type(start) is not int or type(end) is not int:
        raise BadExample(f"A mention goes from {start!r} to {end!r}; whole numbers are due.")
    if isinstance(stated, str):
        check_text(text, start, end, stated)
    return Mention(start, end, label if isinstance(label, str) else "")


def _of_cluener(text: str, labels: dict[str, Any]) -> Iterator[Mention]:
    """{label: {mention: [[first, last], …]}}: the last character is counted in."""
    for label, mentions in labels.items():
        if not isinstance(mentions, dict) or not all(map(_is_pairs, mentions.values())):
            raise BadExample(
                f"The label {label!r} has {mentions!r:.60}; {{mention: [[first, last], …]}} is due."
            )
        for stated, places in mentions.items():
            for first, last in places:
                _check_inclusive(text, first, last, stated)
                yield Mention(first, last + 1, label)


def _is_pairs(places: Any) -> bool:
    """Whether something is a list of pairs of whole numbers."""
    return isinstance(places, list) and all(
        isinstance(each, list) and [type(end) for end in each] == [int, int] for each in places
    )


def _check_inclusive(text: str, first: int, last: int, stated: str) -> None:
    """See that CLUENER's place of a mention is right, or say which one would be."""
    actual = text[max(first, 0) : last + 1]
    if first >= 0 and actual == stated:
        return
    start, end = min(places_of(text, stated), key=lambda place: abs(place[0] - first))
    raise BadExample(
        f"{stated!r:.40} is said to be at [{first}, {last}], where {actual!r:.40} stands; "
        f"[{start}, {end - 1}] would be right, as CLUENER counts the last character in."
    )
