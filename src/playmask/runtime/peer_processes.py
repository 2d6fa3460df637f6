"""Several processes that train together: who they are, which rows are whose, what all agree on."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import ConfigError, ProcessError

HEARTBEAT = 20  # seconds after which a process that says nothing counts as lost
LOSS = ("Connection closed", "Connection reset", "heartbeat", "Gloo", "coordination service")
"""What JAX says of another process that has ended, in errors without a class of their own."""


class BatchShare(NamedTuple):
    """Which part of each batch a process learns from, of how many equal parts."""

    part: int = 0
    parts: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.part == 0

    def of(self, batches: Any) -> Any:
        """Batches that have this process' rows alone; None stays None."""
        return batches if self.parts == 1 or batches is None else OwnRows(batches, self)


class OwnRows(keras.utils.PyDataset):
    """Of each batch the rows of one process; all draw the whole batch, so that they draw alike."""

    def __init__(self, batches: Any, share: BatchShare) -> None:
        super().__init__()
        self.batches, self.share = batches, share

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return keras.tree.map_structure(self._own, self.batches[index])

    def _own(self, array: Any) -> Any:
        return None if array is None else np.split(array, self.share.parts)[self.share.part]

    def on_epoch_begin(self) -> None:
        """Tell the batches."""
        self.batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the batches."""
        self.batches.on_epoch_end()


def connect(coordinator: str, processes: int | None = None, process_id: int | None = None) -> None:
    """Meet the other processes at HOST:PORT, before JAX computes anything; "auto" asks the cluster.

    auto: Slurm, Open MPI or Kubernetes say in the environment where, how many, and which this is
    Raises: ConfigError, ProcessError where they do not come
    """
    import jax

    known: dict[str, Any] = {}
    if coordinator != "auto":
        if processes is None or process_id is None or not 0 <= process_id < processes:
            raise ConfigError(
                f"coordinator={coordinator} needs processes, their number, and process_id, from 0 "
                f"to one below it, not {processes} and {process_id}; or coordinator=auto."
            )
        known = {"num_processes": processes, "process_id": process_id}
        known["coordinator_address"] = coordinator
    try:
        jax.distributed.initialize(**known, heartbeat_timeout_seconds=HEARTBEAT)
    except ValueError as error:
        raise ConfigError(f"coordinator={coordinator}: {error}") from None
    except RuntimeError as error:
        raise ProcessError(f"The processes did not meet at {coordinator}: {error}") from error
    keras.utils.set_random_seed(_first_ones(int(np.random.default_rng().integers(1 << 31))))


def _first_ones(number: int) -> int:
    """The number that the first process has."""
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int64(number)))


def processes() -> int:
    """How many processes compute together; each with devices of its own."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return int(jax.process_count())


def own_share() -> BatchShare:
    """The share of this process."""
    if keras.distribution.distribution() is None or processes() == 1:
        return BatchShare()
    import jax

    return BatchShare(jax.process_index(), jax.process_count())


def agree(name: str, value: str) -> None:
    """See that all processes have the same value of something.

    Raises: ProcessError
    """
    if own_share().parts == 1:
        return
    from jax.experimental import multihost_utils

    digest = np.frombuffer(hashlib.sha256(value.encode()).digest(), "uint8")
    others = multihost_utils.process_allgather(digest)
    if not (np.asarray(others) == digest).all():
        raise ProcessError(
            f"The processes differ in {name}; this one has {value[:80]!r}. All need the same "
            "files, options and environment."
        )


@contextmanager
def together() -> Iterator[None]:
    """Turn what the loss of another process looks like into one sentence.

    Raises: ProcessError
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:  # JAX raises either
        text = str(error)
        if processes() == 1 or not any(sign in text for sign in LOSS):
            raise
        raise ProcessError(
            f"Another of the {processes()} processes has ended ({text.splitlines()[0][:80]}). "
            "Start all of them again, with resume to go on from the last back-up."
        ) from error
