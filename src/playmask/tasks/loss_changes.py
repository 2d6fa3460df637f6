"""What a task learns, and what options change of the loss it learns that by."""

from typing import Literal, NamedTuple

Targets = Literal["classes", "labels", "tags", "tokens", "other"]
"""What is learnt: one class of several, labels each by itself, a class for each token, the tokens
that are written, or something else, whose loss no option changes."""


class LossChanges(NamedTuple):
    """What changes a cross-entropy; weights: of the classes, in the order of the logits."""

    focal: float = 0.0
    smoothing: float = 0.0
    weights: tuple[float, ...] = ()
