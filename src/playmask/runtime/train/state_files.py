"""The state of a training on disk: one file of one process, or the shards of all.

A process that holds all of it writes one file of numpy's, which needs no other package. Where
devices share out the state, or processes train together, each process writes what it holds, by
Orbax (extra `scale`). Both hold the same arrays in the same order, and either is read on whatever
devices there are.
"""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.runtime.host_copies import whole_sharding
from playmask.runtime.peer_processes import peers

ONE_FILE, SHARDS = ".npz", ".orbax"


class StateFormat(NamedTuple):
    """How the values of variables are written, and read for some variables.

    read: returns None where these are others; values that were written besides come last
    Raises: CheckpointError where what is read is damaged
    """

    write: Callable[[Path, Sequence[Any]], None]
    read: Callable[[Path, Sequence[Any]], list[Any] | None]


def state_of(network: keras.Model) -> list[Any]:
    """All that a training changes: weights, seeds of dropout, what hooks and optimizer remember."""
    lent = (
        {id(v) for v in network.hook_variables.lent} if hasattr(network, "hook_variables") else ()
    )
    own = [variable for variable in network.variables if id(variable) not in lent]
    return [*own, *network.optimizer.variables]


def format_for(network: keras.Model) -> str:
    """The suffix of the format in which a network's state is written.

    Raises: ConfigError where that needs a package which is not installed
    """
    whole = all(getattr(v.value, "is_fully_replicated", True) for v in state_of(network))
    if peers() == 1 and whole:
        return ONE_FILE
    _orbax()
    return SHARDS


def write_state(file: Path, network: keras.Model, more: Sequence[Any] = ()) -> None:
    """Write a training's state, and more variables, in the format that a file's suffix says."""
    FORMATS[file.suffix].write(file, [*state_of(network), *more])


def read_state(file: Path, network: keras.Model) -> list[Any]:
    """Give a network and its optimizer the state of a training; returns what was written besides.

    Raises: CheckpointError where the file is damaged, or of another network
    """
    state = state_of(network)
    values = FORMATS[file.suffix].read(file, state)
    if values is None:
        raise CheckpointError(
            f"{file} is the state of another network or optimizer; going on needs the same ones. "
            "Begin anew instead."
        )
    for variable, value in zip(state, values, strict=False):
        assign_value(variable, value)
    return values[len(state) :]


def assign_value(variable: Any, value: Any) -> None:
    """Give a variable what was read: an array, or the bytes of one."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).view(np.dtype(variable.dtype)).reshape(variable.shape)
    variable.assign(value)


def _write_file(file: Path, variables: Sequence[Any]) -> None:
    """One file: the bytes of arrays, of whatever dtype."""
    arrays = [
        np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value)).reshape(-1)
        for variable in variables
    ]
    with file.open("wb") as out:
        np.savez(out, *[array.view("uint8") for array in arrays])


def _read_file(file: Path, variables: Sequence[Any]) -> list[Any] | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    except (OSError, LookupError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Begin anew instead.") from error
    sizes = [int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize for v in variables]
    return arrays if [array.nbytes for array in arrays[: len(sizes)]] == sizes else None


def _write_shards(folder: Path, variables: Sequence[Any]) -> None:
    """A folder of Orbax', into which each process writes the shards that it holds first."""
    ocp = _orbax()
    tree = {_name(i): variable.value for i, variable in enumerate(variables)}
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as writer:
        writer.save(folder.resolve(), args=ocp.args.StandardSave(tree))


def _read_shards(folder: Path, variables: Sequence[Any]) -> list[Any] | None:
    ocp = _orbax()
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as reader:
            stored = reader.metadata(folder.resolve()).item_metadata.tree
            targets = _targets(stored, variables)
            if targets is None:
                return None
            args = ocp.args.StandardRestore(targets)
            values = reader.restore(folder.resolve(), args=args)
    except (OSError, LookupError, ValueError) as error:
        raise CheckpointError(f"{folder} is damaged: {error}. Begin anew instead.") from error
    names = sorted(values)
    rest = [np.asarray(values[name]) for name in names[len(variables) :]]
    return [*(values[name] for name in names[: len(variables)]), *rest]


def _targets(stored: Mapping[str, Any], variables: Sequence[Any]) -> dict[str, Any] | None:
    """What each stored array becomes: as a variable lies on the devices, or whole on each."""
    import jax

    shape_of: Any = jax.ShapeDtypeStruct
    targets = {}
    for number, name in enumerate(sorted(stored)):
        kind = tuple(stored[name].shape), np.dtype(stored[name].dtype)
        if number < len(variables):
            value = variables[number].value
            sharding = value.sharding
            if kind != (tuple(value.shape), np.dtype(value.dtype)):
                return None
        else:
            sharding = _whole()
        targets[name] = shape_of(*kind, sharding=sharding)
    return targets if len(targets) >= len(variables) else None


def _whole() -> Any:
    """How a value lies that is whole on each device."""
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None:
        return jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return whole_sharding(distribution.device_mesh.backend_mesh)


def _name(number: int) -> str:
    """What the array of the variable with a number is called: names sort as numbers do."""
    return f"{number:06}"


def _orbax() -> Any:
    try:
        import orbax.checkpoint
    except ImportError:
        raise ConfigError(
            "Back-ups of several processes, or of weights that devices share out, are written by "
            "Orbax, which is not installed: pip install playmask[scale]."
        ) from None
    return orbax.checkpoint


FORMATS = {
    ONE_FILE: StateFormat(_write_file, _read_file),
    SHARDS: StateFormat(_write_shards, _read_shards),
}
"""The formats, by the suffix of their files or folders."""
