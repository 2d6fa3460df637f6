"""Exact match and F1 of answers, by the rules of the Chinese reading competitions."""

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

CHINESE = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip
DUREADER_DROPPED = set(":_`，。：？！()“”；’《》·、,「」（）－～『』|")
CMRC_DROPPED = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")


class Rule(NamedTuple):
    """How a competition cuts an answer into tokens, what it compares for an exact match, its F1."""

    tokens: Callable[[str], list[str]]
    plain: Callable[[str], str]
    f1: Callable[[Sequence[str], Sequence[str]], float]


class Reading(NamedTuple):
    """Means over all questions, 0 to 1; skipped: how many have no answer and count 0."""

    f1: float
    exact: float
    questions: int
    skipped: int


def reading_scores(
    answers: Mapping[str, str], targets: Mapping[str, Sequence[str]], rule: Rule
) -> Reading:
    """Compare the answer to each question with the best of those wanted.

    Source: the evaluation scripts of DuReader-robust and CMRC 2018: F1 is of the longest common
    run of tokens, whatever their comments say; and of SQuAD 2.0, where it is of common tokens
    """
    f1 = exact = 0.0
    for question, right in targets.items():
        if question in answers:
            prediction = answers[question]
            f1 += max(rule.f1(rule.tokens(prediction), rule.tokens(each)) for each in right)
            exact += any(rule.plain(prediction) == rule.plain(each) for each in right)
    count = max(len(targets), 1)
    skipped = sum(question not in answers for question in targets)
    return Reading(f1 / count, exact / count, len(targets), skipped)


def token_f1(prediction: Sequence[str], target: Sequence[str]) -> float:
    """F1 of two texts' longest common run of tokens."""
    common = longest_common_run(prediction, target)
    return 2 * common / (len(prediction) + len(target)) if common else 0.0


def bag_f1(prediction: Sequence[str], target: Sequence[str]) -> float:
    """F1 of the tokens that two texts share, in any order; two empty ones are the same."""
    common = sum((Counter(prediction) & Counter(target)).values())
    if not prediction or not target:
        return float(prediction == target)
    return 2 * common / (len(prediction) + len(target))


def longest_common_run(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items in a row are in both, at most."""
    best, before = 0, [0] * (len(other) + 1)
    for item in one:
        here = [0] * (len(other) + 1)
        for j, each in enumerate(other):
            if item == each:
                here[j + 1] = before[j] + 1
        best, before = max(best, *here), here
    return best


def _dureader_plain(text: str) -> str:
    return "".join(c for c in text.lower() if c not in DUREADER_DROPPED)


def _dureader_tokens(text: str) -> list[str]:
    """Each Chinese character and "=" by itself; what stands between them together."""
    return [*_runs(_dureader_plain(text), lambda c: _is_chinese(c) or c == "=")]


def _cmrc_plain(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in CMRC_DROPPED)


def _cmrc_tokens(text: str) -> list[str]:
    """Each Chinese character by itself; what stands between them as NLTK cuts it."""
    from nltk.tokenize.destructive import NLTKWordTokenizer  # here: it takes a second to import

    cut = NLTKWordTokenizer().tokenize
    runs = _runs(_cmrc_plain(text), lambda c: "\u4e00" <= c <= "\u9fa5")
    return [token for run in runs for token in cut(run)]


def _squad_plain(text: str) -> str:
    """Without punctuation, articles and more than one space in a row."""
    words = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", words).split())


def _runs(text: str, alone: Callable[[str], bool]) -> Iterator[str]:
    """Characters that stand alone, and the runs between them."""
    run = ""
    for character in text:
        if not alone(character):
            run += character
            continue
        if run:
            yield run
        yield character
        run = ""
    if run:
        yield run


def _is_chinese(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in CHINESE)


DUREADER = Rule(_dureader_tokens, _dureader_plain, token_f1)
CMRC = Rule(_cmrc_tokens, _cmrc_plain, token_f1)
SQUAD = Rule(lambda text: _squad_plain(text).split(), _squad_plain, bag_f1)
"""CMRC's script has NLTK look for ends of sentences, too, before it cuts what is not Chinese."""
