"""How each kind of task is given the texts of a file, and how its answers are told."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.cli import input_texts
from playmask.cli.input_texts import split
from playmask.data import events, relations
from playmask.data.examples import Examples
from playmask.data.gathering import (
    OBJECTS,
    Identified,
    field,
    gather,
    objects_of,
    read_texts,
    refuse_columns,
    suffix_of,
)
from playmask.data.mentions import COLUMNS
from playmask.data.passages import Asked, read_passages
from playmask.data.readers import FORMATS, NAMES
from playmask.errors import DataError
from playmask.files import write_json, write_lines

DIGITS = 6
TAGGED = {*COLUMNS, ".ann"} - {*FORMATS}
"""The formats of mentions, which hold no texts for prediction."""

Fields = dict[str, Any]


class Telling(NamedTuple):
    """What predicting takes of a kind of task of its own.

    read: the examples of a table (task, path, columns, skip_bad); asked: what the task is given of
    an example; shown, told: what its line of JSON says of an example, and of the answer; hand_in:
    writes examples and answers as a competition wants them
    """

    read: Callable[..., Examples]
    asked: Callable[[Any], Any]
    shown: Callable[[Any], Fields]
    told: Callable[[Any, Any], Fields]
    hand_in: Callable[[Path, Sequence[Any], Sequence[Any]], None] | None = None


def _table(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    labels, pairs = task.settings.get("labels", []), task.settings.get("pairs")
    return input_texts.read_table(path, columns, labels, pairs, skip_bad=skip_bad)


def _sources(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    return input_texts.read_sources(path, columns, skip_bad=skip_bad)


def _questions(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """A competition's file, or a table of questions and passages as `text` and `pair`.

    task: what checks that it can read them, or None where there is none yet
    """
    if suffix_of(path) in OBJECTS:
        held = read_passages(path, located=False, skip_bad=skip_bad)
    else:
        held = input_texts.read_table(path, columns, [], True, skip_bad=skip_bad)
    checks = () if task is None else (task.suitable,)
    return input_texts.rechecked(path, held, *checks, skip_bad=skip_bad)


def _texts(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """A competition's file, or a table of texts."""
    if suffix_of(path) in OBJECTS:
        return input_texts.rechecked(path, read_texts(path, skip_bad=skip_bad), skip_bad=skip_bad)
    return input_texts.read_table(path, columns, [], False, skip_bad=skip_bad)


def _identified(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """Texts under any of their names with an `id`, or a table of texts."""
    if suffix_of(path) not in OBJECTS:
        return _table(task, path, columns, skip_bad=skip_bad)
    refuse_columns(path, split(columns))

    def of(fields: Fields) -> Identified:
        return Identified(field(fields, NAMES["text"]), str(fields.get("id", "")))

    held = gather(path, objects_of(path, of), skip_bad=skip_bad)
    return input_texts.rechecked(path, held, skip_bad=skip_bad)


def _text(example: Any) -> Any:
    pair = getattr(example, "pair", None)
    return example.text if pair is None else (example.text, pair)


def _text_shown(example: Any) -> Fields:
    pair = getattr(example, "pair", None)
    return {"text": example.text} if pair is None else {"text": example.text, "pair": pair}


def _question_shown(example: Any) -> Fields:
    named = {"id": example.id} if isinstance(example, Asked) else {}
    return {**named, "question": example[0]}


def _labelled(example: Any, prediction: Any) -> Fields:
    chances = {label: round(value, DIGITS) for label, value in prediction.probabilities.items()}
    return {"label": prediction.label, "probabilities": chances}


def _filled(example: Any, gaps: Any) -> Fields:
    return {
        "fills": [
            [{"text": fill.text, "probability": round(fill.probability, DIGITS)} for fill in fills]
            for fills in gaps
        ]
    }


def _output(example: Any, prediction: Any) -> Fields:
    return {"output": prediction}


def _found(example: Any, mentions: Any) -> Fields:
    return {
        "mentions": [
            {**m._asdict(), "text": example.text[m.start : m.end], "score": round(m.score, DIGITS)}
            for m in mentions
        ]
    }


def _place(text: str, start: int, end: int) -> Fields:
    return {"start": start, "end": end, "text": text[start:end]}


def _related(example: Any, found: Any) -> Fields:
    return {
        "relations": [
            {
                "subject": _place(example.text, *relation.subject),
                "predicate": relation.predicate,
                "object": {name: _place(example.text, *at) for name, *at in relation.object},
                "score": round(relation.score, DIGITS),
            }
            for relation in found
        ]
    }


def _happened(example: Any, found: Any) -> Fields:
    return {
        "events": [
            {
                "type": event.type,
                "parts": [
                    {**_place(example.text, part.start, part.end), "role": part.role}
                    for part in event.parts
                ],
                "score": round(event.score, DIGITS),
            }
            for event in found
        ]
    }


def _answered(example: Any, answer: Any) -> Fields:
    text, start, end, score = answer
    return {"answer": text, "start": start, "end": end, "score": round(score, DIGITS)}


def _compared(example: Any, prediction: Any) -> Fields:
    """The score of a pair, or the vector of a text."""
    if hasattr(prediction, "__len__"):
        return {"vector": [round(float(value), DIGITS) for value in prediction]}
    return {"score": round(float(prediction), DIGITS)}


def _answers(path: Path, examples: Sequence[Any], answers: Sequence[Any]) -> None:
    """{id: answer}, as DuReader-robust, CMRC 2018 and SQuAD take it."""
    ids = [str(getattr(example, "id", i)) for i, example in enumerate(examples)]
    write_json(path, {name: answer.text for name, answer in zip(ids, answers, strict=True)})


def _cluener(path: Path, examples: Sequence[Any], answers: Sequence[Any]) -> None:
    """Lines of JSON, as CLUENER takes them: the last character counts; texts without an id do."""
    lines = []
    for i, (example, found) in enumerate(zip(examples, answers, strict=True)):
        labels: dict[str, dict[str, list[list[int]]]] = {}
        for start, end, label, _ in found:
            places = labels.setdefault(label, {}).setdefault(example.text[start:end], [])
            places.append([start, end - 1])
        name = getattr(example, "id", "") or str(i)
        lines.append({"id": int(name) if name.isdecimal() else name, "label": labels})
    write_lines(path, lines)


def _duie(path: Path, examples: Sequence[Any], answers: Sequence[Any]) -> None:
    """Lines of JSON, as DuIE 2.0 takes them."""
    both = zip(examples, answers, strict=True)
    write_lines(path, (relations.spoken(example.text, found) for example, found in both))


def _duee(path: Path, examples: Sequence[Any], answers: Sequence[Any]) -> None:
    """Lines of JSON, as DuEE 1.0 takes them; texts without an id are counted."""
    both = enumerate(zip(examples, answers, strict=True))
    write_lines(
        path,
        (
            events.spoken(example.text, getattr(example, "id", "") or str(i), found)
            for i, (example, found) in both
        ),
    )


PLAIN = Telling(_table, _text, _text_shown, _output)
TEXTS = PLAIN._replace(
    read=_texts, asked=lambda example: example.text, shown=lambda example: {"text": example.text}
)
READING = Telling(
    _questions, lambda example: tuple(example[:2]), _question_shown, _answered, _answers
)
FINDING = PLAIN._replace(read=_identified, told=_found, hand_in=_cluener)
TELLINGS = {
    "classify": PLAIN._replace(told=_labelled),
    "mask-fill": PLAIN._replace(told=_filled),
    "seq2seq": PLAIN._replace(read=_sources),
    "similar": PLAIN._replace(told=_compared),
    "pair": PLAIN._replace(told=_compared),
    "tag": FINDING,
    "spans": FINDING,
    "relations": TEXTS._replace(told=_related, hand_in=_duie),
    "events": TEXTS._replace(told=_happened, hand_in=_duee),
    "read": READING,
    "read-copying": READING,
}
"""Of the kinds whose texts are read, or whose answers are told, in a way of their own."""


def examples_in(
    task: Any, path: Path, columns: str | None, skipped: list[str] | None
) -> Iterable[Any]:
    """The examples of a file: those of a table, or one text per line; bad ones go to `skipped`."""
    if suffix_of(path) in TAGGED:
        known = ", ".join(
            (".txt with one text a line", *(name for name in FORMATS if name != ".txt"))
        )
        raise DataError(
            f"{path}: The format {suffix_of(path)!r} holds tags, not texts; what can be predicted "
            f"is {known} (+ .gz)."
        )
    if not input_texts.is_table(path):
        return input_texts.lines(path, skipped)
    telling = TELLINGS.get(task.kind, PLAIN)
    table = telling.read(task, path, columns, skip_bad=skipped is not None)
    if skipped is not None:
        skipped += table.skipped
    return table
