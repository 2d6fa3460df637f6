"""Tagging spans: every stretch of tokens gets a score for each label; mentions may overlap."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from playmask.data.annotated import Annotated, Mention
from playmask.errors import ConfigError, nearest
from playmask.labelling.losses import SparseMultilabelCrossentropy
from playmask.labelling.pointers import POINTERS, best_spans
from playmask.model.masks import Tensor
from playmask.model.rng import Dropout
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Batch
from playmask.runtime.predictor import Predictor
from playmask.tasks.extraction.mentions import MentionTask
from playmask.tasks.task import TaskNetwork
from playmask.tasks.windows import Outputs, Window, decided
from playmask.tokenizers import Tokenizer

CANDIDATES = 256  # of a window; more than so many mentions in one are not found


class SpanNetwork(TaskNetwork):
    """A Transformer and a pointer.

    Shapes: inputs as a Transformer's -> {"logits": (B, labels, T, T)}, at [first, last]
    """

    def __init__(self, transformer: Transformer, settings: Mapping[str, Any]) -> None:
        super().__init__(transformer)
        kind = settings["pointer"]
        if kind not in POINTERS:
            raise ConfigError(f"There is no pointer {kind!r}.{nearest(kind, POINTERS)}")
        self.dropout = Dropout(settings["dropout"])
        self.pointer = POINTERS[kind](
            len(settings["labels"]), size=settings["size"], dtype="float32", name="pointer"
        )
        self.build(None)

    def build(self, shape: Any = None) -> None:
        """Create the pointer's weights."""
        self.pointer.build((None, None, self.transformer.architecture.width))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """Score all stretches."""
        hidden = self.transformer(inputs, training=training)["hidden"]
        hidden = self.dropout(hidden, training=training)
        return {"logits": self.pointer(hidden, self.transformer.valid(inputs))}

    def candidates(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The best stretches: scores, labels, first and last tokens, (B, K) each."""
        return best_spans(self(inputs, training=False)["logits"], CANDIDATES)


def padded(rows: Sequence[Sequence[Sequence[int]]], size: int) -> np.ndarray:
    """Lists of tuples of a size as one array, -1 behind each list: int16 (rows, longest, size)."""
    found = np.full((len(rows), max(1, *map(len, rows), 1), size), -1, "int16")
    for row, each in zip(found, rows, strict=True):
        if each:
            row[: len(each)] = each
    return found


def target_spans(
    rows: np.ndarray, stretches: np.ndarray, shape: tuple[int, int, int], length: int
) -> np.ndarray:
    """Where right stretches stand among all of a label, each once, -1 filling up.

    Shapes: rows (N,), their texts; stretches (N, 3), label, first and last token; shape, as of the
            result (B, labels, P); length, T -> int32 first · T + last
    """
    label, first, last = stretches.astype("int64").T
    once = np.unique(np.stack([rows * shape[1] + label, first * length + last], 1), axis=0)
    groups, begins = np.unique(once[:, 0], return_index=True)
    rank = np.arange(len(once)) - begins[np.searchsorted(groups, once[:, 0])]
    wanted = np.full((shape[0] * shape[1], shape[2]), -1, "int32")
    wanted[once[:, 0], rank] = once[:, 1]
    return wanted.reshape(shape)


class SpanTagger(MentionTask):
    """Finds mentions that may overlap or hold one another, by a score for each stretch."""

    kind: ClassVar[str] = "spans"

    @classmethod
    def new(
        cls,
        model: Transformer | str | Path,
        labels: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        max_length: int = 128,
        pointer: str = "efficient",
        size: int = 64,
        dropout: float = 0.1,
    ) -> Self:
        """Put a fresh pointer on a Transformer, or on the checkpoint at a path.

        pointer: "global" or "efficient", with queries of a size; max_length: tokens that are read
        at once
        """
        settings = {"max_length": max_length, "pointer": pointer, "size": size, "dropout": dropout}
        return cls.settle(model, labels, tokenizer, settings)

    @classmethod
    def make_network(cls, transformer: Transformer, settings: Mapping[str, Any]) -> keras.Model:
        """Build the network around a Transformer."""
        return SpanNetwork(transformer, settings)

    def make_predictor(self, function: Any = None) -> Predictor:
        """What answers with the best stretches alone."""
        return super().make_predictor(function or self.network.candidates)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Give the network its loss: nats a text."""
        self.network.compile(
            optimizer,
            loss={"logits": SparseMultilabelCrossentropy()},
            jit_compile=keras.backend.backend() == "jax",
        )

    def told(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """Where the mention's score stands."""
        return tuple(np.int32(i) for i in (self.labels.index(label), first, last))

    def score(self, outputs: dict[str, Tensor], *told: Tensor) -> Tensor:
        """The log-odds of a mention, in nats: (B,)."""
        scores = outputs["logits"]
        for place in told:
            scores = ops.take(scores, place, axis=1)
        return scores

    def targets(self, examples: Sequence[Annotated]) -> np.ndarray:
        """Of each window's mentions label, first and last token, then -1: int16 (windows, P, 3)."""
        number = {label: i for i, label in enumerate(self.labels)}
        rows: list[list[tuple[int, int, int]]] = []
        for window in self.windows([example.text for example in examples]):
            rows.append([])
            for mention in examples[window.text].mentions:
                if place := window.whole(mention.start, mention.end):
                    rows[-1].append((number[mention.label], *place))
        return padded(rows, 3)

    def ask(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Where the right stretches of each label stand among all."""
        inputs, mentions, weights = batch
        row, place = np.nonzero(mentions[..., 0] >= 0)
        length = inputs["tokens"].shape[1]
        shape = (len(mentions), len(self.labels), mentions.shape[1])
        return inputs, target_spans(row, mentions[row, place], shape, length), weights

    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterator[tuple[int, Mention]]:
        """Stretches with scores above 0, each from the window that shows most around it."""
        for window, mention in decided(windows, outputs, self._mentions):
            yield window.text, mention

    def _mentions(
        self, window: Window, output: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[int, int, Mention]]:
        for (label, first, last), score in spans_of(window, output).items():
            place = window.place(first, last)
            yield first, last, Mention(*place, self.labels[label], logistic(score))


def spans_of(
    window: Window, best: Mapping[str, np.ndarray], name: str = ""
) -> dict[tuple[int, int, int], float]:
    """The best stretches with scores above 0, by label, first and last token of the text.

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
