"""Events by GPLinker: parts are spans, and those of one event are all linked."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.data.events import Event, Part, joined, label_of
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.candidate_counts import POINTED
from playmask.tasks.extraction.cliques import cliques
from playmask.tasks.extraction.gplinker import BEST, Linked, link_targets, linked
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import EventSettings
from playmask.tasks.extraction.span_scoring import logistic, padded
from playmask.tasks.selection import Selection
from playmask.tasks.windows import Outputs, Window, decided

if TYPE_CHECKING:
    import keras

    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.link_network import LinkNetwork

NODES, EVENTS = 48, 64  # of a type in a window: the surest parts, and the events they make


class Node(NamedTuple):
    """A part of an event: its score, the text's tokens first … last, and its role."""

    score: float
    first: int
    last: int
    role: str


class LinkedEvents(Method[EventSettings]):
    """Events are the cliques of linked parts: sets of a type to which no part can be added.

    A part may be in several.
    Source: GPLinker (Su 2022, kexue 8926)
    """

    selection: ClassVar[Selection] = BEST

    @staticmethod
    def build_network(transformer: "Transformer", settings: EventSettings) -> "LinkNetwork":
        """The pointers: to the parts of each label, and from part to part."""
        from playmask.tasks.extraction.link_network import LinkNetwork

        labels = len(settings.labels)
        return LinkNetwork(transformer, settings, spans=labels, links=1, onward=True)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a text, of each pointer."""
        from playmask.tasks.extraction.link_network import LOSSES

        return LOSSES

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """Of each window a pointer's number, label, first and last, then -1: int16 (…, P, 4)."""
        rows: list[list[tuple[int, ...]]] = []
        for window in windows:
            items: set[tuple[int, ...]] = set()
            for event in examples[window.text].events:
                parts = [
                    (self.index[label_of(event.type, part.role)], *place)
                    for part in event.parts
                    if (place := window.whole(part.start, part.end))
                ]
                items |= {(0, *part) for part in parts}
                for one, other in combinations(parts, 2):
                    for kind in (1, 2):
                        items.add((kind, 0, *_onward(one[kind], other[kind])))
            rows.append(sorted(items))
        return padded(rows, 4)

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which spans are parts, and which of their ends are linked."""
        every = np.asarray(batch[1])
        parts = {}
        for kind, name in enumerate(POINTED):
            row, place = np.nonzero(every[..., 0] == kind)
            parts[name] = (row, every[row, place, 1:])
        return link_targets(batch, parts, {"spans": len(self.labels), "heads": 1, "tails": 1})

    def extract(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Event]]:
        """The events that linked parts make, but those that a neighbouring window shows more of."""
        events_of: dict[int, list[Event]] = defaultdict(list)
        for window, event in decided(windows, outputs, self._events):
            events_of[window.text].append(event)
        for text, events in events_of.items():
            yield from ((text, event) for event in largest(events))

    def _events(
        self, window: Window, output: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[int, int, Event]]:
        scores = linked(window, output)
        groups: dict[str, list[Node]] = defaultdict(list)
        for (label, first, last), score in scores.spans.items():
            type_, role = joined(self.labels[label])
            if window.covers(first, last):
                groups[type_].append(Node(score, first, last, role))
        for type_, parts in groups.items():
            nodes = sorted(parts, reverse=True)[:NODES]
            links = _links(nodes, scores)
            for members in cliques(links, EVENTS):
                least = min(
                    *(nodes[i].score for i in members),
                    *(links[i][j] for i, j in combinations(members, 2)),
                    np.inf,
                )
                its = [nodes[i] for i in members]
                placed = sorted(Part(*window.place(n.first, n.last), n.role) for n in its)
                event = Event(type_, tuple(placed), logistic(least))
                yield min(n.first for n in its), max(n.last for n in its), event


def _links(nodes: Sequence[Node], scores: Linked) -> dict[int, dict[int, float]]:
    """Of each node those that it is linked with at both ends, with the score of the weaker link."""
    links: dict[int, dict[int, float]] = {i: {} for i in range(len(nodes))}
    for (i, one), (j, other) in combinations(enumerate(nodes), 2):
        head = scores.heads.get((0, *_onward(one.first, other.first)), 0.0)
        tail = scores.tails.get((0, *_onward(one.last, other.last)), 0.0)
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
