"""Scores of replies over characters, by the rules of the LIC 2020 dialogue track."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from playmask.metrics.sets import Scores, scores_of

Texts = Sequence[str]


def dialogue_f1(predictions: Texts, targets: Texts) -> Scores:
    """Characters of the replies that are in the wanted ones too, as often as in both.

    Counts are summed over all replies before they are divided. Spaces do not count.
    Source: eval.py of the baselines for LIC 2020's conversational recommendation
    """
    pairs = [
        (_counts(one, 1), _counts(other, 1))
        for one, other in zip(predictions, targets, strict=True)
    ]
    return scores_of(
        sum((one & other).total() for one, other in pairs),
        sum(one.total() for one, _ in pairs),
        sum(other.total() for _, other in pairs),
    )


def dialogue_bleu(predictions: Texts, targets: Texts, order: int = 2) -> float:
    """BLEU of runs of 1 to `order` characters, from 0 to 1: one reference, nothing smoothed.

    Replies that are shorter than wanted, all together, are punished by exp(1 - wanted / made).
    Source: Papineni et al. 2002, §2.3; over characters as in the baselines for LIC 2020
    """
    pairs = [*zip(predictions, targets, strict=True)]
    predicted, expected = (
        sum(len(_characters(text)) for text in texts) for texts in (predictions, targets)
    )
    shares = []
    for n in range(1, order + 1):
        both = [(_counts(one, n), _counts(other, n)) for one, other in pairs]
        right = sum((one & other).total() for one, other in both)
        shares.append(right / max(sum(one.total() for one, _ in both), 1))
    if not all(shares):
        return 0.0
    brevity = min(1.0, math.exp(1 - expected / predicted))
    return brevity * math.prod(shares) ** (1 / order)


def distinct(predictions: Texts, order: int) -> float:
    """How many of all runs of `order` characters differ: DISTINCT-n, from 0 to 1.

    Source: Li et al. 2016, §5; over characters as in the baselines for LIC 2020
    """
    runs = [run for text in predictions for run in _runs(text, order)]
    return len(set(runs)) / len(runs) if runs else 0.0


def _characters(text: str) -> str:
    return "".join(text.split())


def _runs(text: str, order: int) -> Iterator[str]:
    text = _characters(text)
    return (text[i : i + order] for i in range(len(text) - order + 1))


def _counts(text: str, order: int) -> Counter[str]:
    return Counter(_runs(text, order))
