"""Questions about passages: what they are, and the files that hold them.

An answer is a span of its passage. SQuAD 1.1 and 2.0, CMRC 2018 and DuReader-robust share one
JSON; playmask's own has a question on each line.
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from playmask.data.columns import Columns
from playmask.data.examples import Examples
from playmask.data.gathering import (
    OBJECTS,
    BadExample,
    Numbered,
    field,
    filled,
    gather,
    suffix_of,
)
from playmask.data.json_objects import objects_of
from playmask.data.lines import numbered, read_lines, read_whole
from playmask.data.offsets import Place, check_place, check_text, places_of
from playmask.errors import DataError, InputError

PASSAGE = ("text", "context", "passage")
IMPOSSIBLE = ("impossible", "is_impossible")
START = ("start", "answer_start")


class _PassageQuestion(NamedTuple):
    question: str
    text: str
    answers: tuple[str, ...]
    places: tuple[Place, ...]
    id: str
    impossible: bool


class PassageQuestion(_PassageQuestion):
    """A question about a passage (text), its right answers, and all places where they stand.

    impossible: the passage is known not to answer it
    Raises: DataError for an empty question or passage, or a place that is not in the passage
    """

    __slots__ = ()

    def __new__(
        cls,
        question: str,
        text: str,
        answers: Iterable[str] = (),
        places: Iterable[Place] = (),
        id: str = "",
        impossible: bool = False,
    ) -> Self:
        """Take the answers at the places for the answers, where none are stated."""
        filled(question, "question")
        filled(text, "passage")
        places = tuple(places)
        for place in places:
            check_place(text, *place)
        answers = tuple(answers) or tuple(text[start:end] for start, end in places)
        return super().__new__(cls, question, text, answers, places, id, impossible)


def read_passages(
    path: str | Path,
    *,
    located: bool = True,
    columns: Columns = None,
    skip_bad: bool = False,
) -> Examples[PassageQuestion]:
    """Read questions about passages, from .json or .jsonl (.gz).

    A .json of SQuAD's form: `data`, a list of `paragraphs`, each with a `context` and `qas`, of
    which each has an `id`, a `question`, and perhaps `answers` and `is_impossible`. Else on each
    line an object with `question`, `text`, and perhaps `answers`, `id` and `impossible`. An answer
    is a text, or an object with `text` and perhaps `start` (or `answer_start`): there it must
    stand. Where the start is missing, or -1, the answer is wherever its text stands.

    located: False = an answer may stand nowhere: its text is there to compare others with
    skip_bad: leave bad questions out and list them in `.skipped`
    Raises: DataError naming the file and the question's id, or line
    """
    path = Path(path)
    if columns is not None and not all("=" in each for each in columns):
        raise InputError(
            f"{path}: columns= is for tables; the fields of passages, which are read from JSON, "
            "are named as FIELD=NAME."
        )
    if suffix_of(path) not in OBJECTS:
        if path.exists():
            next(read_lines(path), None)  # that it is a folder is the plainer error
        raise DataError(f"{path}: The format is none of {', '.join(OBJECTS)} (+ .gz).")
    make = partial(_asked, located=located)
    held = _whole(path) if suffix_of(path) == ".json" else None
    if held is not None and columns is not None:
        raise InputError(
            f"{path}: columns= is not for SQuAD's form, whose fields have fixed names."
        )
    questions = objects_of(path, make, columns) if held is None else _of_squad(path, held, make)
    return gather(path, _numbered(questions), skip_bad=skip_bad)


def _whole(path: Path) -> list[Any] | None:
    """The list `data` of a file that is one object; None where each line, or item, is one."""
    line = next((line for _, line in numbered(read_lines(path), lambda *bad: None)), "")
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        text = read_whole(path).lstrip("\ufeff")
        try:
            held = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: The file is not JSON ({error!s:.200}).") from None
    if not isinstance(held, dict) or "data" not in held:
        return None
    if not isinstance(held["data"], list):
        raise DataError(f"{path}: `data` is {held['data']!r:.40}; a list is due.")
    return held["data"]


def _of_squad(path: Path, data: list[Any], make: Any) -> Numbered[PassageQuestion]:
    """The questions of all paragraphs, each with its passage."""
    for i, article in enumerate(data):
        for j, paragraph in enumerate(_list(path, f"data[{i}]", article, "paragraphs")):
            where = f"data[{i}].paragraphs[{j}]"
            for k, question in enumerate(_list(path, where, paragraph, "qas")):
                if not isinstance(question, dict):
                    raise DataError(f"{path}: {where}.qas[{k}] is {question!r:.40}, no object.")
                fields = {"context": paragraph.get("context"), **question}
                name = question.get("id")
                yield (f"{where}.qas[{k}]" if name is None else str(name)), partial(make, fields)


def _list(path: Path, where: str, held: Any, name: str) -> list[Any]:
    listed = held.get(name) if isinstance(held, dict) else None
    if not isinstance(listed, list):
        raise DataError(f"{path}: {where} has no list `{name}`.")
    return listed


def _numbered(questions: Numbered[PassageQuestion]) -> Iterator[tuple[int | str, Any]]:
    """Give questions without an id their place as one; an id may come only once."""
    ids: set[str] = set()

    def named(where: int | str, make: Any) -> PassageQuestion:
        question: PassageQuestion = make()
        question = question._replace(id=question.id or str(where))
        if question.id in ids:
            raise BadExample(f"The id {question.id!r} is that of an earlier question too.")
        ids.add(question.id)
        return question

    for where, make in questions:
        yield where, partial(named, where, make)


def _asked(fields: dict[str, Any], *, located: bool) -> PassageQuestion:
    question, text = field(fields, ["question"]), field(fields, PASSAGE)
    listed = fields.get("answers") or []
    if not isinstance(listed, list):
        raise BadExample(f"`answers` is {listed!r:.40}; a list is due.")
    impossible = any(fields.get(name) is True for name in IMPOSSIBLE)
    if impossible and listed:
        raise BadExample("The question is called impossible, but it has answers.")
    answers = [_answer(each) for each in listed]
    places = {place for each in answers for place in _places(text, *each, located=located)}
    name = "" if fields.get("id") is None else str(fields["id"])
    texts = tuple(stated for stated, _ in answers)
    return PassageQuestion(question, text, texts, tuple(sorted(places)), name, impossible)


def _answer(listed: Any) -> tuple[str, int]:
    """An answer's text, and where it starts, or -1."""
    fields = {"text": listed} if isinstance(listed, str) else listed
    if not isinstance(fields, dict):
        raise BadExample(f"An answer is {listed!r:.40}; a text or an object is due.")
    stated = field(fields, ["text"], "An answer")
    start = next((fields[name] for name in START if fields.get(name) is not None), -1)
    if type(start) is not int:
        raise BadExample(f"The answer {stated!r:.40} starts at {start!r}; a number is due.")
    return stated, start


def _places(text: str, stated: str, start: int, *, located: bool) -> list[Place]:
    """Where an answer stands; nowhere, where it need not be located and is not as it is said."""
    try:
        if start < 0:
            return places_of(text, stated)
        check_text(text, start, start + len(stated), stated)
    except BadExample:
        if located:
            raise
        return []
    return [(start, start + len(stated))]
