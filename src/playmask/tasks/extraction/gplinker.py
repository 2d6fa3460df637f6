"""GPLinker: spans that stand for something, and links between those that belong together.

Two spans are linked where their first tokens are, and their last ones: three pointers find any
number of relations or events at once, which may overlap.
Source: GPLinker (Su 2022, kexue 8888 for relations, kexue 8926 for events)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from playmask.labelling.losses import SparseMultilabelCrossentropy
from playmask.labelling.pointers import POINTERS, best_spans
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.settings import EventSettings, RelationSettings
from playmask.tasks.extraction.span_scoring import spans_of, target_spans
from playmask.tasks.network import TaskNetwork
from playmask.tasks.windows import Window

SPANS, LINKS = 128, 256  # candidates in a window, for the spans and for each end of links
POINTED = {"spans": SPANS, "heads": LINKS, "tails": LINKS}
Span = tuple[int, int, int]  # label, first token, last token


class LinkNetwork(TaskNetwork):
    """A Transformer and three pointers: to spans, from first to first, from last to last token.

    onward: a link has no direction, and is sought from the token before to that behind only
    Shapes: inputs as a Transformer's -> {"spans": (B, spans, T, T), "heads", "tails":
            (B, links, T, T)}
    """

    def __init__(
        self,
        transformer: Transformer,
        settings: RelationSettings | EventSettings,
        *,
        spans: int,
        links: int,
        onward: bool,
    ) -> None:
        super().__init__(transformer)
        size, pointer = settings.size, POINTERS[settings.pointer]
        self.dropout = Dropout(settings.dropout)
        ends = {"size": size, "rotary": False, "onward": onward}
        self.pointers = {
            name: pointer(count, dtype="float32", name=name, **options)
            for name, count, options in (
                ("spans", spans, {"size": size}),
                ("heads", links, ends),
                ("tails", links, ends),
            )
        }
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the pointers' weights."""
        for pointer in self.pointers.values():
            pointer.build((None, None, self.transformer.architecture.width))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all spans and all links."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        hidden = self.dropout(hidden, training=training)
        valid = self.transformer.valid(inputs)
        return {name: pointer(hidden, valid) for name, pointer in self.pointers.items()}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best spans and links, (B, K) each: their scores, labels and tokens."""
        outputs = self(inputs, training=False)
        return {
            f"{name} {what}": each
            for name, count in POINTED.items()
            for what, each in best_spans(outputs[name], count).items()
        }


LOSSES = {name: SparseMultilabelCrossentropy() for name in POINTED}


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
