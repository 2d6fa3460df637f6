"""Linking stretches: which stand for something, and which of them belong together.

Two stretches are linked where their first tokens are, and their last ones: three pointers find any
number of relations or events at once, which may overlap.
Source: GPLinker (Su 2022, kexue 8888 for relations, kexue 8926 for events)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from playmask.errors import ConfigError, nearest
from playmask.labelling.losses import SparseMultilabelCrossentropy
from playmask.labelling.pointers import POINTERS, best_spans
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch
from playmask.tasks.extraction.span_tagger import spans_of, target_spans
from playmask.tasks.task import TaskNetwork
from playmask.tasks.windows import Window

STRETCHES, LINKS = 128, 256  # candidates in a window, for the stretches and for each end of links
PARTS = {"stretches": STRETCHES, "heads": LINKS, "tails": LINKS}
Stretch = tuple[int, int, int]  # label, first token, last token


class LinkNetwork(TaskNetwork):
    """A Transformer and three pointers: to stretches, from first to first, from last to last token.

    onward: a link has no direction, and is sought from the token before to that behind only
    Shapes: inputs as a Transformer's -> {"stretches": (B, stretches, T, T), "heads", "tails":
            (B, links, T, T)}
    """

    def __init__(
        self,
        transformer: Transformer,
        settings: Mapping[str, Any],
        *,
        stretches: int,
        links: int,
        onward: bool,
    ) -> None:
        super().__init__(transformer)
        kind, size = settings["pointer"], settings["size"]
        if kind not in POINTERS:
            raise ConfigError(f"There is no pointer {kind!r}.{nearest(kind, POINTERS)}")
        self.dropout = Dropout(settings["dropout"])
        ends = {"size": size, "rotary": False, "onward": onward}
        self.pointers = {
            name: POINTERS[kind](count, dtype="float32", name=name, **options)
            for name, count, options in (
                ("stretches", stretches, {"size": size}),
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
        """Score all stretches and all links."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        hidden = self.dropout(hidden, training=training)
        valid = self.transformer.valid(inputs)
        return {name: pointer(hidden, valid) for name, pointer in self.pointers.items()}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best stretches and links, (B, K) each: their scores, labels and tokens."""
        outputs = self(inputs, training=False)
        return {
            f"{name} {what}": each
            for name, count in PARTS.items()
            for what, each in best_spans(outputs[name], count).items()
        }


LOSSES = {name: SparseMultilabelCrossentropy() for name in PARTS}


def ask_links(
    batch: Batch, parts: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: Mapping[str, int]
) -> Batch:
    """What the three pointers should find in a batch.

    parts: of each pointer, the texts (N,) and label, first and last token (N, 3); labels: how
    many each has
    """
    inputs, found, weights = batch
    length = inputs["tokens"].shape[1]
    wanted = {
        name: target_spans(rows, triples, (len(found), labels[name], found.shape[1]), length)
        for name, (rows, triples) in parts.items()
    }
    return inputs, wanted, weights  # type: ignore[return-value]


class Linked(NamedTuple):
    """What a window says: scores above 0, in tokens of the text.

    stretches: by label, first and last token; heads, tails: by label and the first, or the last,
    tokens of two stretches
    """

    stretches: dict[Stretch, float]
    heads: dict[Stretch, float]
    tails: dict[Stretch, float]


def linked(window: Window, output: Mapping[str, np.ndarray]) -> Linked:
    """What the best candidates of a window say."""
    return Linked(*(spans_of(window, output, f"{name} ") for name in PARTS))
