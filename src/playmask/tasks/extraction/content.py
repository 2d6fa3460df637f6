"""What extractors find in texts: how it is read, compared, shown and handed in."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from playmask.data.annotated import Mention
from playmask.data.examples import Examples
from playmask.data.offsets import Place
from playmask.metrics.sets import Scores

DIGITS = 6
Fields = dict[str, Any]


class Marked(NamedTuple):
    """What is to be marked in a text, and lines that say the rest."""

    mentions: list[Mention]
    lines: list[str]


class Content(NamedTuple):
    """What is found in texts; examples are a text and its items.

    parse: reads a file (path, columns, skip_bad); example_of: an example from an example or from
    (text, items); check: sees that the items of an example have labels that are known; items,
    names: those of an example, and their labels; labelled: items as (label, key …), which are
    compared class by class; metrics: rules to score predictions by, both as examples, the default
    first; json: the fields of a text's items; mark: what shows them in a text; places: where what
    is found stands; moved: an example whose places a function has changed; known: one without what
    is of labels other than some; subject: a label of marks besides those of the task; options:
    settings that the reader takes
    """

    parse: Callable[..., Examples[Any]]
    example_of: Callable[[Any], Any]
    check: Callable[[Any, Collection[str] | None], Any]
    items: Callable[[Any], Sequence[Any]]
    names: Callable[[Any], Iterable[str]]
    labelled: Callable[[Any], Iterable[tuple[Any, ...]]]
    metrics: Mapping[str, Callable[[Sequence[Any], Sequence[Any]], Scores]]
    json: Callable[[str, Sequence[Any]], Fields]
    mark: Callable[[str, Sequence[Any]], Marked]
    places: Callable[[Any], Iterable[Place]]
    moved: Callable[[Any, Callable[[Place], Place]], Any]
    known: Callable[[Any, Collection[str]], Any]
    subject: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def place_json(text: str, start: int, end: int) -> Fields:
    """A span of a text in JSON."""
    return {"start": start, "end": end, "text": text[start:end]}


def marks_once(mentions: Iterable[Mention]) -> list[Mention]:
    """Mentions in order; of the same span and label the surest."""
    return [*{mention[:3]: mention for mention in sorted({*mentions})}.values()]
