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
from typing import IO

import numpy as np

from playmask.checkpoints import containers
from playmask.checkpoints.bundle_entries import (
    NUMBERS,
    BundleEntry,
    Entries,
    entry_bytes,
    read_entries,
)
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.sstable import DAMAGE, is_table, masked_crc, read_table, write_table
from playmask.errors import CheckpointError
from playmask.files import PathLike, replacing
from playmask.protobuf import BYTES, field, integer, integer_field, parse, read_varint

SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


class Bundle(Tensors):
    """The tensors of one checkpoint, in the order in which they lie in its shards."""

    def __init__(self, path: Path, index: Entries, shards: list[Path]):
        entries = index.tensors
        specs = {name: entry.spec for name, entry in entries.items()}
        super().__init__(path, specs, index.unreadable)
        self._entries, self._texts = entries, index.texts
        self._files = [(shard, containers.mapped(shard)) for shard in shards]
        self._verified: set[BundleEntry] = set()
        total = sum(len(buffer) for _, buffer in self._files)
        for name, entry in entries.items():
            if entry.spec.nbytes > total:
                raise CheckpointError(
                    f"{path}: tensor {name!r} has {entry.spec.nbytes} bytes, its files {total}."
                )
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

    def text(self, name: str) -> bytes | None:
        """The one string of a tensor of strings; None where there is no such tensor.

        Raises: CheckpointError where it is damaged
        """
        if name not in self._texts:
            return None
        shard, offset, length, crc = self._texts[name]
        file, buffer = self._files[shard]
        data = buffer[offset : offset + length].tobytes()
        try:
            size, start = read_varint(data, 0)
        except ValueError:
            size, start = -1, 0
        content = data[start + 4 :]  # behind the length's own checksum
        known = struct.pack("<I" if size < 1 << 32 else "<Q", max(size, 0)) + data[start:]
        if len(content) != size or masked_crc(known) != crc:
            raise CheckpointError(f"{file}: the string {name!r} is damaged; fetch it again.")
        return content

    def _part(self, name: str, entry: BundleEntry) -> np.ndarray:
        file, buffer = self._files[entry.shard]
        data = buffer[entry.offset : entry.offset + entry.spec.nbytes]
        if entry not in self._verified:
            if masked_crc(data) != entry.crc:
                raise CheckpointError(
                    f"{file}: the checksum of tensor {name!r} does not fit its bytes, "
                    "so the file is damaged; fetch it again."
                )
            self._verified.add(entry)
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
        entries = read_entries(index, records, count)
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise CheckpointError(f"{index} is a damaged index: {error}.") from error
    return Bundle(Path(stem), entries, shards)


def write(prefix: PathLike, tensors: Mapping[str, np.ndarray], *, shards: int = 1) -> None:
    """Write tensors bit for bit as a TensorFlow checkpoint, in the order of the mapping.

    The index is replaced last, and the files of an older checkpoint stay if anything fails.

    Raises:  CheckpointError for a name or a dtype that the format lacks
    """
    stem = SUFFIX.sub("", os.fspath(prefix))
    if shards < 1:
        raise CheckpointError(f"{stem}: a checkpoint has at least 1 shard, not {shards}.")
    names = list(tensors)
    sizes = [containers.nbytes(tensors, name) if shards > 1 else 0 for name in names]
    home = [(end - 1) * shards // sum(sizes) if end else 0 for end in itertools.accumulate(sizes)]
    records = {b"": integer_field(1, shards) + field(3, BYTES, integer_field(1, 1))}
    with replacing(*_paths(stem, shards), f"{stem}.index") as temporary:
        for shard in range(shards):
            with temporary[shard].open("wb") as file:
                for name in (name for name, at in zip(names, home, strict=True) if at == shard):
                    array = containers.writable(stem, name, tensors[name], NUMBERS)
                    records[name.encode()] = _append(file, shard, array)
        temporary[-1].write_bytes(write_table(sorted(records.items())))


def _append(file: IO[bytes], shard: int, array: np.ndarray) -> bytes:
    """Write an array's bytes and give its BundleEntryProto."""
    data, offset = containers.raw(array), file.tell()
    file.write(data.data)
    return entry_bytes(array, shard, offset, masked_crc(data))


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
    message = parse(header)
    if isinstance(message.get(1, [0])[0], bytes):
        raise _v1(index)
    if integer(message, 2):
        raise CheckpointError(f"{index} is big-endian; save it again on a little-endian machine.")
    if not integer(message, 1):
        raise ValueError("its header names no shards")
    return integer(message, 1)


def _paths(stem: str, count: int) -> Iterator[Path]:
    return (Path(f"{stem}.data-{i:05d}-of-{count:05d}") for i in range(count))


def _shards(stem: str, count: int) -> list[Path]:
    missing = next((path for path in _paths(stem, count) if not path.is_file()), None)
    if missing:
        raise CheckpointError(
            f"{missing} does not exist, but {stem}.index needs all {count} data files beside it."
        )
    return list(_paths(stem, count))
