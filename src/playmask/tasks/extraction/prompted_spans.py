"""Spans that answer a prompt: the logits of their ends, how they are learnt, and how paired."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.data.offsets import Place
from playmask.data.prompted import Prompted, shift_of
from playmask.tasks.windows import Neighbours, Window
from playmask.tokenizers import Encoding

PROMPT = 0  # of Encoding.sources: what stands before the text
Pair = tuple[int, int, float]
"""First and last tokens of a span in a row, and how sure it is."""

UNKNOWN = -1  # a target that is not known: padding, or what a window cuts


def targets_of(
    windows: Sequence[Window], examples: Sequence[Prompted], longest: int
) -> npt.NDArray[Any]:
    """What each window shows of the ends of spans: int8 (windows, longest, 2).

    A span that a window cuts teaches nothing there.
    """
    targets = np.full((len(windows), longest, 2), UNKNOWN, "int8")
    for row, window in zip(targets, windows, strict=True):
        example = examples[window.text]
        row[: len(window.encoding)] = 0
        for place in example.places:
            cut = window.tokens_of(*place) if place[0] >= 0 else None
            if cut is not None and (cut.left or cut.right):
                row[window.head + cut.first : window.head + cut.last + 1] = UNKNOWN
        for place in example.places:
            ends = _ends(window, example.prompt, place)
            if ends is not None:
                row[ends[0], 0] = row[ends[1], 1] = 1
    return targets


def _ends(window: Window, prompt: str, place: Place) -> tuple[int, int] | None:
    """First and last of a row's tokens for a place in the text or, below 0, in the prompt."""
    if place[0] >= 0:
        return window.whole(*place)
    start, end = (offset + shift_of(prompt) for offset in place)
    both = zip(window.encoding.offsets, window.encoding.sources, strict=True)
    tokens = [
        i
        for i, ((first, behind), source) in enumerate(both)
        if source == PROMPT and first < end and start < behind
    ]
    return (tokens[0], tokens[-1]) if tokens else None


def paired(logits: npt.NDArray[Any], encoding: Encoding, threshold: float) -> Iterator[Pair]:
    """First and last tokens of the spans of a row, and how sure they are.

    Of the ends that are likelier than a threshold, each start goes with the nearest end that is
    not before it, and of several starts with one end the last does; a span lies in the text or in
    the prompt. How sure: the product of both probabilities.

    Shapes: logits (T, 2)
    Source: `get_span` of PaddleNLP's UIE
    """
    chances = 1 / (1 + np.exp(-logits[: len(encoding)].astype("float64")))
    sources = np.array(encoding.sources)
    starts, ends = (np.flatnonzero((each > threshold) & (sources >= PROMPT)) for each in chances.T)
    nearest = np.searchsorted(ends, starts)  # the number of the first end not before each start
    last = {int(i): int(start) for i, start in zip(nearest, starts, strict=True) if i < len(ends)}
    for i, first in last.items():
        end = int(ends[i])
        if sources[first] == sources[end]:
            yield first, end, float(chances[first, 0] * chances[end, 1])


def places_in(
    windows: Sequence[Window], pairs: Sequence[Sequence[Pair]], prompts: Sequence[str]
) -> dict[int, list[tuple[int, int, float]]]:
    """Where the spans of all windows stand, by the number of their text, and how sure they are.

    Each is taken from the window that shows most around it. Of the answers that a prompt holds one
    is chosen: that of most windows, then the surest; its place is below 0, see `Prompted`.

    prompts: of the texts
    """
    places: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    choices: dict[int, dict[Place, list[float]]] = defaultdict(lambda: defaultdict(list))
    neighbours = Neighbours(windows)
    for window, each in zip(windows, pairs, strict=True):
        offsets, sources = window.encoding.offsets, window.encoding.sources
        for first, last, score in each:
            if sources[first] == PROMPT:
                shift = shift_of(prompts[window.text])
                place = offsets[first][0] - shift, offsets[last][1] - shift
                choices[window.text][place].append(score)
                continue
            left, right = (token - window.head + window.first for token in (first, last))
            if window.covers(left, right) and neighbours.decides(window, left, right):
                places[window.text].append((*window.place(left, right), score))
    for text, options in choices.items():
        place, scores = max(options.items(), key=lambda option: (len(option[1]), sum(option[1])))
        places[text].append((*place, sum(scores) / len(scores)))
    return places
