"""GPLinker: spans that stand for something, and links between those that belong together.

Two spans are linked where their first tokens are, and their last ones: three pointers find any
number of relations or events at once, which may overlap.
Source: GPLinker (Su 2022, kexue 8888 for relations, kexue 8926 for events)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from playmask.labelling.candidates import best_spans
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.candidate_counts import POINTED
from playmask.tasks.extraction.span_scoring import spans_of, target_spans
from playmask.tasks.selection import Selection
from playmask.tasks.windows import Window

Span = tuple[int, int, int]  # label, first token, last token


def link_targets(
    batch: Batch,
    parts: Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    labels: Mapping[str, int],
) -> Batch:
    """What the three pointers should find in a batch.

    parts: of each pointer, the texts (N,) and label, first and last token (N, 3); labels: how
    many each has
    """
    inputs, every, weights = batch
    length = inputs["tokens"].shape[1]
    targets = {
        name: target_spans(rows, triples, (len(every), labels[name], every.shape[1]), length)
        for name, (rows, triples) in parts.items()
    }
    return inputs, targets, weights


def best_links(outputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The best spans and links of the three pointers, (B, K) each: scores, labels and tokens."""
    return {
        f"{name} {what}": each
        for name, count in POINTED.items()
        for what, each in best_spans(outputs[name], count).items()
    }


BEST = Selection(lambda network: network.candidates, lambda run, inputs: best_links(run(inputs)))


class Linked(NamedTuple):
    """What a window says: scores above 0, in tokens of the text.

    spans: by label, first and last token; heads, tails: by label and the first, or the last,
    tokens of two spans
    """

    spans: dict[Span, float]
    heads: dict[Span, float]
    tails: dict[Span, float]


def linked(window: Window, output: Mapping[str, npt.NDArray[Any]]) -> Linked:
    """What the best candidates of a window say."""
    return Linked(*(spans_of(window, output, f"{name} ") for name in POINTED))
