"""Extracting events: what happens in a text of any length, and who takes part in it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from playmask.data.annotated import Mention
from playmask.data.events import (
    TRIGGER,
    Event,
    Part,
    Report,
    check_events,
    label_of,
    labels_of,
    read_events,
)
from playmask.data.gathering import BadExample
from playmask.data.offsets import Place
from playmask.data.submissions import write_duee
from playmask.metrics.events import Argument, duee_scores
from playmask.metrics.sets import Scores, set_scores
from playmask.tasks.extraction.content import (
    DIGITS,
    Content,
    Fields,
    Marked,
    marks_once,
    place_json,
)
from playmask.tasks.extraction.extractor import Extractor
from playmask.tasks.extraction.linked_events import LinkedEvents
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import EventSettings
from playmask.tasks.extraction.tagged_events import TaggedEvents

Reports = Sequence[Report]


def argument_scores(predictions: Reports, targets: Reports) -> Scores:
    """Arguments: type, role and place must be just so; the trigger is none."""
    return set_scores(
        *([_parts(each, trigger=False) for each in some] for some in (predictions, targets))
    )


def trigger_scores(predictions: Reports, targets: Reports) -> Scores:
    """Triggers: type and place must be just so."""
    return set_scores(
        *([_parts(each, trigger=True) for each in some] for some in (predictions, targets))
    )


def event_scores(predictions: Reports, targets: Reports) -> Scores:
    """Whole events: the type and all parts must be just so."""
    return set_scores(
        *(
            [[(e.type, tuple(part[:3] for part in e.parts)) for e in each.events] for each in some]
            for some in (predictions, targets)
        )
    )


def by_characters(predictions: Reports, targets: Reports) -> Scores:
    """Arguments by the characters they share with those of the targets: the rule of DuEE 1.0."""
    return duee_scores(*([_arguments(each) for each in some] for some in (predictions, targets)))


def _parts(report: Report, *, trigger: bool) -> list[tuple[Any, ...]]:
    return [
        (event.type, *part[:3])
        for event in report.events
        for part in event.parts
        if (part.role == TRIGGER) == trigger
    ]


def _arguments(report: Report) -> list[Argument]:
    """The arguments in words, each once."""
    every = (
        Argument(event.type, part.role, report.text[part.start : part.end], part.aliases)
        for event in report.events
        for part in event.parts
        if part.role != TRIGGER
    )
    return [*dict.fromkeys(every)]


def reported(example: Any) -> Report:
    """A Report, or (text, events)."""
    if isinstance(example, Report):
        return example
    if not isinstance(example, (tuple, list)) or len(example) not in (2, 3):
        raise BadExample(f"It is {example!r:.80}, not (text, events).")
    if not all(isinstance(each, Event) for each in example[1]):
        raise BadExample(f"Its events are {example[1]!r:.60}, not a list of Event.")
    return Report(*example)


def events_json(text: str, events: Sequence[Event]) -> Fields:
    """Events in JSON."""
    return {
        "events": [
            {
                "type": event.type,
                "parts": [
                    {**place_json(text, part.start, part.end), "role": part.role}
                    for part in event.parts
                ],
                "score": round(event.score, DIGITS),
            }
            for event in events
        ]
    }


def mark_events(text: str, events: Sequence[Event]) -> Marked:
    """The parts of all events, and each event in words."""
    marks, lines = [], []
    for event in events:
        words = [f"{part.role} {text[part.start : part.end]}" for part in event.parts]
        lines.append(f"{event.type}: {', '.join(words)} {event.score:.3f}")
        for part in event.parts:
            label = label_of(event.type, part.role)
            marks.append(Mention(part.start, part.end, label, event.score))
    return Marked(marks_once(marks), lines)


def _moved(example: Report, move: Callable[[Place], Place]) -> Report:
    """A text whose events' parts stand where a function puts them."""
    events = (
        event._replace(
            parts=tuple(Part(*move((part.start, part.end)), *part[2:]) for part in event.parts)
        )
        for event in example.events
    )
    return Report(example.text, events, example.id)


def _known(example: Report, labels: Collection[str]) -> Report:
    """A text without the parts of other labels, and without events that have no others."""
    events = []
    for event in example.events:
        parts = tuple(p for p in event.parts if label_of(event.type, p.role) in labels)
        events += [event._replace(parts=parts)] if parts else []
    return Report(example.text, events, example.id)


EVENTS = Content(
    parse=read_events,
    example_of=reported,
    check=check_events,
    items=lambda example: example.events,
    names=labels_of,
    labelled=lambda example: (
        (label_of(event.type, part.role), part.start, part.end)
        for event in example.events
        for part in event.parts
    ),
    metrics={
        "arguments": argument_scores,
        "triggers": trigger_scores,
        "events": event_scores,
        "duee": by_characters,
    },
    json=events_json,
    mark=mark_events,
    places=lambda example: (
        (part.start, part.end) for event in example.events for part in event.parts
    ),
    moved=_moved,
    known=_known,
)


class EventExtractor(Extractor[EventSettings]):
    """Finds events: by linking their parts, or by tags for them.

    Labels are roles in events of a type, as "type@role"; the trigger is a role too.

    Shapes: `predict` answers with a list of Events for each text
    Units:  characters; scores are probabilities
    Raises: DataError for roles that are none of the labels, or parts outside of their text
    Source: GPLinker (Su 2022, kexue 8926); the baseline of DuEE (kexue 7321)

    Example:
        >>> task = EventExtractor.new(model, ["得奖@trigger", "得奖@谁"], max_length=16)
        >>> isinstance(task.predict("莫言得了奖"), list)
        True
    """

    settings_class = EventSettings
    content: ClassVar[Content] = EVENTS
    metrics: ClassVar[Mapping[str, Any]] = EVENTS.metrics
    methods: ClassVar[Mapping[str, type[Method[Any]]]] = {
        "gplinker": LinkedEvents,
        "tags": TaggedEvents,
    }
    submission = staticmethod(write_duee)
