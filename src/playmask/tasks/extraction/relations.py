"""Extracting relations: who stands in which relation to what, in texts of any length."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from playmask.data.annotated import Mention
from playmask.data.gathering import BadExample
from playmask.data.offsets import Place
from playmask.data.relations import (
    VALUE,
    Related,
    Relation,
    Slot,
    check_relations,
    label_of,
    labels_of,
    read_relations,
    triple_of,
)
from playmask.data.submissions import write_duie
from playmask.metrics.relations import Triple, duie_scores, exact_scores
from playmask.metrics.sets import Scores
from playmask.tasks.extraction.casrel import CasRel
from playmask.tasks.extraction.content import (
    DIGITS,
    Content,
    Fields,
    Marked,
    marks_once,
    place_json,
)
from playmask.tasks.extraction.extractor import Extractor
from playmask.tasks.extraction.linked_relations import LinkedRelations
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import RelationSettings

SUBJECT = "subject"  # the mark of subjects, whatever they stand in
Texts = Sequence[Related]


def related(example: Any) -> Related:
    """A Related, or (text, relations)."""
    if isinstance(example, Related):
        return example
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        raise BadExample(f"It is {example!r:.80}, not (text, relations).")
    if not all(isinstance(each, Relation) for each in example[1]):
        raise BadExample(f"Its relations are {example[1]!r:.60}, not a list of Relation.")
    return Related(example[0], example[1])


def relations_in_words(predictions: Texts, targets: Texts) -> Scores:
    """Relations whose words are just so."""
    return exact_scores(_triples(predictions), _triples(targets))


def relations_by_duie(predictions: Texts, targets: Texts) -> Scores:
    """Relations in words, by the rule of DuIE 2.0."""
    return duie_scores(_triples(predictions), _triples(targets))


def _triples(texts: Texts) -> list[list[Triple]]:
    return [[triple_of(each.text, relation) for relation in each.relations] for each in texts]


def _labelled(example: Related) -> Iterable[tuple[Any, ...]]:
    """Each slot of an object with its subject, by places."""
    return (
        (label_of(relation.predicate, slot.name), relation.subject, slot.start, slot.end)
        for relation in example.relations
        for slot in relation.object
    )


def relations_json(text: str, relations: Sequence[Relation]) -> Fields:
    """Relations in JSON."""
    return {
        "relations": [
            {
                "subject": place_json(text, *relation.subject),
                "predicate": relation.predicate,
                "object": {name: place_json(text, *at) for name, *at in relation.object},
                "score": round(relation.score, DIGITS),
            }
            for relation in relations
        ]
    }


def mark_relations(text: str, relations: Sequence[Relation]) -> Marked:
    """Subjects and slots, and each relation in words."""
    marks, lines = [], []
    for relation in relations:
        marks.append(Mention(*relation.subject, SUBJECT, relation.score))
        for name, start, end in relation.object:
            label = label_of(relation.predicate, name)
            marks.append(Mention(start, end, label, relation.score))
        triple = triple_of(text, relation)
        more = [f"{name} {value}" for name, value in triple.object.items() if name != VALUE]
        thing = ", ".join([triple.object.get(VALUE, ""), *more])
        lines.append(f"{triple.subject} – {relation.predicate} – {thing} {relation.score:.3f}")
    return Marked(marks_once(marks), lines)


def _places(example: Related) -> Iterable[Place]:
    """Where subjects and slots stand."""
    for relation in example.relations:
        yield relation.subject
        yield from ((slot.start, slot.end) for slot in relation.object)


def _moved(example: Related, move: Callable[[Place], Place]) -> Related:
    """A text whose subjects and slots stand where a function puts them."""
    relations = (
        relation._replace(
            subject=move(relation.subject),
            object=tuple(Slot(name, *move((start, end))) for name, start, end in relation.object),
        )
        for relation in example.relations
    )
    return Related(example.text, relations)


def _known(example: Related, labels: Collection[str]) -> Related:
    """A text without the slots of other labels, and without relations that have no others."""
    relations = []
    for relation in example.relations:
        both = zip(relation.object, labels_of(relation), strict=True)
        slots = tuple(slot for slot, label in both if label in labels)
        relations += [relation._replace(object=slots)] if slots else []
    return Related(example.text, relations)


RELATIONS = Content(
    parse=read_relations,
    example_of=related,
    check=check_relations,
    items=lambda example: example.relations,
    names=lambda example: (name for each in example.relations for name in labels_of(each)),
    labelled=_labelled,
    metrics={"exact": relations_in_words, "duie": relations_by_duie},
    json=relations_json,
    mark=mark_relations,
    places=_places,
    moved=_moved,
    known=_known,
    subject=(SUBJECT,),
)


class RelationExtractor(Extractor[RelationSettings]):
    """Finds relations: by linking spans, or by pointing to subjects and then to their objects.

    Labels are predicates, and "predicate@slot" for further slots of an object.

    Shapes: `predict` answers with a list of Relations for each text
    Units:  characters; scores are probabilities
    Raises: DataError for relations of other labels than the task's, or outside of their text
    Source: GPLinker (Su 2022, kexue 8888); CasRel's half-pointers (Su 2020, kexue 7161)

    Example:
        >>> task = RelationExtractor.new(model, ["作者"], max_length=16, method="casrel")
        >>> isinstance(task.predict("鲁迅写了故乡"), list)
        True
    """

    settings_class = RelationSettings
    content: ClassVar[Content] = RELATIONS
    metrics: ClassVar[Mapping[str, Any]] = RELATIONS.metrics
    methods: ClassVar[Mapping[str, type[Method[Any]]]] = {
        "gplinker": LinkedRelations,
        "casrel": CasRel,
    }
    submission = staticmethod(write_duie)
