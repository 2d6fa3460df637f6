"""Sorted string tables (LevelDB's format), in which TensorFlow keeps its indexes.

Source: LevelDB, doc/table_format.md; TensorFlow writes it uncompressed in blocks of 256 KB.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import google_crc32c
import numpy as np

from playmask.checkpoints.containers import mapped
from playmask.errors import CheckpointError
from playmask.protobuf import read_bytes, read_varint, write_varint

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
FOOTER = 48
TRAILER = 5  # a block's compression byte and checksum
BLOCK = 262144
GROWTH = 32
"""By how much all keys of a table, written out, may be larger than it; a prefix is shared by 16."""
LONGEST = 1 << 24  # bytes; the index of a model with 1,000 tensors takes 0.1 MB
DAMAGE = (IndexError, ValueError, struct.error)  # what reading damaged bytes raises


def masked_crc(data: bytes | np.ndarray) -> int:
    """Checksum bytes as TensorFlow stores it: CRC32C, rotated and offset; nothing is copied."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def is_table(path: Path) -> bool:
    """Say whether a file ends as a table does."""
    if path.stat().st_size < FOOTER:
        return False
    with path.open("rb") as file:
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC


def read_table(path: Path) -> dict[bytes, bytes]:
    """Read all records of a table in their order, checking every block.

    Raises:  CheckpointError if the file is foreign, truncated, compressed or altered
    """
    if not is_table(path):
        mapped(path)  # which knows a pointer or a web page
        raise CheckpointError(
            f"{path} is not the index of a TensorFlow checkpoint: it does not end in that format's "
            "mark, so it is cut short or another kind of file."
        )
    file = mapped(path)
    if len(file) > LONGEST:
        raise CheckpointError(f"{path} takes {len(file)} bytes, more than any model's index needs.")
    footer = file[-FOOTER:].tobytes()
    try:
        *empty, i = _handle(footer, 0)
        *index, _ = _handle(footer, i)
        _read_block(path, file, *empty)
        records: dict[bytes, bytes] = {}
        place, budget = 0, GROWTH * len(file) + BLOCK
        for _, handle in _records(_read_block(path, file, *index), budget):
            offset, size, _ = _handle(handle, 0)
            if offset < place:
                raise ValueError("its blocks do not follow each other")
            place = offset + size
            for key, value in _records(_read_block(path, file, offset, size), budget):
                records[key], budget = value, budget - len(key)
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise CheckpointError(f"{path} is a damaged index: {error}.") from error
    return records


def _handle(data: bytes, start: int) -> tuple[int, int, int]:
    """Read where a block lies: (offset, size, where the handle ends)."""
    offset, start = read_varint(data, start)
    return offset, *read_varint(data, start)


def _read_block(path: Path, file: np.ndarray, offset: int, size: int) -> bytes:
    block = file[offset : offset + size + TRAILER].tobytes()
    if len(block) < size + TRAILER:
        raise CheckpointError(f"{path} is a damaged index: a block lies beyond its end.")
    if masked_crc(block[: size + 1]) != struct.unpack("<I", block[size + 1 :])[0]:
        raise CheckpointError(
            f"{path} is a damaged index: the checksum of its block at byte {offset} does not fit."
        )
    if block[size]:
        raise CheckpointError(
            f"{path} is a compressed index (type {block[size]}); TensorFlow does not "
            "compress it, so save the checkpoint again with TensorFlow."
        )
    return block[:size]


def _records(block: bytes, budget: int) -> Iterator[tuple[bytes, bytes]]:
    """Walk the records of a block, whose keys share prefixes with the key before.

    budget: the bytes that all its keys may take
    """
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError("a block with more restart points than bytes")
    i, key = 0, b""
    while i < end:
        shared, i = read_varint(block, i)
        own, i = read_varint(block, i)
        length, i = read_varint(block, i)
        key = read_bytes(key, 0, shared) + read_bytes(block, i, own)
        i, budget = i + own, budget - len(key)
        if budget < 0:
            raise ValueError("the prefixes that its keys share make them far longer than it is")
        yield key, read_bytes(block, i, length)
        i += length


class _Block:
    """A block being filled; every `interval` records a key is written in full."""

    def __init__(self, interval: int):
        self.interval, self.data, self.last, self.count = interval, bytearray(), b"", 0
        self.restarts = [0]

    def add(self, key: bytes, value: bytes) -> None:
        """Append a record whose key is greater than the last one."""
        shared = 0
        if self.count and self.count % self.interval == 0:
            self.restarts.append(len(self.data))
        elif self.count:
            while shared < min(len(key), len(self.last)) and key[shared] == self.last[shared]:
                shared += 1
        for number in (shared, len(key) - shared, len(value)):
            self.data += write_varint(number)
        self.data += key[shared:] + value
        self.last, self.count = key, self.count + 1

    def size(self) -> int:
        """Bytes that the block takes as it stands."""
        return len(self.data) + 4 * len(self.restarts) + 4

    def flush(self, file: bytearray) -> bytes:
        """Append the block with its trailer to a file; give its handle (offset, size)."""
        body = bytes(self.data) + struct.pack(
            f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts)
        )
        handle = write_varint(len(file)) + write_varint(len(body))
        file += body + b"\0" + struct.pack("<I", masked_crc(body + b"\0"))
        return handle


def write_table(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Build a table of records with ascending keys, byte for byte as TensorFlow does."""
    file, index, block = bytearray(), _Block(1), _Block(16)
    full = False
    for key, value in records:
        if full:
            index.add(_separator(block.last, key), block.flush(file))
            block = _Block(16)
        block.add(key, value)
        full = block.size() >= BLOCK
    if block.count:
        index.add(_successor(block.last), block.flush(file))
    footer = _Block(1).flush(file) + index.flush(file)
    return bytes(file) + footer.ljust(FOOTER - len(MAGIC), b"\0") + MAGIC


def _separator(last: bytes, following: bytes) -> bytes:
    """Shorten `last` to a key that is still before the `following` one."""
    for i, (a, b) in enumerate(zip(last, following, strict=False)):
        if a != b:
            return last[:i] + bytes([a + 1]) if a + 1 < b else last
    return last


def _successor(last: bytes) -> bytes:
    """Shorten `last` to a key that is not before it."""
    for i, byte in enumerate(last):
        if byte != 0xFF:
            return last[:i] + bytes([byte + 1])
    return last
