"""Texts with relations: what they are, and the files that hold them.

A relation joins a subject and an object, both places in the text; an object may have several slots,
such as who played (饰演) which role in which film. DuIE, WebNLG's triples, CoNLL04's columns, files
of brat and playmask's own JSON are read.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby, islice, product
from pathlib import Path
from typing import Any, NamedTuple, Self

from playmask.data.columns import Columns
from playmask.data.examples import Examples
from playmask.data.formats.brat import SUFFIX as BRAT
from playmask.data.formats.brat import Document, is_brat, read_brat, relation_ends
from playmask.data.formats.joining import joining_of
from playmask.data.formats.tag_columns import TAG, begins_document, tags_to_mentions
from playmask.data.gathering import (
    OBJECTS,
    BadExample,
    Numbered,
    check_labels,
    field,
    filled,
    gather,
    lines_of,
    on_line,
    suffix_of,
    unknown_format,
)
from playmask.data.json_objects import objects_of
from playmask.data.offsets import Place, check_place, check_text, places_of
from playmask.errors import InputError
from playmask.metrics.relations import Triple

MOST = 1 << 16  # relations of a text
VALUE = "@value"  # the name of an object's main slot, as in DuIE


class Slot(NamedTuple):
    """A part of an object: the characters start … end - 1 of a text."""

    name: str
    start: int
    end: int


class Relation(NamedTuple):
    """Who (subject) stands in which relation to what; score: how sure that is."""

    subject: Place
    predicate: str
    object: tuple[Slot, ...]
    score: float = 1.0


class _Related(NamedTuple):
    text: str
    relations: tuple[Relation, ...]


class Related(_Related):
    """A text and its relations, in the order of their subjects, each once.

    Raises: DataError for an empty text, a relation without object, or one that is not in the text
    """

    __slots__ = ()

    def __new__(cls, text: str, relations: Iterable[Relation] = ()) -> Self:
        """Put the relations in order."""
        filled(text)
        held = {*relations}
        for relation in held:
            if not relation.object:
                raise BadExample(f"A relation {relation.predicate!r} has no object.")
            for start, end in (relation.subject, *(slot[1:] for slot in relation.object)):
                check_place(text, start, end)
        return super().__new__(cls, text, tuple(sorted(held)))


def triple_of(text: str, relation: Relation) -> Triple:
    """A relation in words, as the competitions compare them."""
    slots = {slot.name: text[slot.start : slot.end] for slot in relation.object}
    return Triple(text[slice(*relation.subject)], relation.predicate, slots)


def label_of(predicate: str, slot: str) -> str:
    """What joins a subject with one slot: the predicate, with "@slot" where it is not the main one.

    Complex objects are learnt slot by slot, as in the baseline of DuIE.
    """
    return predicate if slot == VALUE else f"{predicate}@{slot}"


def labels_of(relation: Relation) -> Iterator[str]:
    """The label of each of its slots."""
    return (label_of(relation.predicate, slot.name) for slot in relation.object)


def joined(label: str) -> tuple[str, str]:
    """The predicate and the slot of a label."""
    predicate, _, slot = label.partition("@")
    return predicate, slot or VALUE


def read_relations(
    path: str | Path,
    *,
    labels: Collection[str] | None = None,
    columns: Columns = None,
    skip_bad: bool = False,
) -> Examples[Related]:
    """Read texts with relations; the suffix names the format, and `.gz` may follow it.

    .json, .jsonl: on each line an object with `text` and DuIE's `spo_list`, WebNLG's
    `triple_list`, or `relations`, whose subjects and slots have `start` and `end` (behind the
    last character); where there are no places, names are located by all their matches, an
    object's further slots by the one nearest to its value.
    .txt: CoNLL04's, `#doc` before each text, then lines of number, token, tag, relations and
    their other ends. .ann: brat's, beside its .txt; a folder of both is one data set.
    labels: those allowed, a slot's as "predicate@slot"; skip_bad: leave bad texts out and list
    them in `.skipped`
    Raises: DataError naming file and line, also where no good text is left
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix not in OBJECTS and columns is not None:
        raise InputError(f"{path}: columns= is for JSON.")
    if is_brat(path):
        item = partial(_of_brat, labels)
        return read_brat(path, "R", item, _whole_of_brat, skip_bad=skip_bad)
    examples: Numbered[Related]
    if suffix in OBJECTS:
        examples = objects_of(path, _of_object, columns)
    elif suffix == ".txt":
        examples = _documents(path)
    else:
        raise unknown_format(path, (*OBJECTS, ".txt", BRAT))
    checked = (
        (number, lambda make=make: check_relations(make(), labels)) for number, make in examples
    )
    return gather(path, checked, skip_bad=skip_bad)


def check_relations(example: Related, labels: Collection[str] | None) -> Related:
    """See that the relations have labels that are known; None = any."""
    names = (label for relation in example.relations for label in labels_of(relation))
    check_labels(names, labels, "relation")
    return example


# Objects


def _of_object(fields: dict[str, Any]) -> Related:
    text = field(fields, ("text",))
    for name, read in LISTS.items():
        if isinstance(listed := fields.get(name), list):
            every = chain.from_iterable(read(text, item) for item in listed)
            relations = tuple(islice(every, MOST + 1))
            if len(relations) > MOST:
                raise BadExample(
                    f"Names that stand often in the text make more than {MOST:,} relations; state "
                    "their places."
                )
            return Related(text, relations)
    if "prompt" in fields:
        raise BadExample(
            "UIE's prompts are read as mentions; export relations from the tool itself."
        )
    raise BadExample(
        f"It has {sorted(fields)!s:.200}; of {', '.join(LISTS)} one is due, perhaps empty."
    )


def _of_spo(text: str, item: Any) -> Iterable[Relation]:
    """DuIE: {subject, predicate, object: a name (1.0) or {slot: name} (2.0)}."""
    if not isinstance(item, Mapping):
        raise BadExample(f"A triple is {item!r:.60}, not an object with subject and predicate.")
    named = item.get("object")
    named = {VALUE: named} if isinstance(named, str) else named
    if not isinstance(named, Mapping) or not all(isinstance(n, str) for n in named.values()):
        raise BadExample(f"The object of a triple is {named!r:.60}; a name or {{slot: name}}.")
    subject, predicate = (field(item, (key,), "A triple") for key in ("subject", "predicate"))
    return _everywhere(text, subject, predicate, {k: v for k, v in named.items() if v})


def _of_triple(text: str, item: Any) -> Iterable[Relation]:
    """WebNLG: [subject, predicate, object]."""
    if not isinstance(item, list) or [type(each) for each in item] != [str] * 3:
        raise BadExample(f"A triple is {item!r:.60}, not [subject, predicate, object].")
    subject, predicate, thing = item
    return _everywhere(text, subject, predicate, {VALUE: thing})


def _everywhere(
    text: str, subject: str, predicate: str, named: Mapping[str, str]
) -> Iterable[Relation]:
    """A relation of each place of the subject with each of the object's value.

    Further slots are taken from where they stand nearest to the value, since a fact is told at one
    place, and all combinations of names that come often would be millions.
    """
    if not named:
        raise BadExample(f"A relation {predicate!r} has no object.")
    places = {name: places_of(text, each) for name, each in named.items()}
    values = places[VALUE if VALUE in places else next(iter(places))]
    things = [
        tuple(Slot(name, *_nearest_to(value, candidates)) for name, candidates in places.items())
        for value in values
    ]
    for place, thing in product(places_of(text, subject), things):
        yield Relation(place, predicate, thing)


def _nearest_to(value: Place, places: Iterable[Place]) -> Place:
    """Of several places the one that begins nearest to another."""
    return min(places, key=lambda place: abs(place[0] - value[0]))


def _of_places(text: str, item: Any) -> Iterable[Relation]:
    """playmask's own: {subject: {start, end}, predicate, object: {slot: {start, end}}}."""
    if not isinstance(item, Mapping) or not isinstance(item.get("object"), Mapping):
        raise BadExample(f"A relation is {item!r:.60}, without `subject` or `object`.")
    slots = (Slot(name, *_place(text, where)) for name, where in item["object"].items())
    subject = _place(text, item.get("subject"))
    yield Relation(subject, field(item, ("predicate",), "A relation"), tuple(slots))


def _place(text: str, where: Any) -> Place:
    if not isinstance(where, Mapping) or {type(where.get(k)) for k in ("start", "end")} != {int}:
        raise BadExample(f"A place is {where!r:.60}; an object with `start` and `end` is due.")
    if isinstance(stated := where.get("text"), str):
        check_text(text, where["start"], where["end"], stated)
    return where["start"], where["end"]


LISTS = {"relations": _of_places, "spo_list": _of_spo, "triple_list": _of_triple}


# brat


def _of_brat(labels: Collection[str] | None, document: Document, line: str) -> Relation:
    predicate, subject, thing = relation_ends(line)
    check_labels((predicate,), labels, "relation")
    return Relation(document.place(subject), predicate, (Slot(VALUE, *document.place(thing)),))


def _whole_of_brat(document: Document, relations: Sequence[Relation]) -> Related:
    return Related(document.text, relations)


# CoNLL04


def _documents(path: Path) -> Numbered[Related]:
    """The texts between lines `#doc`."""
    count = 0

    def document(line: tuple[int, str]) -> int:
        nonlocal count
        count += begins_document(line[1])
        return count

    for _, group in groupby(lines_of(path), key=document):
        rows = [(number, line.split("\t")) for number, line in group if not begins_document(line)]
        rows = [(number, row) for number, row in rows if row != [""]]
        if rows:
            yield rows[0][0], partial(_of_rows, rows)


def _of_rows(rows: Sequence[tuple[int, list[str]]]) -> Related:
    """Tokens joined by their script; a relation stands at the last tokens of its two ends."""
    joins = []
    for number, row in rows:
        with on_line(number):
            joins.append(_joins(row, len(rows)))
    tokens = [row[1] for _, row in rows]
    text, places = joining_of(tokens).text_of(tokens)
    names: dict[int, Place] = {}
    for first, behind, *_ in tags_to_mentions([row[2] for _, row in rows]):
        names[behind - 1] = (places[first][0], places[behind - 1][1])
    relations = []
    for i, each in enumerate(joins):
        for predicate, other in each:
            if i not in names or other not in names:
                wrong = i if i not in names else other
                raise BadExample(
                    f"{predicate} joins the tokens {i} and {other}, but no mention ends at {wrong}."
                )
            relations.append(Relation(names[i], predicate, (Slot(VALUE, *names[other]),)))
    return Related(text, tuple(relations))


def _joins(row: list[str], count: int) -> list[tuple[str, int]]:
    """Which relations a token has, and with which other ones."""
    try:
        _, _, tag, names, ends = row
        both = [*zip(json.loads(names.replace("'", '"')), json.loads(ends), strict=True)]
    except (ValueError, TypeError, RecursionError):
        raise BadExample(
            f"The line is {' '.join(row)!r:.60}; number, token, tag, [relations] and [tokens] are "
            "due."
        ) from None
    if not TAG.fullmatch(tag):
        raise BadExample(f"The tag is {tag!r:.40}; one such as B-Peop, I-Peop or O is due.")
    for name, end in both:
        if not isinstance(name, str) or type(end) is not int or not 0 <= end < count:
            raise BadExample(f"The line joins the token with {end!r} by {name!r}.")
    return [(name, end) for name, end in both if name != "N"]
