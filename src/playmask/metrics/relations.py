"""Scores of relations, by the rule of DuIE 2.0."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from playmask.metrics.sets import Scores, set_scores


class Triple(NamedTuple):
    """Who stands in which relation to what; the object's slots by name, "@value" the main one."""

    subject: str
    predicate: str
    object: Mapping[str, str]


def duie_scores(
    predictions: Sequence[Sequence[Triple]], targets: Sequence[Sequence[Triple]]
) -> Scores:
    """A triple is right where predicate, subject and all slots of the object are.

    Case, and 《》 around a name, do not count; neither do types. Each triple counts once.
    Source: `re_official_evaluation.py` of DuIE 2.0, without its file of aliases
    """
    both = (
        [[_key(triple) for triple in each] for each in texts] for texts in (predictions, targets)
    )
    return set_scores(*both)


def exact_scores(
    predictions: Sequence[Sequence[Triple]], targets: Sequence[Sequence[Triple]]
) -> Scores:
    """A triple is right where its words are just so; each counts once."""
    both = (
        [[_words(triple) for triple in each] for each in texts] for texts in (predictions, targets)
    )
    return set_scores(*both)


def _words(triple: Triple) -> tuple[Hashable, ...]:
    return (triple.subject, triple.predicate, tuple(sorted(triple.object.items())))


def _key(triple: Triple) -> tuple[Hashable, ...]:
    slots = tuple(sorted((slot, _plain(value)) for slot, value in triple.object.items()))
    return (_plain(triple.subject), triple.predicate, slots)


def _plain(name: str) -> str:
    name = name.lower()
    return name[1:-1] if name.startswith("《") and name.endswith("》") else name
