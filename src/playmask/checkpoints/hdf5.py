"""HDF5 files as Keras 2 writes them, read without the HDF5 library, and written with h5py.

Groups of the first kind (symbol tables), whose data lie in one piece: what h5py writes unless it is
asked for something newer. A file can name no other file, nor make the reader walk in a circle.

Source: the HDF5 file format specification, version 3.0
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmask.checkpoints import containers
from playmask.checkpoints.containers import Spec, Tensors, stored_spec
from playmask.errors import CheckpointError
from playmask.files import PathLike

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DAMAGE = (ValueError, IndexError, struct.error)
AGAIN = "write it again with h5py, whose File(…, libver='earliest') is the default"
LONGEST = 4096  # bytes of a name, with its end
NOWHERE = (1 << 64) - 1
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT, MORE, SYMBOLS = 1, 2, 3, 6, 7, 8, 16, 17
"""The messages of an object's header that are read, or refused."""

FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
"""IEEE's floats by their bytes: offset, bits, place and size of exponent and mantissa, bias."""
INTEGERS = {size: (0, 8 * size) for size in (1, 2, 4, 8)}


class Dataset(NamedTuple):
    """The shape and dtype of a tensor, and where its bytes begin."""

    spec: Spec
    offset: int


class Hdf5(Tensors):
    """The datasets of one file by their paths, such as "dense_1/dense_1/kernel:0"."""

    def __init__(
        self,
        path: Path,
        buffer: np.ndarray,
        datasets: Mapping[str, Dataset],
        unreadable: Mapping[str, str],
    ):
        super().__init__(path, {name: each.spec for name, each in datasets.items()}, unreadable)
        self._buffer, self._datasets = buffer, datasets

    def _load(self, name: str) -> np.ndarray:
        spec, offset = self._datasets[name]
        return containers.view(self._buffer[offset : offset + spec.nbytes], spec)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do."""
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def read(path: PathLike) -> Hdf5:
    """Open an HDF5 file.

    Raises: CheckpointError if it is damaged, cut short, of a newer kind, or names other files
    """
    path = Path(path)
    buffer = containers.mapped(path)
    try:
        datasets, unreadable = _datasets(Metadata(path, buffer))
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise CheckpointError(f"{path} is a damaged HDF5 file: {error}.") from error
    order = sorted(datasets, key=lambda name: datasets[name].offset)
    return Hdf5(path, buffer, {name: datasets[name] for name in order}, unreadable)


class Metadata:
    """The bytes of a file that say where its tensors are.

    No honest file has more of them than it has bytes, so reading ends where one is read far more
    often: then its structures lie over each other.
    """

    def __init__(self, path: Path, buffer: np.ndarray):
        self.path = path
        self._buffer, self._left = buffer, 4 * len(buffer)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._buffer)

    def spend(self, count: int) -> None:
        """Count bytes that are read, or made; raises ValueError for too many."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its structures lie over each other")

    def take(self, start: int, count: int) -> bytes:
        """Read bytes that must be there."""
        if start + count > self.size:
            raise ValueError(f"byte {start + count} is beyond its {self.size}")
        self.spend(count)
        return self._buffer[start : start + count].tobytes()

    def unpack(self, layout: str, start: int) -> tuple[Any, ...]:
        """Read little-endian numbers."""
        return struct.unpack(f"<{layout}", self.take(start, struct.calcsize(f"<{layout}")))

    def expect(self, mark: bytes, start: int) -> None:
        """See that a structure begins with its mark."""
        actual = self.take(start, len(mark))
        if actual != mark:
            raise ValueError(f"at byte {start} stands {actual!r}, where {mark!r} is due")

    def text(self, start: int, end: int) -> str:
        """Read a string that ends with a zero byte."""
        if not start < end <= self.size:
            raise ValueError("a name lies outside of its heap")
        zeros = np.flatnonzero(self._buffer[start : min(end, start + LONGEST)] == 0)
        if not len(zeros):
            raise ValueError("a name has no end")
        name = self.take(start, int(zeros[0])).decode()
        if not name or name in (".", "..") or "/" in name:
            raise ValueError(f"{name!r:.40} names no object")
        return name


def _root(file: Metadata) -> int:
    """The address of the root group's header, from the superblock."""
    file.expect(SIGNATURE, 0)
    version, offsets, lengths = file.unpack("B4xBB", 8)
    if version > 1:
        raise CheckpointError(f"{file.path} is HDF5 of a newer kind ({version}); {AGAIN}.")
    if (offsets, lengths) != (8, 8):
        raise ValueError(f"its addresses have {offsets} bytes, its lengths {lengths}")
    base, _, end, _, _, header = file.unpack("6Q", 24 + 4 * version)
    if base:
        raise ValueError(f"it begins at byte {base}")
    if end > file.size:
        raise CheckpointError(f"{file.path} is cut short: it has {file.size} bytes, not {end}.")
    return int(header)


def _messages(file: Metadata, address: int) -> dict[int, bytes]:
    """The messages of an object's header by their kinds, of several of a kind the first."""
    version, count, size = file.unpack("BxH4xI", address)
    if version != 1:
        raise CheckpointError(f"{file.path} holds an HDF5 object of a newer kind; {AGAIN}.")
    messages: dict[int, bytes] = {}
    blocks, number = [(address + 16, size)], 0
    while blocks and number < count:
        start, length = blocks.pop(0)
        end = start + length
        while start + 8 <= end and number < count:
            kind, size, flags = file.unpack("HHB3x", start)
            body = file.take(start + 8, size)
            if kind in (DATASPACE, DATATYPE, LAYOUT, SYMBOLS) and flags & 2:
                raise ValueError("a part of an object's header is shared")
            if kind == MORE:
                blocks.append(struct.unpack("<QQ", body[:16]))
            messages.setdefault(kind, body)
            start, number = start + 8 + size, number + 1
    return messages


def _links(file: Metadata, body: bytes) -> Iterator[tuple[str, int]]:
    """The names and header addresses in a group, from its symbol table message."""
    tree, heap = struct.unpack("<QQ", body[:16])
    file.expect(b"HEAP", heap)
    length, _, names = file.unpack("QQQ", heap + 8)
    nodes, visited = [tree], set()
    while nodes:
        node = nodes.pop()
        if node in visited:
            raise ValueError(f"the node at byte {node} is part of itself")
        visited.add(node)
        if file.take(node, 4) == b"TREE":
            kind, _, used = file.unpack("BBH", node + 4)
            if kind:
                raise ValueError("a group's tree is of another kind")
            nodes += [
                child for (child,) in (file.unpack("Q", node + 32 + 16 * i) for i in range(used))
            ]
            continue
        file.expect(b"SNOD", node)
        (count,) = file.unpack("H", node + 6)
        for i in range(count):
            name, header, cached = file.unpack("QQI", node + 8 + 40 * i)
            if cached == 2:
                raise CheckpointError(
                    f"{file.path} holds a link to another object or file; {AGAIN}."
                )
            yield file.text(names + name, names + length), header


def _datasets(file: Metadata) -> tuple[dict[str, Dataset], dict[str, str]]:
    """All tensors below the root by their paths, and why others are none."""
    datasets, unreadable = {}, {}
    groups, visited = [("", _root(file))], set()
    while groups:
        path, address = groups.pop()
        if address in visited:
            raise ValueError(f"the object {path!r:.80} stands in two places")
        visited.add(address)
        messages = _messages(file, address)
        if EXTERNAL in messages:
            raise CheckpointError(f"{file.path}: the bytes of {path!r:.80} are in another file.")
        if LINK in messages or LINK_INFO in messages:
            raise CheckpointError(f"{file.path} holds an HDF5 group of a newer kind; {AGAIN}.")
        if SYMBOLS in messages:
            for name, header in _links(file, messages[SYMBOLS]):
                inner = f"{path}/{name}" if path else name
                file.spend(len(inner))
                groups.append((inner, header))
        elif {DATASPACE, DATATYPE, LAYOUT} <= messages.keys():
            try:
                datasets[path] = _dataset(file, messages)
            except NotImplementedError as error:
                unreadable[path] = str(error)
        else:
            raise ValueError(f"{path!r:.80} is neither a group nor a tensor")
    return datasets, unreadable


def _dataset(file: Metadata, messages: Mapping[int, bytes]) -> Dataset:
    """A tensor's shape, dtype and place; raises NotImplementedError for what is read by nobody."""
    spec = stored_spec(_shape(messages[DATASPACE]), _dtype(messages[DATATYPE]))
    body = messages[LAYOUT]
    version, kind = body[0], body[1]
    if version != 3 or kind != 1:
        raise NotImplementedError("stored in chunks, or compressed, which Keras never does")
    offset, length = struct.unpack("<QQ", body[2:18])
    if offset == NOWHERE and not spec.nbytes:
        offset = 0
    if length != spec.nbytes and spec.nbytes:
        raise ValueError(f"a tensor {spec.shape} has {length} bytes, not {spec.nbytes}")
    if offset + spec.nbytes > file.size:
        raise ValueError(f"a tensor ends at byte {offset + spec.nbytes} of {file.size}")
    return Dataset(spec, offset)


def _shape(body: bytes) -> tuple[int, ...]:
    version, rank, third = body[:3]
    start = {1: 8, 2: 4}.get(version)
    if start is None or (version == 2 and body[3] == 2):
        raise ValueError(f"a shape is of an unknown kind ({third})")
    if rank > containers.MOST_AXES:
        raise ValueError(f"a shape has {rank} axes")
    return struct.unpack(f"<{rank}Q", body[start : start + 8 * rank])


def _dtype(body: bytes) -> np.dtype:
    """A little-endian float or integer."""
    kind, bits, size = body[0] & 15, body[1], struct.unpack("<I", body[4:8])[0]
    little = bits & (65 if kind == 1 else 1) == 0
    if kind == 1 and little and struct.unpack("<HHBBBBI", body[8:20]) == FLOATS.get(size):
        return np.dtype(f"<f{size}")
    if kind == 0 and little and struct.unpack("<HH", body[8:12]) == INTEGERS.get(size):
        return np.dtype(f"<{'i' if bits & 8 else 'u'}{size}")
    raise NotImplementedError("no number of a usual kind")
