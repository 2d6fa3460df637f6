"""Cross-entropies of classes with class weights, label smoothing and focal modulation.

All are one formula, - Σ_k w_k q_k (1 - p_k)^γ ln p_k: p, the probabilities; q, the targets, of
which smoothing gives every class a share ε; w, the weights of the classes; γ, the focal exponent.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from playmask.labelling.losses import MEAN, serializable
from playmask.model.masks import Tensor

LEAST = 1e-7  # of 1 - p, whose power has no gradient at 0
Config = dict[str, Any]


def class_crossentropy(
    targets: Tensor,
    logits: Tensor,
    *,
    focal: float = 0.0,
    smoothing: float = 0.0,
    weights: Sequence[float] = (),
) -> Tensor:
    """Cross-entropy of classes that exclude one another, weighted, smoothed and focal.

    Shapes:  targets int (…), logits (…, K), weights (K,) or none -> (…)
    Units:   nats
    Source:  Lin et al. 2017, eq. 5 (focal γ); Szegedy et al. 2016, §7 (smoothing ε)

    Example:
        >>> nats = playmask.class_crossentropy(np.array([1]), np.array([[0.0, 0.0]]), focal=2.0)
        >>> print(round(float(nats[0]), 4))  # ln 2 · (1 - 1/2)²
        0.1733

    """
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    each = -logs
    if focal:
        each = each * _unsure(ops.exp(logs), focal)
    if len(weights):
        each = each * ops.convert_to_tensor(np.asarray(weights, "float32"))
    indices = ops.expand_dims(ops.cast(targets, "int32"), -1)
    right = ops.take_along_axis(each, indices, axis=-1)[..., 0]
    if not smoothing:
        return right
    return (1 - smoothing) * right + smoothing * ops.mean(each, axis=-1)


def label_crossentropy(
    targets: Tensor,
    logits: Tensor,
    *,
    focal: float = 0.0,
    smoothing: float = 0.0,
    weights: Sequence[float] = (),
) -> Tensor:
    """Cross-entropy of labels that are decided each by itself, the mean over them.

    weights: how many times a text counts for a label that it has
    Shapes:  targets (…, K) from 0 to 1, logits (…, K), weights (K,) or none -> (…)
    Units:   nats
    Source:  as of `class_crossentropy`, of the two classes that each label is
    """
    logits = ops.cast(logits, "float32")
    targets = (1 - smoothing) * ops.cast(targets, "float32") + smoothing / 2
    has, lacks = -ops.log_sigmoid(logits), -ops.log_sigmoid(-logits)
    if focal:
        has, lacks = (each * _unsure(ops.exp(-each), focal) for each in (has, lacks))
    if len(weights):
        has = has * ops.convert_to_tensor(np.asarray(weights, "float32"))
    return ops.mean(targets * has + (1 - targets) * lacks, axis=-1)


def _unsure(probabilities: Tensor, focal: float) -> Tensor:
    return ops.power(ops.maximum(1 - probabilities, LEAST), focal)


class _Changed(keras.losses.Loss):
    """A cross-entropy with what changes it; see `class_crossentropy`."""

    def __init__(
        self,
        *,
        focal: float = 0.0,
        smoothing: float = 0.0,
        weights: Sequence[float] = (),
        reduction: str | None = MEAN,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **options)
        self.changes: Config = {
            "focal": focal, "smoothing": smoothing, "weights": tuple(map(float, weights))
        }  # fmt: skip

    def get_config(self) -> Config:
        """Return what makes an equal loss."""
        return {**super().get_config(), **self.changes}


@serializable
class ClassCrossentropy(_Changed):
    """`class_crossentropy` as a loss for `compile`: the mean over classes' sites, by their weights.

    Shapes:  y_true int (B, …), y_pred logits (B, …, K)
    Units:   nats
    Source:  Lin et al. 2017, eq. 5; Szegedy et al. 2016, §7

    Example:
        >>> loss = playmask.ClassCrossentropy(smoothing=0.1, weights=[2.0, 1.0])
        >>> print(round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4))  # 1.95 · ln 2
        1.3516

    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each site: (B, …)."""
        return class_crossentropy(y_true, y_pred, **self.changes)


@serializable
class LabelCrossentropy(_Changed):
    """`label_crossentropy` as a loss for `compile`: the mean over a batch's texts.

    Shapes:  y_true (B, K), 1 for right labels; y_pred logits (B, K)
    Units:   nats a label
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats of each text: (B,)."""
        return label_crossentropy(y_true, y_pred, **self.changes)


@serializable
class SoftmaxTagCrossentropy(_Changed):
    """`class_crossentropy` of tags that are decided each by itself: the mean over a text's tokens.

    Shapes:  y_true int (B, T), -1 for padding; y_pred logits (B, T, L)
    Units:   nats a token of each text, the mean over the texts of a batch
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Nats a token, of each text: (B,)."""
        tags = ops.cast(y_true, "int32")
        valid = tags >= 0
        nats = class_crossentropy(ops.maximum(tags, 0), y_pred, **self.changes)
        count = ops.maximum(ops.sum(ops.cast(valid, "float32"), axis=1), 1.0)
        return ops.sum(ops.where(valid, nats, 0.0), axis=1) / count
