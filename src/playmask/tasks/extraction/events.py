"""Extracting events: what happens in a text of any length, and who takes part in it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np

from playmask.data.annotated import Annotated, Mention
from playmask.data.events import (
    TRIGGER,
    Event,
    Part,
    Report,
    check_events,
    joined,
    label_of,
    read_events,
)
from playmask.data.examples import Examples
from playmask.data.gathering import BadExample
from playmask.metrics.events import Argument, duee_scores
from playmask.metrics.sets import Scores, set_scores
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch
from playmask.tasks.extraction.cliques import cliques
from playmask.tasks.extraction.gplinker import LOSSES, PARTS, Linked, LinkNetwork, ask_links, linked
from playmask.tasks.extraction.methods import Way, WayTask
from playmask.tasks.extraction.sequence_tagger import SequenceTagger
from playmask.tasks.extraction.span_tagger import logistic, padded
from playmask.tasks.windows import Outputs, Window, decided, suited
from playmask.tokenizers import Tokenizer

NODES, EVENTS = 48, 64  # of a type in a window: the surest parts, and the events they make


class Node(NamedTuple):
    """A part that was found: how surely, the text's tokens first … last, and its role."""

    score: float
    first: int
    last: int
    role: str


class LinkedEvents(Way):
    """The way of GPLinker: parts are stretches, and those of one event are all linked.

    Each set of parts of a type that are all linked, and to which no more can be added, is an event;
    a part may be in several.
    """

    losses = LOSSES

    @staticmethod
    def network(transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """The pointers: to the parts of each label, and from part to part."""
        labels = len(settings["labels"])
        return LinkNetwork(transformer, settings, stretches=labels, links=1, onward=True)

    def targets(self, examples: Sequence[Report]) -> np.ndarray:
        """Of each window a pointer's number, label, first and last, then -1: int16 (…, P, 4)."""
        number = {label: i for i, label in enumerate(self.task.labels)}
        rows: list[list[tuple[int, ...]]] = []
        for window in self.task.windows([example.text for example in examples]):
            shown: set[tuple[int, ...]] = set()
            for event in examples[window.text].events:
                parts = [
                    (number[label_of(event.type, part.role)], *place)
                    for part in event.parts
                    if (place := window.whole(part.start, part.end))
                ]
                shown |= {(0, *part) for part in parts}
                for one, other in combinations(parts, 2):
                    for kind in (1, 2):
                        shown.add((kind, 0, *_onward(one[kind], other[kind])))
            rows.append(sorted(shown))
        return padded(rows, 4)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which stretches are parts, and which of their ends are linked."""
        found = np.asarray(batch[1])
        parts = {}
        for kind, name in enumerate(PARTS):
            row, place = np.nonzero(found[..., 0] == kind)
            parts[name] = (row, found[row, place, 1:])
        return ask_links(batch, parts, {"stretches": len(self.task.labels), "heads": 1, "tails": 1})

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Event]]:
        """The events that linked parts make, but those that a neighbouring window shows more of."""
        kept: dict[int, list[Event]] = defaultdict(list)
        for window, event in decided(windows, outputs, self._events):
            kept[window.text].append(event)
        for text, events in kept.items():
            yield from ((text, event) for event in largest(events))

    def _events(
        self, window: Window, output: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[int, int, Event]]:
        said = linked(window, output)
        groups: dict[str, list[Node]] = defaultdict(list)
        for (label, first, last), score in said.stretches.items():
            type_, role = joined(self.task.labels[label])
            groups[type_].append(Node(score, first, last, role))
        for type_, parts in groups.items():
            nodes = sorted(parts, reverse=True)[:NODES]
            links = _links(nodes, said)
            for members in cliques(links, EVENTS):
                scores = [nodes[i].score for i in members]
                scores += [links[i][j] for i, j in combinations(members, 2)]
                its = [nodes[i] for i in members]
                made = sorted(Part(*window.place(n.first, n.last), n.role) for n in its)
                event = Event(type_, tuple(made), logistic(min(scores)))
                yield min(n.first for n in its), max(n.last for n in its), event


def _links(nodes: Sequence[Node], said: Linked) -> dict[int, dict[int, float]]:
    """Of each node those that it is linked with at both ends, with the score of the weaker link."""
    links: dict[int, dict[int, float]] = {i: {} for i in range(len(nodes))}
    for (i, one), (j, other) in combinations(enumerate(nodes), 2):
        head = said.heads.get((0, *_onward(one.first, other.first)), 0.0)
        tail = said.tails.get((0, *_onward(one.last, other.last)), 0.0)
        if min(head, tail) > 0:
            links[i][j] = links[j][i] = min(head, tail)
    return links


def largest(events: Sequence[Event]) -> Iterator[Event]:
    """The events without those whose parts are some of another's of their type."""
    holding: dict[tuple[str, Part], list[frozenset[Part]]] = defaultdict(list)
    for event in events:
        parts = frozenset(event.parts)
        for part in parts:
            holding[event.type, part].append(parts)
    for event in events:
        parts = frozenset(event.parts)
        if not any(parts < other for other in holding[event.type, event.parts[0]]):
            yield event


def _onward(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


class TaggedEvents(Way):
    """The baseline's way: parts are tagged, and those of one type are one event.

    A token has one tag: of parts that overlap the longest is learnt.
    """

    function = None  # the network itself

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self.tagger = SequenceTagger(task.network, task.tokenizer, task.settings)

    @staticmethod
    def network(transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """A tagger of all labels."""
        return SequenceTagger.make_network(transformer, settings)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network the tagger's loss."""
        self.tagger.compile(optimizer)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """The tags of the tokens that are there."""
        return self.tagger.ask(batch, random)

    def targets(self, examples: Sequence[Report]) -> np.ndarray:
        """The tags of each window's tokens."""
        return self.tagger.targets([Annotated(e.text, apart(e)) for e in examples])

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Event]]:
        """One event of each type, with all its parts."""
        events: dict[tuple[int, str], list[Mention]] = defaultdict(list)
        for text, mention in self.tagger.found(windows, outputs):
            events[text, joined(mention.label)[0]].append(mention)
        for (text, type_), parts in events.items():
            its = (Part(part.start, part.end, joined(part.label)[1]) for part in parts)
            yield text, Event(type_, tuple(sorted(its)), min(part.score for part in parts))


def apart(report: Report) -> tuple[Mention, ...]:
    """The parts of all events as mentions; of those that overlap the longest, then the first."""
    parts = {
        Mention(part.start, part.end, label_of(event.type, part.role))
        for event in report.events
        for part in event.parts
    }
    chosen: list[Mention] = []
    for part in sorted(parts, key=lambda m: (m.start - m.end, m)):
        if all(part.end <= other.start or part.start >= other.end for other in chosen):
            chosen.append(part)
    return tuple(sorted(chosen))


Reports = Sequence[Report]


def argument_scores(found: Reports, wanted: Reports) -> Scores:
    """Arguments: type, role and place must be just so; the trigger is none."""
    return set_scores(*([_parts(each, trigger=False) for each in some] for some in (found, wanted)))


def trigger_scores(found: Reports, wanted: Reports) -> Scores:
    """Triggers: type and place must be just so."""
    return set_scores(*([_parts(each, trigger=True) for each in some] for some in (found, wanted)))


def event_scores(found: Reports, wanted: Reports) -> Scores:
    """Whole events: the type and all parts must be just so."""
    return set_scores(
        *(
            [[(e.type, tuple(part[:3] for part in e.parts)) for e in each.events] for each in some]
            for some in (found, wanted)
        )
    )


def by_characters(found: Reports, wanted: Reports) -> Scores:
    """Arguments by the characters they share with those wanted: the rule of DuEE 1.0."""
    return duee_scores(*([_arguments(each) for each in some] for some in (found, wanted)))


def _parts(report: Report, *, trigger: bool) -> list[tuple]:
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


class EventExtractor(WayTask):
    """Finds events: by linking their parts, or by tags for them.

    Labels are roles in events of a type, as "type@role"; the trigger is a role too.
    """

    kind: ClassVar[str] = "events"
    ways: ClassVar[Mapping[str, type[Way]]] = {"linker": LinkedEvents, "tags": TaggedEvents}
    metrics: ClassVar[Mapping[str, Any]] = {
        "arguments": argument_scores,
        "triggers": trigger_scores,
        "events": event_scores,
        "duee": by_characters,
    }

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        labels: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 128,
        way: str = "linker",
        pointer: str = "efficient",
        size: int = 64,
        tagger: str = "crf",
        scheme: str = "bio",
        dropout: float = 0.1,
        **options: Any,
    ) -> Self:
        """Put fresh pointers, or a tagger, on a Transformer, or on the checkpoint at a path.

        way: "linker" (GPLinker, with `pointer` and `size` as of a SpanTagger) or "tags" (the
        baseline, with `tagger`, `scheme` and `options` as of a SequenceTagger); max_length:
        tokens that are read at once
        """
        settings = {
            "max_length": max_length,
            "way": way,
            "pointer": pointer,
            "size": size,
            "tagger": tagger,
            "scheme": scheme,
            "dropout": dropout,
            "options": options,
        }
        return cls.settle(model, labels, tokenizer, settings)

    def targets(self, examples: Sequence[Report]) -> np.ndarray:
        """What the way learns."""
        return self.way.targets(examples)

    def read_file(self, path: str | Path, **how: Any) -> Examples[Report]:
        """Read texts with events, as `read_events` does."""
        return read_events(path, **how)

    def suitable(self, example: Any) -> Report:
        """A Report of the task's labels, also from (text, events)."""
        return check_events(_reported(example), self.labels)

    def read_wanted(self, data: Any, *, skip_bad: bool = False, **how: Any) -> Examples[Report]:
        """Read texts to be measured on; roles that were not learnt are wanted too."""
        if isinstance(data, (str, Path)):
            data = read_events(data, skip_bad=skip_bad, **how)
        return suited(data, lambda each: check_events(_reported(each)), skip_bad=skip_bad)

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Event]]:
        """The events, as the way finds them."""
        return self.way.found(windows, outputs)

    def shown(self, text: str, found: Sequence[Event]) -> tuple[list[Mention], list[str]]:
        """The parts of all events, and each event in words."""
        marked, lines = set(), []
        for event in found:
            words = [f"{part.role} {text[part.start : part.end]}" for part in event.parts]
            lines.append(f"{event.type}: {', '.join(words)} {event.score:.3f}")
            for part in event.parts:
                label = label_of(event.type, part.role)
                marked.add(Mention(part.start, part.end, label, event.score))
        best = {mention[:3]: mention for mention in sorted(marked)}
        return [*best.values()], lines

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """Precision, recall and F1 of arguments, triggers, whole events, or by DuEE's rule."""
        scores = self.metric(metric)
        examples = self.read_wanted(data, skip_bad=skip_bad)
        texts = [example.text for example in examples]
        found = [Report(*both) for both in zip(texts, self.predict(texts), strict=True)]
        return {**scores(found, examples)._asdict(), "examples": len(examples)}


def _reported(example: Any) -> Report:
    """A Report, or (text, events)."""
    if not isinstance(example, (tuple, list)) or len(example) not in (2, 3):
        raise BadExample(f"It is {example!r:.80}, not (text, events).")
    if not all(isinstance(each, Event) for each in example[1]):
        raise BadExample(f"Its events are {example[1]!r:.60}, not a list of Event.")
    return Report(example[0], tuple(example[1]), *example[2:])
