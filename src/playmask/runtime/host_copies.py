"""Copies of variables' values in host memory: whole, or a process' own shards."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Union

import keras
import numpy as np
import numpy.typing as npt

from playmask.runtime.peer_processes import is_first, processes

HostCopy = Union[npt.NDArray[Any], "OwnShards"]
"""A value in host memory."""


class OwnShards(NamedTuple):
    """Of a value that several processes hold parts of, the shards of this process' devices.

    shards: of each device of its own
    """

    shape: tuple[int, ...]
    sharding: Any
    shards: tuple[tuple[Any, npt.NDArray[Any]], ...]

    def joined(self) -> Any:
        """The value on the devices again."""
        import jax

        shards = [jax.device_put(array, device) for device, array in self.shards]
        return jax.make_array_from_single_device_arrays(self.shape, self.sharding, shards)


def split_between_processes(variables: Iterable[Any]) -> list[Any]:
    """Those of some variables whose values have parts that only other processes hold."""
    return [] if processes() == 1 else [each for each in variables if _is_split(each.value)]


def _is_split(value: Any) -> bool:
    return processes() > 1 and not (value.is_fully_addressable or value.is_fully_replicated)


def whole_sharding(mesh: Any) -> Any:
    """How a value lies that is whole on each device of a mesh."""
    import jax

    return jax.sharding.NamedSharding(mesh, jax.P())  # type: ignore[no-untyped-call]


def whole_array(value: Any) -> npt.NDArray[Any]:
    """A value as one array; all processes come here together where they share it out."""
    if not _is_split(value):
        return np.array(keras.ops.convert_to_numpy(value))
    from jax.experimental import multihost_utils

    return np.array(multihost_utils.process_allgather(value, tiled=True))


def host_copy(value: Any) -> HostCopy:
    """Copy a value; two variables must not share one, which a step of JAX may take."""
    if not _is_split(value):
        return np.array(keras.ops.convert_to_numpy(value))
    shards = tuple((each.device, np.array(each.data)) for each in value.addressable_shards)
    return OwnShards(tuple(value.shape), value.sharding, shards)


def assign_copy(variable: Any, copy: HostCopy) -> None:
    """Give a variable the value that was copied."""
    variable.assign(copy.joined() if isinstance(copy, OwnShards) else copy)


def arrays_of_copy(copy: HostCopy) -> Sequence[npt.NDArray[Any]]:
    """The arrays that a copy consists of."""
    return [array for _, array in copy.shards] if isinstance(copy, OwnShards) else [copy]


@contextmanager
def whole_weights(network: keras.Model) -> Iterator[None]:
    """Hold, in the first process, whole arrays in the place of weights that processes share out.

    For what is written by one process; all come here together. One weight at a time is whole on
    the devices.
    """
    split = split_between_processes(network.weights)
    values = [weight.value for weight in split]
    try:
        for weight in split:
            array = whole_array(weight.value)
            if is_first():
                weight._value = array
        yield
    finally:
        for weight, value in zip(split, values, strict=True):
            weight._value = value
