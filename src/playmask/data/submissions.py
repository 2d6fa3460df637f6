"""What competitions take: files of answers in their forms."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from playmask.data.annotated import Mention
from playmask.data.events import TRIGGER, Event
from playmask.data.relations import Relation, triple_of
from playmask.files import write_json, write_lines


def write_answers(path: Path, examples: Sequence[Any], answers: Sequence[Any]) -> None:
    """Write {id: answer}, as DuReader-robust, CMRC 2018 and SQuAD take it."""
    ids = [str(getattr(example, "id", i)) for i, example in enumerate(examples)]
    write_json(path, {name: answer.text for name, answer in zip(ids, answers, strict=True)})


def write_cluener(
    path: Path, examples: Sequence[Any], answers: Sequence[Iterable[Mention]]
) -> None:
    """Write lines of JSON, as CLUENER takes them: ends are the last character's places."""
    lines = []
    for i, (example, mentions) in enumerate(zip(examples, answers, strict=True)):
        labels: dict[str, dict[str, list[list[int]]]] = {}
        for start, end, label, _ in mentions:
            places = labels.setdefault(label, {}).setdefault(example.text[start:end], [])
            places.append([start, end - 1])
        name = _id(i, example)
        lines.append({"id": int(name) if name.isdecimal() else name, "label": labels})
    write_lines(path, lines)


def write_duie(path: Path, examples: Sequence[Any], answers: Sequence[Iterable[Relation]]) -> None:
    """Write lines of JSON, as DuIE 2.0 takes them."""
    both = zip(examples, answers, strict=True)
    write_lines(path, (duie_line(example.text, relations) for example, relations in both))


def duie_line(text: str, relations: Iterable[Relation]) -> dict[str, Any]:
    """A text's relations as DuIE 2.0 takes them, each once."""
    triples = [triple_of(text, relation) for relation in relations]
    return {
        "text": text,
        "spo_list": [
            {"subject": t.subject, "predicate": t.predicate, "object": dict(t.object)}
            for i, t in enumerate(triples)
            if t not in triples[:i]
        ],
    }


def write_duee(path: Path, examples: Sequence[Any], answers: Sequence[Iterable[Event]]) -> None:
    """Write lines of JSON, as DuEE 1.0 takes them."""
    both = enumerate(zip(examples, answers, strict=True))
    write_lines(path, (duee_line(each.text, _id(i, each), events) for i, (each, events) in both))


def duee_line(text: str, name: str, events: Iterable[Event]) -> dict[str, Any]:
    """A text's events as DuEE 1.0 takes them."""
    return {
        "id": name,
        "event_list": [
            {
                "event_type": event.type,
                "arguments": [
                    {"role": part.role, "argument": text[part.start : part.end]}
                    for part in event.parts
                    if part.role != TRIGGER
                ],
            }
            for event in events
        ],
    }


def _id(i: int, example: Any) -> str:
    """The id of an example; those without are counted."""
    return getattr(example, "id", "") or str(i)
