"""Keras' loop over epochs, which may begin within one: at the batch where a training stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from playmask.runtime.batches import Batches
from playmask.runtime.padding import Batch
from playmask.runtime.peer_processes import own_share
from playmask.runtime.train.accumulation import GroupedBatches
from playmask.runtime.train.backup import Position


class Rest(keras.utils.PyDataset):
    """The batches of an epoch from one on.

    Before the epoch begins it shows the first ones, of which Keras on TensorFlow takes the sizes
    that are dynamic: `Batches` sees to it that they differ where any do.
    """

    def __init__(self, batches: Batches | GroupedBatches, start: int) -> None:
        super().__init__()
        self.batches, self.start, self.begun = batches, start, False

    def __len__(self) -> int:
        return len(self.batches) - self.start

    def on_epoch_begin(self) -> None:
        """Begin with the first batch that is left."""
        self.begun = True

    def on_epoch_end(self) -> None:
        """Go on to the next order."""
        self.begun = False
        self.batches.on_epoch_end()

    def __getitem__(self, index: int) -> Batch:
        inspected = not self.begun and len(self) > 1
        return self.batches[index if inspected else index + self.start]


class Continued(keras.callbacks.CallbackList):
    """The callbacks of a training that two calls of `fit` make up; they see one, with all batches.

    first: the index of the first batch of the epoch that runs
    """

    def __init__(self, callbacks: list[Any], first: int, **options: Any) -> None:
        super().__init__(callbacks, add_history=True, **options)
        self.first, self.begun = first, False

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin once."""
        if not self.begun:
            super().on_train_begin(logs)
        self.begun = True

    def on_train_end(self, logs: Any = None) -> None:
        """A part ends; `end` tells them of the end."""

    def end(self) -> None:
        """The training has ended."""
        super().on_train_end(None)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Number batches in their epoch."""
        super().on_train_batch_begin(batch + self.first, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Number batches in their epoch."""
        super().on_train_batch_end(batch + self.first, logs)


def run_epochs(
    network: keras.Model,
    batches: Any,
    position: Position,
    epochs: int,
    *,
    callbacks: list[keras.callbacks.Callback],
    validation: Any,
    verbose: Any,
) -> None:
    """Fit a network from a position to the end of so many epochs.

    The batches shuffle themselves, so that a training that is taken up can repeat their order.
    """
    share = own_share()
    options = {"validation_data": share.of(validation), "shuffle": False, "verbose": verbose}
    epoch, batch = position
    if not batch:
        options |= {"epochs": epochs, "initial_epoch": epoch, "callbacks": callbacks}
        network.fit(share.of(batches), **options)
        return
    steps = {"verbose": verbose, "epochs": epochs, "steps": len(batches)}
    # metrics, to be taken up when the epoch begins
    network._symbolic_build(data_batch=share.of(batches)[0])
    both = Continued(callbacks, batch, add_progbar=verbose != 0, model=network, **steps)
    options["callbacks"] = both
    with _unfinished(network.optimizer):
        rest = share.of(Rest(batches, batch))
        network.fit(rest, initial_epoch=epoch, epochs=epoch + 1, **options)
        both.first = 0
        if epoch + 1 < epochs and not network.stop_training:
            network.fit(share.of(batches), initial_epoch=epoch + 1, epochs=epochs, **options)
    both.end()


@contextmanager
def _unfinished(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Keras ends a fit with the optimizer's averages in the weights' place: not in its middle."""
    optimizer.finalize_variable_values = lambda var_list: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values
