"""Scores of events, by the rule of DuEE 1.0."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from playmask.metrics.sets import Scores, scores_of


class Argument(NamedTuple):
    """What plays a role in an event of a type; aliases: other spellings that are right too."""

    event: str
    role: str
    text: str
    aliases: tuple[str, ...] = ()


def duee_scores(
    predictions: Sequence[Sequence[Argument]], targets: Sequence[Sequence[Argument]]
) -> Scores:
    """Each argument that is found scores by the characters it shares with the best one wanted.

    Only those of the same event type and role are compared, and case does not count. Precision
    is the sum over the number found, recall the same sum over the number wanted.
    Source: the rule of DuEE 1.0, as in PaddleNLP's example
    """
    score = sum(
        max((_common(a, b) for b in other), default=0.0)
        for one, other in zip(predictions, targets, strict=True)
        for a in one
    )
    return scores_of(score, sum(map(len, predictions)), sum(map(len, targets)))


def character_f1(prediction: str, target: str) -> float:
    """F1 of the characters of two texts, in any order, as often as they occur in both."""
    prediction, target = prediction.lower(), target.lower()
    common = sum((Counter(prediction) & Counter(target)).values())
    return 2 * common / (len(prediction) + len(target)) if common else 0.0


def _common(prediction: Argument, target: Argument) -> float:
    if (prediction.event, prediction.role) != (target.event, target.role):
        return 0.0
    return max(character_f1(prediction.text, text) for text in (target.text, *target.aliases))
