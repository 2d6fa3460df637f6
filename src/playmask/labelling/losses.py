"""Losses of many labels at once, few of which are right."""

from keras import ops

from playmask.model.masks import Tensor

HIDDEN = -1e9  # of what does not count


def multilabel_crossentropy(wanted: Tensor, scores: Tensor) -> Tensor:
    """ln(1 + Σ_wrong e^s) + ln(1 + Σ_right e^-s): right scores above 0, wrong ones below, in nats.

    Shapes: wanted (…, K), 1 for right labels; scores (…, K) -> (…)
    Source: Su 2020 (kexue 7359); reproduces bert4keras' multilabel_categorical_crossentropy
    """
    right = wanted > 0
    return _above_one(ops.where(right, HIDDEN, scores)) + _above_one(
        ops.where(right, -scores, HIDDEN)
    )


def sparse_multilabel_crossentropy(wanted: Tensor, scores: Tensor) -> Tensor:
    """The same, where right labels are told by their numbers, -1 filling up.

    The right labels' scores are struck out of the others' sum. (bert4keras subtracts them from
    the sum of all, which is off as soon as one right score is 16 above all wrong ones.)
    Shapes: wanted int (B, P), each number once; scores (B, K) -> (B,)
    Source: Su 2022 (kexue 8888); sparse_multilabel_categorical_crossentropy of bert4keras
    """
    there, places = wanted >= 0, ops.maximum(wanted, 0)
    right = ops.take_along_axis(scores, places, axis=-1)
    count = ops.shape(scores)[-1]
    flat = places + ops.arange(ops.shape(scores)[0], dtype=places.dtype)[:, None] * count
    struck = ops.where(there, -ops.stop_gradient(right) + HIDDEN, 0.0)
    wrong = ops.scatter_update(
        ops.reshape(scores, (-1,)),
        ops.reshape(flat, (-1, 1)),
        ops.reshape(struck, (-1,)),
        reduction="add",
    )
    wrong = ops.reshape(wrong, ops.shape(scores))
    return _above_one(wrong) + _above_one(ops.where(there, -right, HIDDEN))


def _above_one(scores: Tensor) -> Tensor:
    """ln(1 + Σ e^s) over the last axis."""
    return ops.logaddexp(ops.logsumexp(scores, axis=-1), 0.0)
