"""TensorFlow checkpoints (format V2, a "tensor bundle") read and written without TensorFlow.

`prefix.index` is a sorted table from tensor name to an entry (dtype, shape, where the bytes lie,
their checksum); `prefix.data-00000-of-00001` and its siblings hold the bytes.

Source: tensorflow/core/protobuf/tensor_bundle.proto and core/util/tensor_bundle
"""

import itertools
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import ml_dtypes
import numpy as np

from playmask.checkpoints import containers
from playmask.checkpoints.containers import PathLike, Spec, Tensors
from playmask.checkpoints.table import (
    DAMAGE,
    is_table,
    masked_crc,
    piece,
    read_table,
    table,
    to_varint,
    varint,
)
from playmask.errors import CheckpointError

DTYPES = {  # numbers of tensorflow/core/framework/types.proto
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64",
    10: "bool", 14: ml_dtypes.bfloat16, 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
DTYPES = {number: np.dtype(name) for number, name in DTYPES.items()}
NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
FOREIGN = {7: "a string", 8: "complex64", 18: "complex128", 20: "a resource", 21: "a variant"}
SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


class Entry(NamedTuple):
    """Where the bytes of a tensor lie, or of which slices (starts, shape, entry) it is put together."""

    spec: Spec
    shard: int = 0
    offset: int = 0
    crc: int = 0
    slices: tuple[tuple[tuple[slice, ...], "Entry"], ...] = ()


class Bundle(Tensors):
    """The tensors of one checkpoint, in the order in which they lie in its shards."""

    def __init__(
        self, path: Path, entries: dict[str, Entry], unreadable: dict[str, str], shards: list[Path]
    ):
        super().__init__(path, {name: entry.spec for name, entry in entries.items()}, unreadable)
        self._entries = entries
        self._files = [(shard, containers.mapped(shard)) for shard in shards]
        self._verified: set[tuple[int, int]] = set()
        for name, entry in entries.items():
            for part in [each for _, each in entry.slices] or [entry]:
                file, buffer = self._files[part.shard]
                if part.offset + part.spec.nbytes > len(buffer):
                    raise CheckpointError(
                        f"{file} is cut short: tensor {name!r} ends at byte "
                        f"{part.offset + part.spec.nbytes} but the file has {len(buffer)}."
                    )

    def _load(self, name: str) -> np.ndarray:
        entry = self._entries[name]
        if not entry.slices:
            return self._part(name, entry)
        whole = np.empty(*entry.spec)
        for where, part in entry.slices:
            whole[where] = self._part(name, part)
        return whole

    def _part(self, name: str, entry: Entry) -> np.ndarray:
        file, buffer = self._files[entry.shard]
        data = buffer[entry.offset : entry.offset + entry.spec.nbytes]
        place = (entry.shard, entry.offset)
        if place not in self._verified:
            if masked_crc(data) != entry.crc:
                raise CheckpointError(
                    f"{file}: the checksum of tensor {name!r} does not fit its bytes, "
                    "so the file is damaged; fetch it again."
                )
            self._verified.add(place)
        return containers.view(data, entry.spec)


def read(prefix: PathLike) -> Bundle:
    """Open a TensorFlow checkpoint by its prefix, or by the path of any of its files.

    Raises:  CheckpointError if a file is missing, foreign, cut short, damaged, of format V1 or
             big-endian; at first access, if the bytes of a tensor do not fit their checksum
    """
    stem = SUFFIX.sub("", os.fspath(prefix))
    index = Path(f"{stem}.index")
    if not index.is_file():
        raise _absent(Path(stem))
    records = read_table(index)
    try:
        count = _shard_count(index, records.pop(b"", b""))
        shards = _shards(stem, count)
        entries, unreadable = _entries(index, records, count)
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise CheckpointError(f"{index} is a damaged index: {error}.") from error
    return Bundle(Path(stem), entries, unreadable, shards)


def write(prefix: PathLike, tensors: Mapping[str, np.ndarray], *, shards: int = 1) -> None:
    """Write tensors bit for bit as a TensorFlow checkpoint, in the order of the mapping.

    The index is replaced last, and the files of an older checkpoint stay if anything fails.

    Raises:  CheckpointError for a name or a dtype that the format lacks
    """
    stem = SUFFIX.sub("", os.fspath(prefix))
    if shards < 1:
        raise CheckpointError(f"{stem}: a checkpoint has at least 1 shard, not {shards}.")
    names = containers.names_checked(stem, tensors, NUMBERS, "a TensorFlow checkpoint")
    sizes = [containers.spec_of(tensors, name).nbytes if shards > 1 else 0 for name in names]
    ends = itertools.accumulate(sizes)
    home = [(end - 1) * shards // sum(sizes) if end else 0 for end in ends]
    header = _field(1, shards) + _field(3, _field(1, 1))
    records = {b"": header}
    with containers.replacing(*_paths(stem, shards), f"{stem}.index") as temporary:
        for shard in range(shards):
            with temporary[shard].open("wb") as file:
                for name in (name for name, at in zip(names, home, strict=True) if at == shard):
                    records[name.encode()] = _append(file, shard, np.asarray(tensors[name]))
        temporary[-1].write_bytes(table(sorted(records.items())))


def _append(file: IO[bytes], shard: int, array: np.ndarray) -> bytes:
    """Write an array's bytes and give its BundleEntryProto."""
    data, offset = containers.raw(array), file.tell()
    file.write(data)
    dims = b"".join(_field(2, _field(1, n)) for n in array.shape)
    return (
        _field(1, NUMBERS[array.dtype.newbyteorder("=")])
        + _field(2, dims)
        + _field(3, shard)
        + _field(4, offset)
        + _field(5, len(data))
        + struct.pack("<BI", 6 << 3 | 5, masked_crc(data))
    )


def _absent(stem: Path) -> CheckpointError:
    """Say what is there instead of the index."""
    v1 = [stem, *stem.parent.glob(f"{stem.name}-?????-of-?????")]
    if any(file.is_file() and is_table(file) for file in v1):
        return _v1(stem)
    if stem.is_file():
        return CheckpointError(
            f"{stem} is not a TensorFlow checkpoint; one is given by its prefix, "
            "as bert_model.ckpt for bert_model.ckpt.index."
        )
    folder = stem if stem.is_dir() else stem.parent
    near = sorted(str(path)[: -len(".index")] for path in folder.glob("*.index"))
    hint = f"that folder has {', '.join(near[:3])}" if near else "no *.index is in that folder"
    return CheckpointError(f"{stem}.index does not exist; {hint}.")


def _v1(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is a TensorFlow V1 checkpoint; convert it with TensorFlow: restore it and save it "
        "with tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V2)."
    )


def _shard_count(index: Path, header: bytes) -> int:
    """Read the BundleHeaderProto."""
    fields = _proto(header)
    if fields.get(1) and not isinstance(fields[1][0], int):
        raise _v1(index)
    if _number(fields, 2):
        raise CheckpointError(f"{index} is big-endian; save it again on a little-endian machine.")
    if not _number(fields, 1):
        raise ValueError("its header names no shards")
    return _number(fields, 1)


def _paths(stem: str, count: int) -> Iterator[Path]:
    return (Path(f"{stem}.data-{i:05d}-of-{count:05d}") for i in range(count))


def _shards(stem: str, count: int) -> list[Path]:
    missing = next((path for path in _paths(stem, count) if not path.is_file()), None)
    if missing:
        raise CheckpointError(
            f"{missing} does not exist, but {stem}.index needs all {count} data files beside it."
        )
    return list(_paths(stem, count))


def _entries(
    index: Path, records: dict[bytes, bytes], count: int
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Read every BundleEntryProto: the tensors in the order of their bytes, and the others."""
    entries, unreadable = {}, {}
    for key, value in records.items():
        if key[0] == 0:
            continue  # a slice, found through the tensor it is a part of
        name, number = key.decode(), _number(_proto(value), 1)
        if number in DTYPES:
            try:
                entries[name] = _entry(key, value, count, records)
            except DAMAGE as error:
                raise CheckpointError(
                    f"{index} has a damaged entry for tensor {name!r}: {error}."
                ) from error
        else:
            unreadable[name] = f"TensorFlow dtype {FOREIGN.get(number, number)}"
    order = sorted(entries, key=lambda name: entries[name][1:3])
    return {name: entries[name] for name in order}, unreadable


def _entry(key: bytes, value: bytes, count: int, records: dict[bytes, bytes]) -> Entry:
    fields = _proto(value)
    dims = [_proto(dim) for dim in _proto(_message(fields, 2)).get(2, [])]
    spec = Spec(tuple(_number(dim, 1) for dim in dims), DTYPES[_number(fields, 1)])
    if len(spec.shape) > 32 or spec.nbytes >= 1 << 62:
        raise ValueError("a tensor of impossible size")
    if fields.get(7):
        return Entry(spec, slices=_slices(key, spec, fields[7], count, records))
    shard, length = _number(fields, 3), _number(fields, 5)
    if length != spec.nbytes or shard >= count:
        raise ValueError(f"{length} bytes in shard {shard} for {spec.dtype} of shape {spec.shape}")
    crc = int.from_bytes(_message(fields, 6), "little")
    return Entry(spec, shard, _number(fields, 4), crc)
