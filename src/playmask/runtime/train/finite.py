"""Stopping a training whose loss is no longer finite."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from playmask.errors import NotFiniteError
from playmask.runtime.host_copies import HostCopy, arrays_of_copy
from playmask.runtime.peer_processes import somewhere
from playmask.runtime.train.options import TrainingOptions


class FiniteLoss(keras.callbacks.Callback):
    """Stops a training at the step whose loss is NaN or infinite, and says what to try.

    Where Keras hands the losses of steps over in threads, while the next steps run, so it stays:
    the loop does not wait for them, and a step or two later the training stops.

    Raises: NotFiniteError
    """

    async_safe = True  # for Keras: the end of a step may be seen in another thread

    def __init__(self, options: TrainingOptions) -> None:
        super().__init__()
        self.options = options
        self.epoch = 0
        self.losses: dict[int, float] = {}  # those that are not finite, by step
        self.ended: set[int] = set()
        self.checked: int | None = None  # the first step whose end was not seen yet

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin to count steps."""
        self.epoch, self.losses, self.ended, self.checked = epoch, {}, set(), None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note a loss that is not finite: that of the epoch so far, as one of its steps is not."""
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            self.losses[batch] = loss
        self.ended.add(batch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Stop where a step had none and those before are seen: threads may change places."""
        if self.checked is None:
            self.checked = batch  # a resumed training may begin within an epoch
        while self.checked in self.ended:
            self.ended.remove(self.checked)
            self.checked += 1
        if self.losses and min(self.losses) < self.checked:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop where one of the last steps had none."""
        if self.losses:
            self._stop()

    def _stop(self) -> None:
        step = min(self.losses)
        raise NotFiniteError(
            f"The loss is {self.losses[step]} at step {step + 1} of epoch {self.epoch + 1}, so the "
            f"training stopped; what was kept is of the epochs before. {advice(self.options)}"
        )


def check_epoch(
    epoch: int, logs: Mapping[str, Any], weights: Sequence[HostCopy], options: TrainingOptions
) -> None:
    """See that an epoch has left finite weights and no NaN as its validation loss.

    Raises: NotFiniteError
    """
    if math.isnan(logs.get("val_loss", 0.0)):
        raise _refusal(f"The validation loss is nan after epoch {epoch + 1}", options)
    check_weights(f"after epoch {epoch + 1}", weights, options)


def check_weights(place: str, weights: Sequence[HostCopy], options: TrainingOptions) -> None:
    """See that weights are finite in all processes; raises NotFiniteError."""
    arrays = (array for copy in weights for array in arrays_of_copy(copy))
    if somewhere(not all(np.isfinite(array).all() for array in arrays)):
        raise _refusal(f"Weights are no longer finite numbers {place}", options)


def _refusal(state: str, options: TrainingOptions) -> NotFiniteError:
    return NotFiniteError(
        f"{state}, so the training stopped; what was kept is of the epochs before. "
        f"{advice(options)}"
    )


def advice(options: TrainingOptions) -> str:
    """What to try next."""
    clip = "" if options.clip else ", clip=1.0"
    return (
        f"Try a lower learning_rate (it was {options.learning_rate:g}; a tenth of that){clip}, a "
        "longer warm_up, and float32 or bfloat16 where the model was loaded in float16."
    )
