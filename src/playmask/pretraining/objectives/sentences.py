"""Two halves of each text of a row: in order or exchanged, or the second of another document."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from playmask.pretraining.packing import PackedRows
from playmask.pretraining.tokenization import PARAGRAPH, SPECIAL, WORD, Array

PLACES = 16  # texts of a row at most whose halves are asked for


class Halves(NamedTuple):
    """The texts of rows that have two halves.

    answers: 1 where the second half does not follow the first
    Shapes: segments int32 (B, T); firsts, answers int32 (B, PLACES), there float32 (B, PLACES)
    """

    segments: Array
    firsts: Array
    answers: Array
    there: Array


def with_halves(
    rows: PackedRows, kind: str, ends: tuple[int, int, int], random: np.random.Generator
) -> tuple[PackedRows, Halves]:
    """Split texts in two, half of them so that the second does not follow the first.

    They are split where a paragraph begins, or else a word. kind: "sop" exchanges the halves,
    "nsp" takes the second from another row; ends: special tokens at a text's beginning, between
    its halves (they stand before its end so far) and at its end
    """
    tokens, flags = rows.tokens.copy(), rows.flags.copy()
    count, length = tokens.shape
    segments = np.zeros((count, length), "int32")
    firsts = np.zeros((count, PLACES), "int32")
    answers, there = np.zeros_like(firsts), np.zeros((count, PLACES), "float32")
    for i in range(count):
        number = 0
        for start, stop in _texts(rows, i, ends):
            split = _split(rows.flags[i, start:stop], random)
            if split is None or number == PLACES:
                continue
            wrong = bool(random.random() < 0.5)
            halves = [(x[i, start : start + split], x[i, start + split : stop]) for x in rows[:4:3]]
            if wrong and kind == "nsp":
                other = _other(rows, i, stop - start - split, ends, random)
                wrong = other is not None
                if other is not None:
                    halves = [(a, b) for (a, _), b in zip(halves, other, strict=True)]
            elif wrong:
                halves = [(b, a) for a, b in halves]
            between = slice(stop, stop + ends[1])
            for x, (first, second) in zip((tokens, flags), halves, strict=True):
                x[i, start : between.stop] = np.concatenate([first, x[i, between], second])
            middle = start + len(halves[0][0]) + ends[1]
            segments[i, middle : between.stop + ends[2]] = 1
            firsts[i, number], answers[i, number] = start - ends[0], wrong
            there[i, number] = 1.0
            number += 1
    return rows._replace(tokens=tokens, flags=flags), Halves(segments, firsts, answers, there)


def _texts(rows: PackedRows, i: int, ends: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Where the content of each framed text of a row begins and ends."""
    texts = rows.texts[i]
    edges = np.flatnonzero(np.diff(texts, prepend=-2, append=-2))
    spans = [(int(a), int(b)) for a, b in pairwise(edges) if texts[a] >= 0]
    head, after = ends[0], ends[1] + ends[2]
    return [
        (start + head, stop - after)
        for start, stop in spans
        if stop - start > head + after and rows.flags[i, start] & SPECIAL
    ]


def _split(flags: Array, random: np.random.Generator) -> int | None:
    """Where a text of some flags is split; None where it cannot be."""
    for flag in (PARAGRAPH, WORD):
        places = np.flatnonzero(flags[1:] & flag) + 1
        if len(places):
            return int(random.choice(places))
    return None


def _other(
    rows: PackedRows,
    i: int,
    size: int,
    ends: tuple[int, int, int],
    random: np.random.Generator,
) -> tuple[Any, Any] | None:
    """So many tokens of another row's text, and their flags; None where there is none so long."""
    for other in random.permutation(len(rows.tokens))[:4]:
        spans = [(a, b) for a, b in _texts(rows, other, ends) if b - a >= size]
        if other != i and spans:
            start, stop = spans[int(random.integers(len(spans)))]
            first = int(random.integers(start, stop - size + 1))
            inside = slice(first, first + size)
            return rows.tokens[other, inside], rows.flags[other, inside]
    return None
