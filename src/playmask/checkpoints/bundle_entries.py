"""The entries of a TensorFlow checkpoint's index: what a tensor is and where its bytes lie.

Source: tensorflow/core/protobuf/tensor_bundle.proto; the keys of slices come from
        core/util/saved_tensor_slice_util.cc
"""

import struct
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np

from playmask.checkpoints.containers import Spec, size, stored_spec
from playmask.checkpoints.sstable import DAMAGE
from playmask.errors import CheckpointError
from playmask.protobuf import BYTES, FIXED32, field, integer, integer_field, parse, submessages

NUMBERS = {  # of tensorflow/core/framework/types.proto
    np.dtype("float32"): 1,
    np.dtype("float64"): 2,
    np.dtype("float16"): 19,
    np.dtype(ml_dtypes.bfloat16): 14,
    np.dtype("int64"): 9,
    np.dtype("int32"): 3,
    np.dtype("int16"): 5,
    np.dtype("int8"): 6,
    np.dtype("uint64"): 23,
    np.dtype("uint32"): 22,
    np.dtype("uint16"): 17,
    np.dtype("uint8"): 4,
    np.dtype("bool"): 10,
}
DTYPES = {number: dtype for dtype, number in NUMBERS.items()}
MOST_SLICES = 1000
STRING = 7
FOREIGN = {STRING: "a string", 8: "complex64", 18: "complex128", 20: "a resource", 21: "a variant"}


class BundleEntry(NamedTuple):
    """Where the bytes of a tensor lie, or else the slices it is put together from."""

    spec: Spec
    shard: int = 0
    offset: int = 0
    crc: int = 0
    slices: tuple[tuple[tuple[slice, ...], "BundleEntry"], ...] = ()


def entry_bytes(array: np.ndarray, shard: int, offset: int, crc: int) -> bytes:
    """Write the BundleEntryProto of a tensor whose bytes lie at `offset` of a shard."""
    return (
        integer_field(1, NUMBERS[array.dtype.newbyteorder("=")])
        + field(2, BYTES, b"".join(field(2, BYTES, integer_field(1, n)) for n in array.shape))
        + integer_field(3, shard)
        + integer_field(4, offset)
        + integer_field(5, array.nbytes)
        + field(6, FIXED32, struct.pack("<I", crc))
    )


class Entries(NamedTuple):
    """The tensors of an index in the order of their bytes, those of strings, why others are none.

    texts: shard, offset, bytes and checksum of a tensor of one string
    """

    tensors: dict[str, BundleEntry]
    texts: dict[str, tuple[int, int, int, int]]
    unreadable: dict[str, str]


def read_entries(index: Path, records: dict[bytes, bytes], count: int) -> Entries:
    """Read every BundleEntryProto."""
    entries: dict[str, BundleEntry] = {}
    texts: dict[str, tuple[int, int, int, int]] = {}
    unreadable: dict[str, str] = {}
    for key, value in records.items():
        if key[0] == 0:
            continue  # a slice, found through the tensor it is a part of
        message = parse(value)
        name, number = key.decode(), integer(message, 1)
        if number in DTYPES:
            try:
                entries[name] = _entry(key, value, count, records)
            except DAMAGE as error:
                raise CheckpointError(
                    f"{index} has a damaged entry for tensor {name!r}: {error}."
                ) from error
        else:
            unreadable[name] = FOREIGN.get(number, f"TensorFlow dtype {number}")
        if number == STRING and integer(message, 3) < count and 7 not in message:
            crc = int.from_bytes(b"".join(submessages(message, 6)), "little")
            texts[name] = (integer(message, 3), integer(message, 4), integer(message, 5), crc)
    order = sorted(entries, key=lambda name: entries[name][1:3])
    return Entries({name: entries[name] for name in order}, texts, unreadable)


def _entry(key: bytes, value: bytes, count: int, records: dict[bytes, bytes]) -> BundleEntry:
    """Read the BundleEntryProto of one tensor; that of a partitioned one lists its slices."""
    message = parse(value)
    dims = [dim for shape in submessages(message, 2) for dim in submessages(parse(shape), 2)]
    spec = stored_spec([integer(parse(dim), 1) for dim in dims], DTYPES[integer(message, 1)])
    if 7 in message:
        return BundleEntry(spec, slices=_slices(key, spec, submessages(message, 7), count, records))
    shard, length = integer(message, 3), integer(message, 5)
    if length != spec.nbytes or shard >= count:
        raise ValueError(f"it has {length} bytes in shard {shard} for {spec.dtype} {spec.shape}")
    crc = int.from_bytes(b"".join(submessages(message, 6)), "little")
    return BundleEntry(spec, shard, integer(message, 4), crc)


def _slices(
    key: bytes, spec: Spec, protos: list[bytes], count: int, records: dict[bytes, bytes]
) -> tuple[tuple[tuple[slice, ...], BundleEntry], ...]:
    """Find the stored parts of a partitioned variable, which must tile it exactly."""
    if len(protos) > MOST_SLICES:
        raise ValueError(f"it has {len(protos)} slices, where {MOST_SLICES} are the most")
    parts = []
    for proto in protos:
        extents = [parse(extent) for extent in submessages(parse(proto), 1)]
        bounds = [(integer(e, 1), integer(e, 2, -1)) for e in extents]
        at = _slice_key(key, bounds)
        if at not in records or len(bounds) != len(spec.shape):
            raise ValueError(f"its slice {bounds} is not stored")
        where = tuple(
            slice(start, dim if length < 0 else start + length)
            for (start, length), dim in zip(bounds, spec.shape, strict=True)
        )
        part = _entry(at, records[at], count, records)
        if part.spec != (tuple(s.stop - s.start for s in where), spec.dtype) or part.slices:
            raise ValueError(f"its slice {bounds} is stored as {part.spec.dtype} {part.spec.shape}")
        parts.append((where, part))
    if not _tile([where for where, _ in parts], spec.shape):
        raise ValueError("its slices do not tile it")
    return tuple(parts)


def _tile(slices: list[tuple[slice, ...]], shape: tuple[int, ...]) -> bool:
    """Whether slices cover a shape, none of them over another."""
    if any(s.stop > dim for where in slices for s, dim in zip(where, shape, strict=True)):
        return False
    overlaps = ~np.eye(len(slices), dtype=bool)
    for axis in range(len(shape)):
        start = np.array([where[axis].start for where in slices])
        stop = np.array([where[axis].stop for where in slices])
        overlaps &= (start[:, None] < stop[None]) & (start[None] < stop[:, None])
    sizes = [size(tuple(s.stop - s.start for s in where)) for where in slices]
    return not overlaps.any() and sum(sizes) == size(shape)


def _slice_key(name: bytes, bounds: list[tuple[int, int]]) -> bytes:
    """Encode the key under which a slice is stored (TensorFlow's EncodeTensorNameSlice)."""
    escaped = name.replace(b"\0", b"\0\xff")  # UTF-8 has no \xff to escape
    rank = bytes([1, len(bounds)] if bounds else [0])
    return b"\0" + escaped + b"\0\1" + rank + b"".join(_ordered(n) for pair in bounds for n in pair)


def _ordered(value: int) -> bytes:
    """Encode a signed integer so that bytes sort as the integers do (TensorFlow's OrderedCode)."""
    length = (~value if value < 0 else value).bit_length() // 7 + 1
    if length > 7:
        raise ValueError(f"its slice at {value} is impossible")
    mark = (0xFF00 >> length & 0xFF) << 8 * (length - 1)
    return (value % (1 << 8 * length) ^ mark).to_bytes(length, "big")
