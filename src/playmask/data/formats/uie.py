"""UIE's prompts: a text, a prompt and what answers it on each line; one text stands on several."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from playmask.data.annotated import Annotated, Mention
from playmask.data.formats.mention_json import mention_of_item
from playmask.data.gathering import BadExample, Numbered, field, on_line
from playmask.data.json_objects import objects_of

Fields = dict[str, Any]
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
            texts.setdefault(field(fields, ("content", "text")), []).append((place, fields))
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
    results = fields.get("result_list")
    if not isinstance(results, list):
        raise BadExample(f"`result_list` is {results!r:.60}; a list is due.")
    for each in results:
        if not isinstance(each, dict):
            raise BadExample(f"A result is {each!r:.60}; an object with start and end is due.")
        yield mention_of_item(text, {**each, "label": prompt})
