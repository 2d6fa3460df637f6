"""Losses that compare the vectors of a batch's sentences with one another, or with others' vectors.

All that compare sentences read one table of targets, a row for each sentence (`TARGETS`): the row
of its positive (-1: it has none), which sentence it is (the same text has the same number), its
role (`TEXT`, `PAIR`, `NEGATIVE`; -1: it only fills the batch), and the example that it is of.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.labelling.candidates import HIDDEN
from playmask.labelling.divergences import Divergence
from playmask.labelling.losses import MEAN
from playmask.model.masks import Tensor
from playmask.tasks.similarity.vector_layers import unit_length

TARGETS = ("positive", "sentence", "role", "example")
TEXT, PAIR, NEGATIVE = range(3)
Candidates = tuple[tuple[int, ...], tuple[int, ...]]

ALL: Candidates = ((TEXT, PAIR, NEGATIVE), (TEXT, PAIR, NEGATIVE))
"""Texts and pairs look for one another among all sentences of the batch (SimBERT)."""
ONE_WAY: Candidates = ((PAIR, NEGATIVE), ())
"""Texts look for their pairs among the pairs and negatives of the batch."""
TWO_WAYS: Candidates = ((PAIR, NEGATIVE), (TEXT,))
"""So do texts; and pairs look for their texts among the texts."""


VECTORS = Divergence(
    lambda p, q, valid: ops.sum(ops.square(unit_length(p) - unit_length(q)), axis=-1),
    unit_length,
    logits=False,
)
"""Of vectors: the squared distance between their directions, 2 · (1 - cosine)."""


class Contrast(keras.losses.Loss):
    """In-batch contrastive cross-entropy (InfoNCE): of finding each sentence's pair in the batch.

    A sentence is not held against itself, nor against another copy of its pair.

    candidates: the roles among which texts, and pairs, look for each other; a role without any
    looks for nothing
    Shapes: y_true `TARGETS` (B, 4), y_pred vectors (B, D) -> (B,), nats
    Source: Su 2020 (kexue 7427), SimBERT: ALL, with scale 30; van den Oord 2018; Henderson 2017;
            reproduces sentence-transformers' MultipleNegativesRankingLoss: ONE_WAY, scale 20
    """

    divergence = VECTORS
    in_batch = True  # its targets are of the whole batch

    def __init__(self, scale: float, candidates: Candidates = ALL) -> None:
        super().__init__(reduction=MEAN, name="contrast")
        self.scale = scale
        allowed = np.zeros((3, 3), bool)
        for role, those in enumerate(candidates):
            allowed[role, list(those)] = True
        self.allowed = allowed

    def logits(self, targets: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The row of each positive, and scaled cosines with all rows, what does not count hidden.

        Shapes: (B, 4), (B, D) -> int (B,), (B, B)
        """
        positive, sentence, role, _ = ops.unstack(ops.cast(targets, "int32"), 4, axis=1)
        positive, number = ops.maximum(positive, 0), ops.maximum(role, 0)
        other = ops.take(sentence, positive)
        same = (sentence[None] == sentence[:, None]) | (sentence[None] == other[:, None])
        rows = ops.take(ops.convert_to_tensor(self.allowed), number, axis=0)
        visible = ops.take(rows, number, axis=1) & (role >= 0)[None] & ops.logical_not(same)
        right = ops.arange(ops.shape(role)[0], dtype="int32")[None] == positive[:, None]
        vectors = unit_length(vectors)
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        return positive, ops.where(visible | right, self.scale * cosines, HIDDEN)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each sentence: (B,)."""
        positive, logits = self.logits(y_true, y_pred)
        logs = ops.log_softmax(logits, axis=-1)
        return -ops.take_along_axis(logs, positive[:, None], axis=1)[:, 0]

    def accuracy(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 where a sentence's pair is the most similar of its candidates: (B,)."""
        positive, logits = self.logits(y_true, y_pred)
        return ops.cast(ops.cast(ops.argmax(logits, axis=-1), "int32") == positive, "float32")


class TripletMargin(keras.losses.Loss):
    """Triplet loss: how far a negative is from being less similar than the pair by a margin.

    max(0, margin + cos(text, negative) - cos(text, pair)), the mean over a text's own negatives.

    Shapes: y_true `TARGETS` (B, 4), y_pred vectors (B, D) -> (B,), cosines
    Source: Schroff et al. 2015 (FaceNet), eq. 2, with 1 - cosine as the distance
    """

    divergence = VECTORS
    in_batch = True  # its targets are of the whole batch

    def __init__(self, margin: float) -> None:
        super().__init__(reduction=MEAN, name="triplet")
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sentence, 0 where it has no negatives: (B,)."""
        positive, _, role, example = ops.unstack(ops.cast(y_true, "int32"), 4, axis=1)
        vectors = unit_length(y_pred)
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        right = ops.take_along_axis(cosines, ops.maximum(positive, 0)[:, None], axis=1)
        own = (example[None] == example[:, None]) & (role == NEGATIVE)[None]
        own = ops.cast(own, cosines.dtype)
        losses = own * ops.maximum(0.0, self.margin + cosines - right)
        return ops.sum(losses, axis=1) / ops.maximum(ops.sum(own, axis=1), 1.0)


class Cosent(keras.losses.Loss):
    """CoSENT: ln(1 + Σ e^(scale · (cosine of the less similar pair - cosine of the more similar))).

    The sum is over all couples of pairs in the batch whose scores differ; ties say nothing. Only
    the order of the scores counts, so that they may be on any scale.

    Shapes: y_true (2 B, 2): the score of the pair that a sentence is of, and the pair's weight;
            y_pred vectors (2 B, D), all first sentences before all second ones -> (2 B,), nats, the
            same for all
    Source: Su 2022 (kexue 8847), with scale 20
    """

    divergence = VECTORS
    in_batch = True  # its targets are of the whole batch

    def __init__(self, scale: float) -> None:
        super().__init__(reduction=MEAN, name="cosent")
        self.scale = scale

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The batch's loss, for each of its sentences: (2 B,)."""
        count, size = ops.shape(y_pred)[0], y_pred.shape[-1]
        one, other = ops.unstack(ops.reshape(unit_length(y_pred), (2, -1, size)), 2)
        cosines = self.scale * ops.sum(one * other, axis=1)
        scores, weights = ops.unstack(ops.reshape(y_true, (2, -1, 2))[0], 2, axis=1)
        above = scores[:, None] > scores[None]
        both = weights[:, None] * weights[None]
        counts = above & (both > 0)
        logs = cosines[None] - cosines[:, None] + ops.log(ops.where(counts, both, 1.0))
        logs = ops.reshape(ops.where(counts, logs, HIDDEN), (-1,))
        loss = ops.logsumexp(ops.concatenate([logs, ops.zeros((1,), logs.dtype)]))
        return ops.broadcast_to(loss, (count,))


class VectorDistance(keras.losses.Loss):
    """How far vectors are from those of a teacher: squared error, or 1 - cosine.

    Shapes: y_true, y_pred (B, D) -> (B,); of squared errors the mean over the D numbers
    Source: Reimers & Gurevych 2020 (squared error)
    """

    divergence = VECTORS

    def __init__(self, cosine: bool) -> None:
        super().__init__(reduction=MEAN, name="cosine" if cosine else "mse")
        self.cosine = cosine

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The distance of each vector: (B,)."""
        if self.cosine:
            return 1.0 - ops.sum(unit_length(y_true) * unit_length(y_pred), axis=1)
        return ops.mean(ops.square(y_true - y_pred), axis=1)


class AtSizes(keras.losses.Loss):
    """Matryoshka: the sum of a loss of whole vectors, and of their first so many numbers.

    Shapes: as of the loss, which compares by cosines, so that no length has to be restored
    Source: Kusupati et al. 2022, eq. 1, with all weights 1
    """

    divergence = VECTORS

    def __init__(self, loss: Any, sizes: Sequence[int]) -> None:
        super().__init__(reduction=MEAN, name=loss.name)
        self.loss, self.sizes = loss, tuple(sizes)

    @property
    def in_batch(self) -> bool:
        """Whether texts are compared with others of their batch."""
        return getattr(self.loss, "in_batch", False)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The sum of the losses of each row: (B,)."""
        total = self.loss.call(y_true, y_pred)
        for size in self.sizes:
            total = total + self.loss.call(y_true, y_pred[:, :size])
        return total
