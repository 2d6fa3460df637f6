"""What the methods of extracting relations share: pairs of spans, put together to relations."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from playmask.data.offsets import Place
from playmask.data.relations import VALUE, Relation, Slot, joined, label_of
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import RelationSettings
from playmask.tasks.extraction.span_scoring import padded
from playmask.tasks.windows import Outputs, Window

Pair = tuple[int, tuple[int, int], tuple[int, int], float]
"""A relation in tokens of a text: label, first and last one of subject and object, score."""


class RelationMethod(Method[RelationSettings]):
    """A method that finds pairs of a subject and a slot of an object."""

    @abstractmethod
    def pairs(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[Window, Pair]]:
        """The pairs that outputs say, each in one window."""

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """Of each window label, ends of subject and object, then -1: int16 (windows, P, 5)."""
        rows = [
            sorted(
                {
                    (self.index[label_of(relation.predicate, slot.name)], *subject, *thing)
                    for relation in examples[window.text].relations
                    for slot in relation.object
                    if (subject := window.whole(*relation.subject))
                    and (thing := window.whole(slot.start, slot.end))
                }
            )
            for window in windows
        ]
        return padded(rows, 5)

    def extract(
        self, windows: Sequence[Window], outputs: Outputs
    ) -> Iterator[tuple[int, Relation]]:
        """Relations, whose objects are put together from their slots."""
        slots: dict[tuple[int, Place, str], dict[str, list[tuple[Slot, float]]]] = {}
        for window, (label, *spans, score) in self.pairs(windows, outputs):
            if not all(window.covers(*span) for span in spans):
                continue
            subject, thing = (window.place(*span) for span in spans)
            predicate, name = joined(self.labels[label])
            group = slots.setdefault((window.text, subject, predicate), {})
            group.setdefault(name, []).append((Slot(name, *thing), score))
        for (text, subject, predicate), group in slots.items():
            for parts, score in objects_of(group):
                yield text, Relation(subject, predicate, parts, score)


def objects_of(
    slots: Mapping[str, Sequence[tuple[Slot, float]]],
) -> Iterator[tuple[tuple[Slot, ...], float]]:
    """Objects of one subject and predicate: those of all main slots, then of what is in none yet.

    Where another slot is there as often, both are paired in the order of the text, which is the
    nearest of all pairings; else the nearest one is taken, which may be in several objects.
    """
    placed = {name: sorted(its) for name, its in slots.items()}
    taken: set[Slot] = set()
    for name in sorted(placed, key=lambda name: (name != VALUE, name)):
        for i, seed in enumerate(placed[name]):
            if seed[0] in taken:
                continue
            chosen = [
                its[i]
                if len(its) == len(placed[name])
                else min(its, key=lambda each: abs(each[0].start - seed[0].start))
                for its in placed.values()
            ]
            taken |= {slot for slot, _ in chosen}
            yield tuple(sorted(slot for slot, _ in chosen)), min(chance for _, chance in chosen)
