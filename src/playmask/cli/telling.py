"""How each kind of task is given the texts of a file, and how its answers are told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playmask.checkpoints.save import write_json, write_lines
from playmask.cli import reading
from playmask.data import events, relations
from playmask.data.gathering import OBJECTS, read_texts, suffix_of
from playmask.data.passages import Asked, read_passages
from playmask.data.readers import Examples

DIGITS = 6

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
    return reading.read_table(path, columns, labels, pairs, skip_bad=skip_bad)


def _sources(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    return reading.read_sources(path, columns, skip_bad=skip_bad)


def _questions(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """A competition's file, or a table of questions and passages as `text` and `pair`."""
    if suffix_of(path) in OBJECTS:
        return read_passages(path, located=False, skip_bad=skip_bad)
    return reading.read_table(path, columns, [], True, skip_bad=skip_bad)


def _texts(task: Any, path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """A competition's file, or a table of texts."""
    if suffix_of(path) in OBJECTS:
        return read_texts(path, skip_bad=skip_bad)
    return reading.read_table(path, columns, [], False, skip_bad=skip_bad)


def _text(example: Any) -> Any:
    return example.text if example.pair is None else (example.text, example.pair)


def _text_shown(example: Any) -> Fields:
    pair = {} if example.pair is None else {"pair": example.pair}
    return {"text": example.text, **pair}


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
TELLINGS = {
    "classify": PLAIN._replace(told=_labelled),
    "mask-fill": PLAIN._replace(told=_filled),
    "seq2seq": PLAIN._replace(read=_sources),
    "similar": PLAIN._replace(told=_compared),
    "pair": PLAIN._replace(told=_compared),
    "tag": PLAIN._replace(told=_found),
    "spans": PLAIN._replace(told=_found),
    "relations": TEXTS._replace(told=_related, hand_in=_duie),
    "events": TEXTS._replace(told=_happened, hand_in=_duee),
    "read": READING,
    "read-copying": READING,
}
"""Of the kinds whose texts are read, or whose answers are told, in a way of their own."""
