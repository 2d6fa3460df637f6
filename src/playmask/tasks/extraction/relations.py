"""Extracting relations: who stands in which relation to what, in texts of any length."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from playmask.data.annotated import Mention
from playmask.data.examples import Examples
from playmask.data.gathering import BadExample
from playmask.data.offsets import Place
from playmask.data.relations import (
    VALUE,
    Related,
    Relation,
    Slot,
    check_relations,
    joined,
    label_of,
    read_relations,
    triple_of,
)
from playmask.metrics.relations import duie_scores, exact_scores
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch
from playmask.tasks.extraction.casrel import Pair, SubjectsFirst
from playmask.tasks.extraction.gplinker import LOSSES, LinkNetwork, ask_links, linked
from playmask.tasks.extraction.methods import Way, WayTask
from playmask.tasks.extraction.span_tagger import logistic, padded
from playmask.tasks.windows import Outputs, Window, decided, suited
from playmask.tokenizers import Tokenizer

SUBJECT = "subject"  # the mark of subjects, whatever they stand in


class LinkedRelations(Way):
    """The way of GPLinker: subjects and objects are stretches, and each label links them."""

    losses = LOSSES

    @staticmethod
    def network(transformer: Transformer, settings: Mapping[str, Any]) -> LinkNetwork:
        """The pointers: to subjects and objects, and for each label."""
        labels = len(settings["labels"])
        return LinkNetwork(transformer, settings, stretches=2, links=labels, onward=False)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which stretches are subjects (0) and objects (1), and which ends each label links."""
        labels = len(self.task.labels)
        row, place = np.nonzero(batch[1][..., 0] >= 0)
        label, first, last, start, end = np.asarray(batch[1])[row, place].T
        subjects = np.stack([np.zeros_like(label), first, last], 1)
        objects = np.stack([np.ones_like(label), start, end], 1)
        parts = {
            "stretches": (np.tile(row, 2), np.concatenate([subjects, objects])),
            "heads": (row, np.stack([label, first, start], 1)),
            "tails": (row, np.stack([label, last, end], 1)),
        }
        return ask_links(batch, parts, {"stretches": 2, "heads": labels, "tails": labels})

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[Window, Pair]]:
        """Subjects and objects whose first and whose last tokens a label links."""
        return decided(windows, outputs, self._pairs)

    def _pairs(
        self, window: Window, output: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[int, int, Pair]]:
        said = linked(window, output)
        ends: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        for role, first, last in said.stretches:
            ends[role].setdefault(first, []).append(last)
        for (label, first, start), score in said.heads.items():
            for last, end in product(ends[0].get(first, ()), ends[1].get(start, ())):
                if (label, last, end) in said.tails:
                    least = min(
                        score,
                        said.tails[label, last, end],
                        said.stretches[0, first, last],
                        said.stretches[1, start, end],
                    )
                    pair = (label, (first, last), (start, end), logistic(least))
                    yield min(first, start), max(last, end), pair


class RelationExtractor(WayTask):
    """Finds relations: by linking stretches, or by pointing to subjects and then to their objects.

    Labels are predicates, and "predicate@slot" for further slots of an object.
    """

    kind: ClassVar[str] = "relations"
    ways: ClassVar[Mapping[str, type[Way]]] = {"linker": LinkedRelations, "pointers": SubjectsFirst}
    metrics: ClassVar[Mapping[str, Any]] = {"exact": exact_scores, "duie": duie_scores}

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
        dropout: float = 0.1,
    ) -> Self:
        """Put fresh pointers on a Transformer, or on the checkpoint at a path.

        way: "linker" (GPLinker, with `pointer` and `size` as of a SpanTagger) or "pointers"
        (subjects first); max_length: tokens that are read at once
        """
        settings = {
            "max_length": max_length,
            "way": way,
            "pointer": pointer,
            "size": size,
            "dropout": dropout,
        }
        return cls.settle(model, labels, tokenizer, settings)

    def read_file(self, path: str | Path, **how: Any) -> Examples[Related]:
        """Read texts with relations, as `read_relations` does."""
        return read_relations(path, **how)

    def suitable(self, example: Any) -> Related:
        """A Related of the task's labels, also from (text, relations)."""
        return check_relations(_related(example), self.labels)

    def read_wanted(self, data: Any, *, skip_bad: bool = False, **how: Any) -> Examples[Related]:
        """Read texts to be measured on; relations that were not learnt are wanted too."""
        if isinstance(data, (str, Path)):
            data = read_relations(data, skip_bad=skip_bad, **how)
        return suited(data, lambda each: check_relations(_related(each)), skip_bad=skip_bad)

    def targets(self, examples: Sequence[Related]) -> np.ndarray:
        """Of each window label, ends of subject and object, then -1: int16 (windows, P, 5)."""
        number = {label: i for i, label in enumerate(self.labels)}
        rows: list[list[tuple[int, ...]]] = []
        for window in self.windows([example.text for example in examples]):
            shown = {
                (number[label_of(relation.predicate, slot.name)], *subject, *thing)
                for relation in examples[window.text].relations
                for slot in relation.object
                if (subject := window.whole(*relation.subject))
                and (thing := window.whole(slot.start, slot.end))
            }
            rows.append(sorted(shown))
        return padded(rows, 5)

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Relation]]:
        """Relations, whose objects are put together from their slots."""
        slots: dict[tuple[int, Place, str], dict[str, list[tuple[Slot, float]]]] = {}
        for window, (label, *stretches, score) in self.way.found(windows, outputs):
            subject, thing = (window.place(*stretch) for stretch in stretches)
            predicate, name = joined(self.labels[label])
            group = slots.setdefault((window.text, subject, predicate), {})
            group.setdefault(name, []).append((Slot(name, *thing), score))
        for (text, subject, predicate), group in slots.items():
            for parts, score in objects_of(group):
                yield text, Relation(subject, predicate, parts, score)

    @property
    def marks(self) -> list[str]:
        """Subjects, and the slots of objects."""
        return [SUBJECT, *self.labels]

    def shown(self, text: str, found: Sequence[Relation]) -> tuple[list[Mention], list[str]]:
        """Subjects and slots, and each relation in words."""
        marked, lines = set(), []
        for relation in found:
            marked.add(Mention(*relation.subject, SUBJECT, relation.score))
            for name, start, end in relation.object:
                label = label_of(relation.predicate, name)
                marked.add(Mention(start, end, label, relation.score))
            triple = triple_of(text, relation)
            more = [f"{name} {value}" for name, value in triple.object.items() if name != VALUE]
            thing = ", ".join([triple.object.get(VALUE, ""), *more])
            lines.append(f"{triple.subject} – {relation.predicate} – {thing} {relation.score:.3f}")
        best = {mention[:3]: mention for mention in sorted(marked)}
        return [*best.values()], lines

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """Precision, recall and F1 of relations in words: "exact", or by the rule of DuIE 2.0."""
        scores = self.metric(metric)
        examples = self.read_wanted(data, skip_bad=skip_bad)
        texts = [example.text for example in examples]
        found, wanted = (
            [
                [triple_of(text, relation) for relation in relations]
                for text, relations in zip(texts, each, strict=True)
            ]
            for each in (self.predict(texts), [example.relations for example in examples])
        )
        return {**scores(found, wanted)._asdict(), "examples": len(examples)}


def _related(example: Any) -> Related:
    """A Related, or (text, relations)."""
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        raise BadExample(f"It is {example!r:.80}, not (text, relations).")
    if not all(isinstance(each, Relation) for each in example[1]):
        raise BadExample(f"Its relations are {example[1]!r:.60}, not a list of Relation.")
    return Related(example[0], tuple(example[1]))


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
