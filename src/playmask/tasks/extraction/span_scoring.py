"""Extraction by scores for spans: every span of tokens gets a score for each label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from playmask.data.annotated import Mention
from playmask.labelling.candidates import best_spans
from playmask.runtime.padding import Batch
from playmask.tasks.extraction.candidate_counts import CANDIDATES
from playmask.tasks.extraction.methods import Method
from playmask.tasks.extraction.settings import SpanSettings
from playmask.tasks.selection import Selection
from playmask.tasks.windows import Outputs, Window, decided

if TYPE_CHECKING:
    import keras

    from playmask.model.masks import Tensor
    from playmask.model.transformer import Transformer
    from playmask.tasks.extraction.span_network import SpanNetwork

BEST = Selection(
    lambda network: network.candidates,
    lambda run, inputs: best_spans(run(inputs)["logits"], CANDIDATES),
)


def padded(rows: Sequence[Sequence[Sequence[int]]], size: int) -> npt.NDArray[Any]:
    """Lists of tuples of a size as one array, -1 behind each list: int16 (rows, longest, size)."""
    array = np.full((len(rows), max(1, *map(len, rows), 1), size), -1, "int16")
    for row, each in zip(array, rows, strict=True):
        if each:
            row[: len(each)] = each
    return array


def target_spans(
    rows: npt.NDArray[Any], spans: npt.NDArray[Any], shape: tuple[int, int, int], length: int
) -> npt.NDArray[Any]:
    """Where right spans stand among all of a label, each once, -1 filling up.

    Shapes: rows (N,), their texts; spans (N, 3), label, first and last token; shape, as of the
            result (B, labels, P); length, T -> int32 first · T + last
    """
    label, first, last = spans.astype("int64").T
    once = np.unique(np.stack([rows * shape[1] + label, first * length + last], 1), axis=0)
    groups, begins = np.unique(once[:, 0], return_index=True)
    rank = np.arange(len(once)) - begins[np.searchsorted(groups, once[:, 0])]
    targets = np.full((shape[0] * shape[1], shape[2]), -1, "int32")
    targets[once[:, 0], rank] = once[:, 1]
    return targets.reshape(shape)


class SpanScoring(Method[SpanSettings]):
    """Spans with scores above 0; they may overlap or hold one another."""

    selection: ClassVar[Selection] = BEST
    scores_mentions: ClassVar[bool] = True

    @staticmethod
    def build_network(transformer: "Transformer", settings: SpanSettings) -> "SpanNetwork":
        """A pointer of all labels."""
        from playmask.tasks.extraction.span_network import SpanNetwork

        return SpanNetwork(transformer, settings)

    @property
    def losses(self) -> "Mapping[str, keras.losses.Loss]":
        """Nats a text."""
        from playmask.labelling.losses import SparseMultilabelCrossentropy

        return {"logits": SparseMultilabelCrossentropy()}

    def mention_targets(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """Where the mention's score stands."""
        return tuple(np.int32(i) for i in (self.index[label], first, last))

    def mention_score(self, outputs: "dict[str, Tensor]", *targets: "Tensor") -> "Tensor":
        """The log-odds of a mention, in nats: (B,)."""
        from keras import ops

        scores = outputs["logits"]
        for place in targets:
            scores = ops.take(scores, place, axis=1)
        return scores

    def targets(self, windows: Sequence[Window], examples: Sequence[Any]) -> npt.NDArray[Any]:
        """Of each window's mentions label, first and last token, then -1: int16 (windows, P, 3)."""
        rows = [
            [
                (self.index[mention.label], *place)
                for mention in examples[window.text].mentions
                if (place := window.whole(mention.start, mention.end))
            ]
            for window in windows
        ]
        return padded(rows, 3)

    def prepare(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Where the right spans of each label stand among all."""
        inputs, mentions, weights = batch
        row, place = np.nonzero(mentions[..., 0] >= 0)
        length = inputs["tokens"].shape[1]
        shape = (len(mentions), len(self.labels), mentions.shape[1])
        return inputs, target_spans(row, mentions[row, place], shape, length), weights

    def extract(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Mention]]:
        """Spans with scores above 0, each from the window that shows most around it."""
        for window, mention in decided(windows, outputs, self._mentions):
            yield window.text, mention

    def _mentions(
        self, window: Window, output: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[int, int, Mention]]:
        for (label, first, last), score in spans_of(window, output).items():
            if window.covers(first, last):
                place = window.place(first, last)
                yield first, last, Mention(*place, self.labels[label], logistic(score))


def spans_of(
    window: Window, best: Mapping[str, npt.NDArray[Any]], name: str = ""
) -> dict[tuple[int, int, int], float]:
    """The best spans with scores above 0, by label, first and last token of the text.

    name: what stands before those of `best`
    """
    above = np.nonzero(best[f"{name}score"] > 0)[0]
    columns = (best[name + each][above] for each in ("label", "first", "last", "score"))
    shift, count = window.first - window.head, window.last - window.first
    return {
        (int(label), int(first) + shift, int(last) + shift): float(score)
        for label, first, last, score in zip(*columns, strict=True)
        if min(first, last) - window.head >= 0 and max(first, last) - window.head < count
    }


def logistic(score: float) -> float:
    """The probability that a score of log-odds stands for."""
    return float(1 / (1 + np.exp(-score)))
