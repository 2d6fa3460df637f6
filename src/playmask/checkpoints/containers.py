"""Lazy mappings from tensor name to numpy array, which every checkpoint file is opened as."""

import difflib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np

from playmask.errors import CheckpointError, brief
from playmask.files import STAND_IN, PathLike, read_json, refuse_stand_in

T = TypeVar("T")

PIECE = 1 << 20  # numbers that are compared at once
MOST_AXES = 32
LONGEST_NAME = 255  # bytes of a file's name, in every usual file system


class Spec(NamedTuple):
    """The shape and dtype of a stored tensor, known without touching its data."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Size of the values in bytes (a Python int, so it cannot overflow)."""
        return size(self.shape) * self.dtype.itemsize


def stored_spec(shape: Sequence[Any], dtype: np.dtype) -> Spec:
    """The shape and dtype that a file says a tensor has.

    Raises: ValueError where no array can have them
    """
    if len(shape) > MOST_AXES:
        raise ValueError(f"its shape of {len(shape)} axes is impossible ({MOST_AXES} are the most)")
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in shape):
        raise ValueError(f"its shape {brief(shape)} is impossible")
    spec = Spec(tuple(shape), dtype)
    if size(tuple(max(n, 1) for n in shape)) * dtype.itemsize >= 1 << 62:
        raise ValueError(f"its shape {brief(shape)} is impossible")
    return spec


class Tensors(Mapping[str, np.ndarray]):
    """A read-only mapping from tensor name to numpy array, read from `path` only when asked for.

    An array is a view of the file mapped copy-on-write: it may be written to (or aliased by a
    framework) and the file never changes, but two reads of one name share memory. An array that
    lies unaligned in the file is a copy. `unreadable` says, per name, why something that the
    file also holds (a string, an optimizer's step) is not in the mapping.

    Raises:  KeyError for a name that is not there, with the nearest names;
             CheckpointError at the first access of a tensor whose checksum does not fit
    """

    def __init__(self, path: Path, specs: Mapping[str, Spec], unreadable: Mapping[str, str]):
        self.path = path
        self.unreadable = dict(unreadable)
        self._specs = dict(specs)

    @abstractmethod
    def _load(self, name: str) -> np.ndarray:
        """Map one tensor that is known to be in `_specs`."""

    def __getitem__(self, name: str) -> np.ndarray:
        self.spec(name)
        return self._load(name)

    def spec(self, name: str) -> Spec:
        """Return shape and dtype of a tensor without touching its data."""
        if name in self._specs:
            return self._specs[name]
        if name in self.unreadable:
            raise KeyError(
                f"{self.path} holds {name!r} but not as a tensor: {self.unreadable[name]}"
            )
        near = difflib.get_close_matches(str(name), self._specs, 3, 0.3)
        hint = f"nearest: {', '.join(map(repr, near))}" if near else "none is near"
        raise KeyError(f"{self.path} has no tensor {name!r} among its {len(self)} ({hint})")

    def stored_specs(self) -> list[Spec]:
        """Shapes and dtypes of what the file holds, which may be read as something else."""
        return [*self._specs.values()]

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    @overload
    def get(self, name: str, /) -> np.ndarray | None: ...

    @overload
    def get(self, name: str, /, default: np.ndarray) -> np.ndarray: ...

    @overload
    def get(self, name: str, /, default: T) -> np.ndarray | T: ...

    def get(self, name: str, /, default: T | None = None) -> np.ndarray | T | None:
        """Return the tensor, or `default` where there is none of that name."""
        return self[name] if name in self else default  # noqa: SIM401

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}: {len(self)} tensors>"


class ShardedTensors(Tensors):
    """Tensors spread over several files by an index (`*.index.json`)."""

    def __init__(self, path: Path, shards: Mapping[str, Tensors], home: Mapping[str, str]):
        unreadable = {
            name: why for shard in shards.values() for name, why in shard.unreadable.items()
        }
        for file, shard in shards.items():
            extra = [name for name in shard if home.get(name) != file]
            unreadable.update(
                dict.fromkeys(extra, f"{file} holds it but {path.name} does not list it")
            )
        specs = {
            name: shards[file].spec(name) for name, file in home.items() if name in shards[file]
        }
        super().__init__(path, specs, {n: why for n, why in unreadable.items() if n not in specs})
        self._home = {name: shards[file] for name, file in home.items()}

    def _load(self, name: str) -> np.ndarray:
        return self._home[name][name]


class Subset(Tensors):
    """Subset of the tensors of another mapping: those that `specs` names."""

    def __init__(self, path: Path, tensors: Mapping[str, np.ndarray], specs: Mapping[str, Spec]):
        super().__init__(path, specs, {})
        self._tensors = tensors

    def _load(self, name: str) -> np.ndarray:
        return self._tensors[name]


class Renamed(Tensors):
    """The tensors of another mapping under other names: names here -> names there."""

    def __init__(self, path: Path, tensors: Tensors, names: Mapping[str, str]):
        super().__init__(
            path, {new: tensors.spec(old) for new, old in names.items()}, tensors.unreadable
        )
        self._tensors, self._names = tensors, dict(names)

    def _load(self, name: str) -> np.ndarray:
        return self._tensors[self._names[name]]


def read_sharded(path: Path, read: Callable[[Path], Tensors]) -> ShardedTensors:
    """Read the shards that an `*.index.json` names, each through `read`.

    Raises:  CheckpointError naming the shard that is missing, or the tensor that its shard lacks
    """
    home = _weight_map(path)
    foreign = next((file for file in home.values() if not _is_file_name(file)), None)
    if foreign is not None:
        raise CheckpointError(f"{path} names {brief(foreign)}, which is not a file name beside it.")
    files = sorted(set(home.values()))
    missing = [file for file in files if not (path.parent / file).is_file()]
    if missing:
        raise CheckpointError(
            f"{path} needs {len(files)} shards but {len(missing)} are missing "
            f"(the first is {missing[0]}); put them beside it."
        )
    shards = {file: read(path.parent / file) for file in files}
    for name, file in home.items():
        if name not in shards[file] and name not in shards[file].unreadable:
            raise CheckpointError(
                f"{path} says that tensor {name!r} is in {file}, but that file lacks it."
            )
    return ShardedTensors(path, shards, home)


def _weight_map(path: Path) -> dict[str, str]:
    """The file's name for each tensor's that an index holds."""
    try:
        home = read_json(path).get("weight_map")
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} is no index of shards: {error}") from error
    if not isinstance(home, dict) or not all(isinstance(file, str) for file in home.values()):
        raise CheckpointError(
            f"{path} is no index of shards: it should be JSON with a 'weight_map' from tensor name "
            f"to file name, not {brief(home)}."
        )
    return home


def _is_file_name(name: str) -> bool:
    """Whether a file beside another may be called so."""
    if not _is_text(name) or "\0" in name or name in ("", ".", ".."):
        return False
    return len(name.encode()) <= LONGEST_NAME and Path(name).name == name


def locate(path: PathLike, stem: str, suffix: str) -> Path:
    """Find the file that `path` means: itself, or in a folder `stem + suffix` or its index.

    In a folder the order is: stem+suffix, stem+suffix.index.json, then the only index, then the
    only file with that suffix.

    Raises:  CheckpointError if there is none, or more than one to choose from
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise CheckpointError(
                f"{path} does not exist; a *{suffix} file or its folder would do."
            )
        return path
    for name in (stem + suffix, f"{stem}{suffix}.index.json"):
        if (path / name).is_file():
            return path / name
    candidates = sorted(path.glob(f"*{suffix}.index.json")) or sorted(path.glob(f"*{suffix}"))
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(file.name for file in candidates[:3]) or "none"
    raise CheckpointError(
        f"{path} is a folder with {len(candidates)} candidates ({names}) for {stem}{suffix}; "
        "give the path of one file."
    )


def mapped(path: Path) -> np.ndarray:
    """Map a whole file copy-on-write as bytes: (size,) uint8, no memory until written to."""
    try:
        if path.stat().st_size == 0:  # the operating system refuses to map nothing
            return np.zeros(0, np.uint8)
        buffer = np.memmap(path, np.uint8, "c").view(np.ndarray)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    refuse_stand_in(path, buffer[:STAND_IN].tobytes())
    return buffer


def view(buffer: np.ndarray, spec: Spec) -> np.ndarray:
    """See uint8 bytes as an array of `spec`, without a copy where they are aligned."""
    array = buffer.view(spec.dtype).reshape(spec.shape)
    return array if array.flags.aligned else array.copy()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two tensors have the same values, compared in pieces of a few megabytes."""
    if one.shape != other.shape:
        return False
    if one.dtype == other.dtype and one.__array_interface__ == other.__array_interface__:
        return True  # views of the same bytes, as PyTorch stores what is tied
    bits: Callable[[np.ndarray], np.ndarray] = raw
    if one.dtype != other.dtype:
        bits = lambda array: array.astype("float64")  # noqa: E731
    one, other = np.atleast_1d(one), np.atleast_1d(other)
    rows = max(1, PIECE * len(one) // max(1, one.size))
    pieces = (slice(start, start + rows) for start in range(0, len(one), rows))
    return all(np.array_equal(bits(one[piece]), bits(other[piece])) for piece in pieces)


def raw(array: np.ndarray) -> np.ndarray:
    """See any array as its bytes in C order, little-endian: (nbytes,) uint8."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8)


def size(shape: tuple[int, ...]) -> int:
    """Count the elements of a shape exactly."""
    count = 1
    for n in shape:
        count *= n
    return count


def writable(path: PathLike, name: object, value: Any, dtypes: Collection[np.dtype]) -> np.ndarray:
    """Convert a tensor to write to an array, checked for a name and dtype of the format."""
    array = np.asarray(value)
    _check(path, name, array.dtype, dtypes)
    return array


def specs_of(
    path: PathLike, tensors: Mapping[str, Any], dtypes: Collection[np.dtype]
) -> dict[str, Spec]:
    """Return shapes and dtypes of tensors to write, checked for names and dtypes of the format."""
    specs = {}
    for name in tensors:
        specs[name] = _spec(tensors, name)
        _check(path, name, specs[name].dtype, dtypes)
    return specs


def _spec(tensors: Mapping[str, Any], name: str) -> Spec:
    """Shape and native dtype of a tensor in any mapping, without reading it where possible."""
    if isinstance(tensors, Tensors):
        return tensors.spec(name)
    array = np.asarray(tensors[name])
    return Spec(array.shape, array.dtype.newbyteorder("="))


def _check(path: PathLike, name: object, dtype: np.dtype, dtypes: Collection[np.dtype]) -> None:
    if not isinstance(name, str) or not name or name[0] == "\0" or not _is_text(name):
        raise CheckpointError(f"{path}: {name!r} cannot name a tensor; give a non-empty string.")
    if dtype.newbyteorder("=") not in dtypes:
        raise CheckpointError(
            f"{path}: tensor {name!r} has dtype {dtype}, which the format lacks; "
            f"it has {', '.join(map(str, dtypes))}."
        )


def _is_text(name: str) -> bool:
    return name.encode(errors="replace").decode() == name


def nbytes(tensors: Mapping[str, Any], name: str) -> int:
    """Size of a tensor in any mapping, without reading it where possible."""
    return _spec(tensors, name).nbytes
