"""Cross-entropies of many labels at once, few of which are right; functions, and losses of Keras.

All compare scores with 0: a label is predicted where its score is above it.
"""

import math
from typing import Any

import keras
from keras import ops

from playmask.labelling.candidates import HIDDEN
from playmask.labelling.divergences import LABELS
from playmask.model.masks import Tensor

serializable = keras.saving.register_keras_serializable("playmask")
MEAN = "mean_with_sample_weight"  # over the texts of a batch, those of weight 0 not among them


def multilabel_crossentropy(targets: Tensor, scores: Tensor) -> Tensor:
    """Multi-label softmax cross-entropy: ln(1 + Σ_wrong e^s) + ln(1 + Σ_right e^-s).

    It is small where right labels score above 0 and wrong ones below, and needs no balancing of
    many wrong labels against few right ones, as a sum of binary cross-entropies does.

    Shapes:  targets (…, K), 1 for right labels; scores (…, K) -> (…)
    Units:   nats
    Source:  Su 2020 (kexue 7359); reproduces bert4keras' multilabel_categorical_crossentropy

    Example:
        >>> nats = playmask.multilabel_crossentropy(np.array([1, 0]), np.array([2.0, -2.0]))
        >>> print(round(float(nats), 4))
        0.2539

    """
    right = ops.convert_to_tensor(targets) > 0
    scores = ops.convert_to_tensor(scores)
    return _above_one(ops.where(right, HIDDEN, scores)) + _above_one(
        ops.where(right, -scores, HIDDEN)
    )


def sparse_multilabel_crossentropy(targets: Tensor, scores: Tensor) -> Tensor:
    """Multi-label softmax cross-entropy of right labels given by index, -1 filling up.

    The right labels' scores are struck out of the others' sum. (bert4keras subtracts them from
    the sum of all, which is off as soon as one right score is 16 above all wrong ones.)

    Shapes:  targets int (B, P), each index once; scores (B, K) -> (B,)
    Units:   nats
    Source:  Su 2022 (kexue 8888); sparse_multilabel_categorical_crossentropy of bert4keras

    Example:
        >>> scores = np.array([[2.0, -2.0]], "float32")
        >>> print(playmask.sparse_multilabel_crossentropy(np.array([[0, -1]]), scores).shape)
        (1,)

    """
    targets, scores = ops.convert_to_tensor(targets), ops.convert_to_tensor(scores)
    there, indices = targets >= 0, ops.maximum(targets, 0)
    right = ops.take_along_axis(scores, indices, axis=-1)
    count = ops.shape(scores)[-1]
    flat = indices + ops.arange(ops.shape(scores)[0], dtype=indices.dtype)[:, None] * count
    struck = ops.where(there, -ops.stop_gradient(right) + HIDDEN, 0.0)
    wrong = ops.scatter_update(
        ops.reshape(scores, (-1,)),
        ops.reshape(flat, (-1, 1)),
        ops.reshape(struck, (-1,)),
        reduction="add",
    )
    wrong = ops.reshape(wrong, ops.shape(scores))
    return _above_one(wrong) + _above_one(ops.where(there, -right, HIDDEN))


@serializable
class MultilabelCrossentropy(keras.losses.Loss):
    """Multi-label softmax cross-entropy as a loss for `compile`: the mean over a batch's texts.

    Shapes:  y_true (B, K), 1 for right labels; y_pred (B, K), scores that are compared with 0
    Units:   nats a text
    Source:  Su 2020 (kexue 7359)

    Example:
        >>> loss = playmask.MultilabelCrossentropy()
        >>> print(round(float(loss(np.array([[1.0, 0.0]]), np.array([[2.0, -2.0]]))), 4))
        0.2539

    """

    divergence = LABELS

    def __init__(
        self, reduction: str | None = MEAN, name: str = "multilabel_crossentropy", **options: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each text: (B,)."""
        return multilabel_crossentropy(y_true, y_pred)


@serializable
class SparseMultilabelCrossentropy(keras.losses.Loss):
    """Multi-label softmax cross-entropy of right items given by index, as a loss for `compile`.

    The loss of `GlobalPointer` and `EfficientGlobalPointer`: of a span table (B, labels, T, T), the
    targets (B, labels, P) are first · T + last of each label's right spans. It is added over the
    labels, and a mean over the texts of a batch.

    Shapes:  y_true int (B, …, P), indices into what y_pred has behind the axes (B, …), flattened,
             each once, -1 filling up; y_pred (B, …, K) or (B, …, T, T)
    Units:   nats a text
    Source:  Su 2022 (kexue 8888)

    Example:
        >>> loss = playmask.SparseMultilabelCrossentropy()
        >>> spans = np.array([[[0 * 3 + 1, -1]]])  # of one label in one text: from token 0 to 1
        >>> print(round(float(loss(spans, np.zeros((1, 1, 3, 3), "float32"))), 4))  # ln 9 + ln 2
        2.8904

    """

    divergence = LABELS

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str = "sparse_multilabel_crossentropy",
        **options: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each text: (B,)."""
        groups = len(y_true.shape) - 1  # axes that are not indexed: the batch, and labels
        items, labels = ops.shape(y_pred)[groups:], ops.shape(y_pred)[1:groups]
        targets = ops.reshape(ops.cast(y_true, "int32"), (-1, ops.shape(y_true)[-1]))
        scores = ops.reshape(y_pred, (-1, math.prod(items)))
        nats = ops.reshape(sparse_multilabel_crossentropy(targets, scores), (-1, math.prod(labels)))
        return ops.sum(nats, axis=1)


def log_odds(logits: Tensor) -> Tensor:
    """Log-odds ln(p / (1 - p)) of each class by a softmax: its logit against all others.

    Shapes:  (B, K) -> (B, K)
    Units:   nats
    """
    each = ops.expand_dims(logits, 1)
    others = ops.where(ops.eye(logits.shape[-1], dtype="bool"), HIDDEN, each)
    return logits - ops.logsumexp(others, axis=-1)


def _above_one(scores: Tensor) -> Tensor:
    """ln(1 + Σ e^s) over the last axis."""
    return ops.logaddexp(ops.logsumexp(scores, axis=-1), 0.0)
