"""Scores of events, by the rule of DuEE 1.0."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from playmask.metrics.sets import Scores, scores_of


class Argument(NamedTuple):
    """What plays a role in an event of a type; aliases: other ways to say it that are right too."""

    event: str
    role: str
    text: str
    aliases: tuple[str, ...] = ()


def duee_scores(
    found: Sequence[Sequence[Argument]], wanted: Sequence[Sequence[Argument]]
) -> Scores:
    """Each argument that is found scores by the characters it shares with the best one wanted.

    Only those of the same event type and role are compared, and case does not count. Precision
    is the sum over the number found, recall the same sum over the number wanted.
    Source: the rule of DuEE 1.0, as in PaddleNLP's example
    """
    score = sum(
        max((_common(a, b) for b in other), default=0.0)
        for one, other in zip(found, wanted, strict=True)
        for a in one
    )
    return scores_of(score, sum(map(len, found)), sum(map(len, wanted)))


def character_f1(given: str, wanted: str) -> float:
    """F1 of the characters of two texts, in any order, as often as they occur in both."""
    given, wanted = given.lower(), wanted.lower()
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted)) if common else 0.0


def _common(given: Argument, wanted: Argument) -> float:
    if (given.event, given.role) != (wanted.event, wanted.role):
        return 0.0
    return max(character_f1(given.text, text) for text in (wanted.text, *wanted.aliases))
