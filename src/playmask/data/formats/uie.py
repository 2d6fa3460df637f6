"""UIE's prompts: a text, a prompt and what answers it on each line; one text stands on several."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from playmask.data.annotated import Annotated, Mention
from playmask.data.examples import Examples
from playmask.data.formats.mention_json import mention_of_item
from playmask.data.gathering import (
    OBJECTS,
    BadExample,
    Numbered,
    field,
    gather,
    on_line,
    suffix_of,
    unknown_format,
)
from playmask.data.json_objects import Columns, objects_of
from playmask.data.offsets import Place
from playmask.data.prompted import Prompted, shift_of

Fields = dict[str, Any]
TEXTS = ("content", "text")
OF = "的"  # joins a subject and a predicate in prompts of relations
RELATIONS = "prompts of relations (SUBJECT的PREDICATE) are no labels; they are left out"


def is_uie(fields: Fields) -> bool:
    """Whether an object is of UIE's form."""
    return "prompt" in fields and "result_list" in fields


def read_uie(path: Path, notes: list[str]) -> Numbered[Annotated]:
    """The mentions of each text, by all its prompts; each prompt is a label.

    Prompts of relations ("SUBJECT的PREDICATE", the subject being a mention of the text) are no
    labels; notes: where it is said that they are left out.
    """
    texts: dict[str, list[tuple[int | str, Fields]]] = {}
    for place, make in objects_of(path, dict):
        try:
            fields = make()
            texts.setdefault(field(fields, TEXTS), []).append((place, fields))
        except BadExample as error:
            texts.setdefault(f"\0{place}", []).append((place, {"error": error}))
    for text, lines in texts.items():
        yield lines[0][0], partial(_of_lines, text, lines, notes)


def _of_lines(text: str, lines: Iterable[tuple[int | str, Fields]], notes: list[str]) -> Annotated:
    mentions: list[Mention] = []
    for place, fields in lines:
        with on_line(place):
            if "error" in fields:
                raise fields["error"]
            mentions += _of_prompt(text, fields)
    names = {text[m.start : m.end] for m in mentions}
    labelled = [m for m in mentions if m.label.rpartition(OF)[0] not in names]
    if len(labelled) < len(mentions) and RELATIONS not in notes:
        notes.append(RELATIONS)
    return Annotated(text, labelled)


def _of_prompt(text: str, fields: Fields) -> Iterator[Mention]:
    prompt = field(fields, ("prompt",))
    for each in _results(fields):
        yield mention_of_item(text, {**each, "label": prompt})


def prompted_of_object(fields: Fields) -> Prompted:
    """A text, a prompt, and the places of what answers it."""
    text, prompt = field(fields, TEXTS), field(fields, ("prompt",))
    return Prompted(text, prompt, [_place(text, prompt, each) for each in _results(fields)])


def read_prompted(
    path: str | Path, *, columns: Columns = None, skip_bad: bool = False
) -> Examples[Prompted]:
    """Read texts with prompts, of .json or .jsonl: `content`, `prompt` and `result_list`.

    Raises: DataError naming file and line, also where no good example is left
    """
    path = Path(path)
    if suffix_of(path) not in OBJECTS:
        raise unknown_format(path, OBJECTS)
    return gather(path, objects_of(path, prompted_of_object, columns), skip_bad=skip_bad)


def _place(text: str, prompt: str, item: Fields) -> Place:
    """The place of a result; one below 0 is in the prompt."""
    start, end = item.get("start"), item.get("end")
    if type(start) is not int or type(end) is not int or start >= 0:
        return mention_of_item(text, {**item, "label": prompt})[:2]
    shift = shift_of(prompt)
    inside = {**item, "start": start + shift, "end": end + shift, "label": prompt}
    mention = mention_of_item(prompt, inside)
    return mention.start - shift, mention.end - shift


def _results(fields: Fields) -> Iterator[Fields]:
    results = fields.get("result_list")
    if not isinstance(results, list):
        raise BadExample(f"`result_list` is {results!r:.60}; a list is due.")
    for each in results:
        if not isinstance(each, dict):
            raise BadExample(f"A result is {each!r:.60}; an object with start and end is due.")
        yield each
