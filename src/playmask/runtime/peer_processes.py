"""Several processes that train together: who they are, which rows are whose, what all agree on."""

import hashlib
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from playmask.errors import ConfigError, ProcessError
from playmask.files import PathLike
from playmask.files.commits import committing

HEARTBEAT = 20  # seconds after which a process that says nothing counts as lost
LOSS = ("Connection closed", "Connection reset", "heartbeat", "Gloo", "coordination service")
"""What JAX says of another process that has ended, in errors without a class of their own."""
MEETING = 300  # seconds that processes wait for one that has not started
RETRY, NOTED = 0.2, 1.0  # seconds between two tries to reach the coordinator; until that is said
PATIENCE, LEAVE = 7 * 24 * 3600, 5  # seconds that processes wait for one at work, and at the end
_WAITS = count()  # each has a name of its own


class BatchShare(NamedTuple):
    """Which part of each batch a process learns from, of how many equal parts."""

    part: int = 0
    parts: int = 1

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

    All but process 0, which listens there, first wait until somebody does, for MEETING seconds at
    most: JAX alone would be silent, then abort.
    auto: Slurm, Open MPI or Kubernetes say in the environment where, how many, and which this is
    Raises: ConfigError, ProcessError where they do not come
    """
    import jax

    known: dict[str, Any] = {"initialization_timeout": MEETING}
    known["heartbeat_timeout_seconds"] = HEARTBEAT
    if coordinator != "auto":
        if processes is None or process_id is None or not 0 <= process_id < processes:
            raise ConfigError(
                f"coordinator={coordinator} needs processes, their number, and process_id, from 0 "
                f"to one below it, not {processes} and {process_id}; or coordinator=auto."
            )
        known |= {"num_processes": processes, "process_id": process_id}
        known["coordinator_address"] = coordinator
        host, port = _host_and_port(coordinator)
        if process_id > 0:
            _wait_for(host, port)
    try:
        jax.distributed.initialize(**known)
    except ValueError as error:
        raise ConfigError(f"coordinator={coordinator}: {error}") from None
    except RuntimeError as error:
        raise ProcessError(f"The processes did not meet at {coordinator}: {error}") from error
    seed = first_ones(np.int64(np.random.default_rng().integers(1 << 31)))
    keras.utils.set_random_seed(int(seed))


def _host_and_port(address: str) -> tuple[str, int]:
    """The two parts of HOST:PORT; an IPv6 address stands in brackets."""
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    single = ":" not in host or bare != host  # "::1:80" may end in a port or not
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not (colon and bare and single and 0 < number < 1 << 16):
        raise ConfigError(
            f"coordinator={address!r:.80} is no HOST:PORT, such as 10.0.0.1:1234 or [::1]:1234 "
            "with a port from 1 to 65535; or coordinator=auto in a cluster."
        )
    return bare, number


def _wait_for(host: str, port: int) -> None:
    """Try to reach an address until somebody listens there.

    Raises: ProcessError
    """
    begin, noted = monotonic(), False
    while True:
        try:
            socket.create_connection((host, port), timeout=HEARTBEAT).close()
            return
        except OSError as error:
            waited, reason = monotonic() - begin, error.strerror or str(error)
        if waited > MEETING:
            raise ProcessError(
                f"Nobody listens at {host}:{port} ({reason}), where process 0 should, after "
                f"{waited:.0f} s; start it, or correct coordinator."
            )
        if waited > NOTED and not noted:
            warnings.warn(
                f"waiting for process 0 at {host}:{port}, for {MEETING} s at most", stacklevel=3
            )
            noted = True
        sleep(RETRY)


def processes() -> int:
    """How many processes compute together; each with devices of its own."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return int(jax.process_count())


def peers() -> int:
    """How many processes train together; 1 where nothing is spread over several devices."""
    return 1 if keras.distribution.distribution() is None else processes()


def is_first() -> bool:
    """Whether this is the process that writes, and says what came of it."""
    if peers() == 1:
        return True
    import jax

    return bool(jax.process_index() == 0)


def own_share() -> BatchShare:
    """The rows of each batch that this process hands to its devices.

    Processes that hold one model together hand over the same ones.
    """
    if peers() == 1:
        return BatchShare()
    import jax

    parts = min(peers(), int(keras.distribution.distribution().num_model_replicas))
    return BatchShare(jax.process_index() * parts // peers(), parts)


def first_ones(values: Any) -> npt.NDArray[Any]:
    """The array that the first process has, of a shape and dtype that all know."""
    array = np.asarray(values)
    if processes() == 1:
        return array
    from jax.experimental import multihost_utils

    content = np.frombuffer(array.tobytes(), "uint8")  # devices know no 64 bits
    sent = np.asarray(multihost_utils.broadcast_one_to_all(content), "uint8").tobytes()
    return np.frombuffer(sent, array.dtype).reshape(array.shape)


def somewhere(fact: bool) -> bool:
    """Whether something is so in any process."""
    if peers() == 1:
        return fact
    from jax.experimental import multihost_utils

    return bool(np.any(multihost_utils.process_allgather(np.bool_(fact))))


def agree(name: str, value: str) -> None:
    """See that all processes have the same value of something; none goes on before all are here.

    Raises: ProcessError
    """
    if peers() == 1:
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
def first_goes_ahead(purpose: str) -> Iterator[None]:
    """Let the first process do what is inside, then the others, which find what it has written.

    They wait however long it works, not by a computation of the devices, which XLA ends after a
    while.

    Raises: ProcessError in the others where the first one fails, or is lost
    """
    if peers() == 1:
        yield
        return
    name, client = f"playmask/{next(_WAITS)}", _client()
    if is_first():
        try:
            yield
        except BaseException:
            client.key_value_set(name, "failed")
            _see_others_off(name)
            raise
        client.key_value_set(name, "done")
        return
    with together():
        failed = client.blocking_key_value_get(name, PATIENCE * 1000) == "failed"
    if failed:
        _see_others_off(name)
        raise ProcessError(f"The first process could not finish {purpose}; it says why.")
    yield


def _see_others_off(name: str) -> None:
    """Let all know that they are to end, before the first one, whose end would abort the others."""
    with suppress(Exception):
        _client().wait_at_barrier(f"{name}/end", LEAVE * 1000)
    if is_first():
        sleep(1)


def _client() -> Any:
    """What JAX' processes exchange words by, beside the devices; no public name has it."""
    from jax._src import distributed

    return distributed.global_state.client


@contextmanager
def committing_with_peers(directory: PathLike, removing: Any = ()) -> Iterator[Path]:
    """`committing`, by the first process; all get the folder that is committed, to write into."""
    if not is_first():
        yield Path(directory) / _text_of_first("")
        return
    with committing(directory, removing) as staging:
        yield Path(directory) / _text_of_first(staging.name)


def _text_of_first(text: str, size: int = 128) -> str:
    """A short text that the first process has."""
    return str(first_ones(np.array(text.encode().ljust(size))).item().decode().strip())


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
