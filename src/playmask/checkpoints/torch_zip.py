"""PyTorch's `pytorch_model.bin` without torch: the zip container and the older stream.

Both hold a pickle that describes the tensors, and raw storages beside it. Both are read; the zip
container is written.

Source: torch/serialization.py (`_save`, `_legacy_save`) and torch/_utils.py
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from playmask.checkpoints import containers, pickle_writer
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.pickle_reader import LIMIT, Pickle, View
from playmask.errors import CheckpointError
from playmask.files import PathLike, replacing

MAGIC = 0x1950A86A20F9469CFC6C
WRAPPERS = ("state_dict", "model_state_dict", "model")
ALIGNMENT = 64
LARGE = 1 << 30
"""Bytes from which on a member's header gets a zip64 field (which 2**32 need)."""

DAMAGE = (
    ValueError, LookupError, TypeError, AttributeError, EOFError, struct.error, OverflowError,
    RecursionError,
)  # fmt: skip


class StoredBytes(NamedTuple):
    """Where a storage lies in the file; a CRC-32 of 0 stands for none."""

    start: int
    length: int
    crc: int = 0


class Content(NamedTuple):
    """What a file's pickle describes, and where the storages lie that it looks into."""

    state: Any
    places: dict[str, StoredBytes]


class TorchTensors(Tensors):
    """The tensors of one file; tied ones are views of the same memory."""

    def __init__(self, path: Path, buffer: np.ndarray, content: Content, under: Sequence[str]):
        state, places = content
        self._views, unreadable = _flat(path, state, under)
        super().__init__(path, {name: v.spec for name, v in self._views.items()}, unreadable)
        self._buffer, self._places, self._verified = buffer, places, set[str]()

    def _load(self, name: str) -> np.ndarray:
        storage, (shape, dtype), offset, strides = self._views[name]
        start, length, crc = self._places[storage.key]
        data = self._buffer[start : start + length]
        if crc and storage.key not in self._verified:
            if zlib.crc32(data.data) != crc:
                raise CheckpointError(
                    f"{self.path}: the checksum of tensor {name!r} does not fit its bytes, "
                    "so the file is damaged; fetch it again."
                )
            self._verified.add(storage.key)
        if 0 in shape:
            return np.empty(shape, dtype)
        at, steps = storage.start + offset * dtype.itemsize, [s * dtype.itemsize for s in strides]
        array: np.ndarray = np.ndarray(shape, dtype, data.data, at, steps)
        return array if array.flags.aligned else array.copy()


def read(path: PathLike, *, under: Sequence[str] = ()) -> Tensors:
    """Open a file, the index of a sharded one (`*.index.json`), or the folder of either.

    Tensors at the top of the saved dict are listed by their keys. Where there are none, the dict
    under 'state_dict', 'model_state_dict' or 'model' (the first there is) is taken for it; with
    `under`, only the dict under the first of these keys that there is. All else (an optimizer, an
    epoch, an expanded view larger than its storage) is in `unreadable`.

    Raises:  CheckpointError if a file is missing, foreign, cut short, or asks for anything else
             than tensors (nothing that it asks for is run); at first access, if bytes do not fit
             their checksum
    """
    path = containers.locate(path, "pytorch_model", ".bin")
    if path.name.endswith(".index.json"):
        return containers.read_sharded(path, partial(_read_file, under=under))
    return _read_file(path, under)


def _read_file(path: Path, under: Sequence[str]) -> TorchTensors:
    buffer = containers.mapped(path)
    is_zip = buffer[:4].tobytes() == b"PK\3\4"
    try:
        content = (_read_zip if is_zip else _read_stream)(path, buffer)
        return TorchTensors(path, buffer, content, under)
    except CheckpointError:
        raise
    except (*DAMAGE, zipfile.BadZipFile, NotImplementedError, OSError) as error:
        kind = "zip container" if is_zip else "stream"
        raise CheckpointError(
            f"{path} is no PyTorch {kind}, or is cut short or damaged: {error}."
        ) from error


def _directory_bytes(buffer: np.ndarray) -> int:
    """How large a zip file says that its directory is, in the record at its end."""
    tail = buffer[-(1 << 16) - 100 :].tobytes()
    for mark, form in ((b"PK\6\6", "<40xQ"), (b"PK\5\6", "<12xI")):  # zip64's record first
        at = tail.rfind(mark)
        if at >= 0 and at + struct.calcsize(form) <= len(tail):
            return int(struct.unpack_from(form, tail, at)[0])
    return 0


def _read_zip(path: Path, buffer: np.ndarray) -> Content:
    if _directory_bytes(buffer) > LIMIT:
        raise ValueError("its directory is larger than any model needs")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name.count("/") < 2 and Path(name).name == "data.pkl"]
    if len(pickles) != 1:
        raise CheckpointError(f"{path} is a zip file, but not one that torch.save wrote.")
    root = pickles[0].removesuffix("data.pkl")

    def place(name: str) -> StoredBytes:
        if root + name not in members:
            raise ValueError(f"it lacks {name}")
        return _place(path, buffer, members[root + name])

    def content(name: str) -> bytes:
        start, length, crc = place(name)
        if length > LIMIT:
            raise ValueError(f"{name} takes {length} bytes, more than any model needs")
        data = buffer[start : start + length].tobytes()
        if crc and zlib.crc32(data) != crc:
            raise ValueError(f"the checksum of {name} does not fit")
        return data

    if root + "byteorder" in members and content("byteorder") != b"little":
        raise CheckpointError(f"{path} is big-endian; save it again on a little-endian machine.")
    pickle = Pickle(path)
    state = pickle.load(io.BytesIO(content("data.pkl")))
    places = {key: place(f"data/{key}") for key in pickle.storages}
    for key, storage in pickle.storages.items():
        if places[key].length < storage.end:
            raise ValueError(f"storage {key!r} has {places[key].length} bytes, not {storage.end}")
    return Content(state, places)


def _place(path: Path, buffer: np.ndarray, info: zipfile.ZipInfo) -> StoredBytes:
    """Find the bytes of a stored member behind its local header."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise CheckpointError(
            f"{path} keeps {info.filename!r} compressed or encrypted, which torch.save never does; "
            "write it again with torch.save."
        )
    header = buffer[info.header_offset : info.header_offset + 30].tobytes()
    name, extra = struct.unpack("<26xHH", header)
    start = info.header_offset + 30 + name + extra
    if header[:4] != b"PK\3\4" or start + info.file_size > len(buffer):
        raise ValueError(f"member {info.filename!r} lies beyond its {len(buffer)} bytes")
    return StoredBytes(start, info.file_size, info.CRC)


def _read_stream(path: Path, buffer: np.ndarray) -> Content:
    stream = io.BytesIO(buffer[:LIMIT].tobytes())
    if Pickle(path).load(stream) != MAGIC:
        raise ValueError("it does not start with torch's magic number")
    version, system = Pickle(path).load(stream), Pickle(path).load(stream)
    if version != 1001:
        raise ValueError("its protocol version is not 1001")
    if not system["little_endian"]:
        raise CheckpointError(f"{path} is big-endian; save it again on a little-endian machine.")
    pickle = Pickle(path)
    state, keys = pickle.load(stream), Pickle(path).load(stream)
    places, position = {}, stream.tell()
    for key in keys:
        if type(key) is not str or key not in pickle.storages:
            raise ValueError("it lists a storage that no tensor looks into")
        storage = pickle.storages[key]
        (count,) = struct.unpack("<q", buffer[position : position + 8].tobytes())
        if count * storage.dtype.itemsize != storage.end:
            raise ValueError(f"storage {key!r} has {count} elements, not as its tensors say")
        places[key] = StoredBytes(position + 8, storage.end)
        position += 8 + storage.end
    if position > len(buffer) or places.keys() != pickle.storages.keys():
        raise ValueError(f"its storages need {position} bytes and it has {len(buffer)}")
    return Content(state, places)


def _flat(path: Path, state: Any, under: Sequence[str]) -> tuple[dict[str, View], dict[str, str]]:
    """Sort what the pickle described into tensors by name and the rest by reason."""
    if type(state) is not dict:
        kind = "single tensor" if isinstance(state, View) else type(state).__name__
        raise CheckpointError(f"{path} holds a {kind}; it should hold a dict of tensors.")
    views: dict[str, View] = {}
    unreadable: dict[str, str] = {}
    if under or not any(isinstance(value, View) for value in state.values()):
        wrapper = next((key for key in under or WRAPPERS if type(state.get(key)) is dict), None)
        if wrapper is not None:
            beside = {str(key): f"beside {wrapper!r}" for key in state if key != wrapper}
            unreadable, state = beside, state[wrapper]
        elif under:
            unreadable, state = dict.fromkeys(map(str, state), ""), {}
    for key, value in state.items():
        if not isinstance(value, View):
            unreadable[str(key)] = f"a value of type {type(value).__name__}"
        elif value.spec.nbytes > value.storage.end - value.storage.start:
            unreadable[str(key)] = f"an expanded view of shape {value.spec.shape}"
        else:
            views[str(key)] = value
    if unreadable and not views:
        wrapped = "" if under else "a state dict, or "
        raise CheckpointError(
            f"{path} holds a dict without tensors (its first keys are {list(unreadable)[:3]}); "
            f"it should hold {wrapped}one under any of {', '.join(under or WRAPPERS)}."
        )
    return views, unreadable


def write(path: PathLike, tensors: Mapping[str, np.ndarray], *, under: str | None = None) -> None:
    """Write tensors bit for bit as torch.save does, one after the other; `under` a key of a dict.

    A file that is there stays if anything fails.

    Raises:  CheckpointError for a name or a dtype that PyTorch lacks
    """
    specs = containers.specs_of(path, tensors, pickle_writer.DTYPES)
    with (
        replacing(path) as (temporary,),
        temporary.open("wb") as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        _add(archive, file, "data.pkl", pickle_writer.state_dict(specs, under=under))
        _add(archive, file, ".format_version", b"1")
        _add(archive, file, ".storage_alignment", str(ALIGNMENT).encode())
        _add(archive, file, "byteorder", b"little")
        for key, name in enumerate(specs):
            _add(archive, file, f"data/{key}", containers.raw(np.asarray(tensors[name])).data)
        _add(archive, file, "version", b"3\n")


def _add(archive: zipfile.ZipFile, file: IO[bytes], name: str, data: bytes | memoryview) -> None:
    """Write a member whose bytes start at a multiple of 64, behind a padded header."""
    member = zipfile.ZipInfo(f"archive/{name}")
    large = len(data) >= LARGE
    header = file.tell() + 30 + len(member.filename) + (20 if large else 0) + 4
    padding = -header % ALIGNMENT
    member.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(member, "w", force_zip64=large) as place:
        place.write(data)
