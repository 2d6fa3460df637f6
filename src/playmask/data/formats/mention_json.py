"""Mentions in JSON: lists of spans, CLUENER's labels, tokens with tags; what tools export."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from playmask.data.annotated import Annotated, Mention
from playmask.data.columns import NAMES, pick
from playmask.data.formats.joining import Join, joining_of
from playmask.data.formats.tag_columns import TAG, annotated_tokens
from playmask.data.gathering import BadExample, field
from playmask.data.offsets import check_text, places_of

Fields = dict[str, Any]

TEXTS = NAMES["text"]
LISTS = ("mentions", "entities", "spans")
EXPORTED = (*LISTS, "label", "labels", "annotations")
"""Under which names lists of mentions stand, those of doccano and Label Studio among them."""

TOKENS = ("tokens", "words", "text")
TAGS = ("ner_tags", "tags", "labels", "label", "ner", "bio_tags")

KEYS = {
    "label": ("label", "type", "entity_type", "labels", "entity_group"),
    "start": ("start", "start_idx", "start_offset", "begin"),
    "end": ("end", "end_idx", "end_offset"),
    "text": ("text", "mention", "entity", "word", "value"),
}
"""Under which names JSON gives a mention's parts, in half-open character offsets."""


def text_of(fields: Fields, join: Join = "script") -> str:
    """The text of an object, also of one that gives its tokens."""
    tokens = _strings(fields, TOKENS)
    return field(fields, TEXTS) if tokens is None else joining_of(tokens, join).text_of(tokens)[0]


def mentions_of_object(fields: Fields, join: Join = "script") -> Annotated:
    """A text and its mentions, of an object with `mentions`, CLUENER's `label`, or tagged tokens.

    join: how tokens join, see `joining_of`
    """
    tokens = _strings(fields, TOKENS)
    if tokens is not None:
        return _of_tokens(fields, tokens, join)
    text = pick(fields, TEXTS)
    if not isinstance(text, str):
        raise BadExample(f"The object has {sorted(fields)!s:.200}; one with a `text` is due.")
    labels = fields.get("label")
    if isinstance(labels, dict) and not any(fields.get(name) is not None for name in LISTS):
        return Annotated(text, _of_cluener(text, labels))
    name = next((name for name in EXPORTED if fields.get(name) is not None), None)
    if name is None:
        raise BadExample(
            f"Of {', '.join(LISTS)} there is none; an empty list says that nothing is."
        )
    if not isinstance(fields[name], list):
        raise BadExample(f"`{name}` is {fields[name]!r:.60}; a list of mentions is due.")
    items = (each for item in fields[name] for each in _of_one_label(item))
    return Annotated(text, map(partial(mention_of_item, text), items))


def _strings(fields: Fields, names: Sequence[str]) -> list[str] | None:
    """The first list of strings under some names."""
    lists = (fields[name] for name in names if isinstance(fields.get(name), list))
    return next((each for each in lists if all(isinstance(x, str) for x in each)), None)


def _of_tokens(fields: Fields, tokens: list[str], join: Join) -> Annotated:
    """Hugging Face's: {tokens: […], ner_tags: […]}."""
    tags = next((fields[name] for name in TAGS if isinstance(fields.get(name), list)), None)
    if tags is None:
        raise BadExample(f"The object has tokens, but no list of tags: {', '.join(TAGS)}.")
    if len(tags) != len(tokens):
        raise BadExample(f"There are {len(tokens)} tokens and {len(tags)} tags.")
    if tags and all(type(tag) is int for tag in tags):
        raise BadExample(
            "The tags are numbers, and no names are in the file; export the names: "
            'features["ner_tags"].feature.int2str(tags).'
        )
    odd = next((tag for tag in tags if not isinstance(tag, str) or not TAG.fullmatch(tag)), None)
    if odd is not None:
        raise BadExample(f"A tag is {odd!r:.60}; one such as B-PER, I-PER or O is due.")
    return annotated_tokens(tokens, tags, joining_of(tokens, join))


def _of_one_label(item: Any) -> Iterator[Any]:
    """A mention once for each of its labels, where it has a list of them (Label Studio)."""
    labels = item.get("labels") if isinstance(item, dict) else None
    if not isinstance(labels, list):
        yield item
        return
    for label in labels:
        yield {**item, "labels": label}


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
        raise BadExample(
            f"A mention goes from {start!r:.40} to {end!r:.40}; whole numbers are due."
        )
    if isinstance(stated, str):
        check_text(text, start, end, stated)
    if not isinstance(label, str):
        stands = any(name in item for name in KEYS["label"])
        what = f"{label!r:.60}" if stands else "missing"
        raise BadExample(f"The label of a mention ({start} to {end}) is {what}, not a name.")
    return Mention(start, end, label)


def _of_cluener(text: str, labels: Fields) -> Iterator[Mention]:
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
