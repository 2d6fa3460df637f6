"""Relations by GPLinker: subjects and objects are spans, and each label links them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.runtime.padding import Batch
from playmask.tasks.extraction.gplinker import BEST, link_targets, linked
from playmask.tasks.extraction.relation_method import Pair, RelationMethod
from playmask.tasks.extraction.settings import RelationSettings
from playmask.tasks.extraction.span_scoring import logistic
from playmask.tasks.selection import Selection
from playmask.tasks.windows import Outputs, Window, decided

if TYPE_CHECKING:
    import keras

    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.link_network import LinkNetwork


class LinkedRelations(RelationMethod):
    """Subjects and objects whose first and whose last tokens a label links.

    Source: GPLinker (Su 2022, kexue 8888)
    """

    selection: ClassVar[Selection] = BEST

    @staticmethod
    def build_network(transformer: "Transformer", settings: RelationSettings) -> "LinkNetwork":
        """The pointers: to subjects and objects, and for each label."""
        from playmask.tasks.extraction.link_network import LinkNetwork

        labels = len(settings.labels)
        return LinkNetwork(transformer, settings, spans=2, links=labels, onward=False)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a text, of each pointer."""
        from playmask.tasks.extraction.link_network import LOSSES

        return LOSSES

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Which spans are subjects (0) and objects (1), and which ends each label links."""
        labels = len(self.labels)
        row, place = np.nonzero(batch[1][..., 0] >= 0)
        label, first, last, start, end = np.asarray(batch[1])[row, place].T
        subjects = np.stack([np.zeros_like(label), first, last], 1)
        objects = np.stack([np.ones_like(label), start, end], 1)
        parts = {
            "spans": (np.tile(row, 2), np.concatenate([subjects, objects])),
            "heads": (row, np.stack([label, first, start], 1)),
            "tails": (row, np.stack([label, last, end], 1)),
        }
        return link_targets(batch, parts, {"spans": 2, "heads": labels, "tails": labels})

    def pairs(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[Window, Pair]]:
        """Subjects and objects whose first and whose last tokens a label links."""
        return decided(windows, outputs, self._pairs)

    def _pairs(
        self, window: Window, output: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[int, int, Pair]]:
        scores = linked(window, output)
        ends: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        for role, first, last in scores.spans:
            ends[role].setdefault(first, []).append(last)
        for (label, first, start), score in scores.heads.items():
            for last, end in product(ends[0].get(first, ()), ends[1].get(start, ())):
                if (label, last, end) in scores.tails:
                    least = min(
                        score,
                        scores.tails[label, last, end],
                        scores.spans[0, first, last],
                        scores.spans[1, start, end],
                    )
                    pair = (label, (first, last), (start, end), logistic(least))
                    yield min(first, start), max(last, end), pair
