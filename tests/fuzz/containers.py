"""Weights that lie: damage below a container's checksums and sizes, which are made anew."""

import builtins
import gzip
import io
import os
import pickle
import random
import struct
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.damage import Damage, damage_json, of_bytes, of_text
from playmask.checkpoints import sstable
from playmask.protobuf import write_varint

SENTINEL = "executed"
"""The file that a payload would write into the folder it is read in."""


class Payload:
    """An object whose pickle runs something when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


PAYLOADS = (
    Payload(os.system, f"touch {SENTINEL}"),
    Payload(builtins.exec, f"open('{SENTINEL}', 'w')"),
    Payload(builtins.eval, f"open('{SENTINEL}', 'w')"),
    Payload(builtins.open, SENTINEL, "w"),
    Payload(subprocess.Popen, ["touch", SENTINEL]),
    Payload(os.mkdir, SENTINEL),
)


def payload(data: bytes, draw: random.Random) -> bytes:
    """A pickle that runs something, alone or before or inside another one."""
    own = pickle.dumps(draw.choice(PAYLOADS), draw.randrange(6))
    body = own[2:-1] if own[:1] == b"\x80" else own[:-1]
    place = draw.choice((0, 2, draw.randrange(len(data) + 1), max(len(data) - 1, 0)))
    return draw.choice((own, data[:place] + body + b"0" + data[place:], own + data))


def of_safetensors(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes, or a header that says something else than the bytes."""
    if draw.random() < 0.4:
        return of_bytes(data, draw)
    length = int.from_bytes(data[:8], "little")
    header = damage_json(data[8 : 8 + length], draw)
    if draw.random() < 0.1:
        header = of_text(header, draw).data
    return Damage(
        len(header).to_bytes(8, "little") + header + data[8 + length :],
        "values of the header",
        False,
    )


def of_index(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes, or other records in a table whose checksums fit."""
    chance = draw.random()
    if chance < 0.5:
        return of_bytes(data, draw)
    if chance < 0.53:
        return Damage(prefix_bomb(draw), "keys that share long prefixes", False)
    records = dict(_records(data))
    for _ in range(draw.choice((1, 1, 2, 5))):
        key = draw.choice(sorted(records))
        change = draw.randrange(4)
        if change == 0:
            records[of_bytes(key, draw).data[:500]] = records.pop(key)
        elif change == 1:
            records.pop(key)
            records = records or {b"": b""}
        else:
            records[key] = of_bytes(records[key], draw).data[:5000]
    return Damage(sstable.write_table(sorted(records.items())), "records of the table", False)


@cache
def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of a table."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return sstable.read_table(Path(file.name))


def prefix_bomb(draw: random.Random) -> bytes:
    """A table of about a megabyte whose keys take gigabytes when they are written out."""
    prefix, count = draw.choice(((1 << 20, 1 << 13), (1 << 16, 1 << 17)))
    body = bytearray(write_varint(0) + write_varint(prefix) + write_varint(0) + b"x" * prefix)
    for i in range(count):
        body += write_varint(prefix) + write_varint(4) + write_varint(0) + struct.pack(">I", i)
    body += struct.pack("<II", 0, 1)
    empty = struct.pack("<II", 0, 1)
    file = bytearray()
    handles = []
    for block in (bytes(body), empty):
        handles.append(write_varint(len(file)) + write_varint(len(block)))
        file += block + b"\0" + struct.pack("<I", sstable.masked_crc(block + b"\0"))
    index = write_varint(0) + write_varint(1) + write_varint(len(handles[0])) + b"y" + handles[0]
    index += struct.pack("<II", 0, 1)
    handles.append(write_varint(len(file)) + write_varint(len(index)))
    file += index + b"\0" + struct.pack("<I", sstable.masked_crc(index + b"\0"))
    footer = handles[1] + handles[2]
    return bytes(file) + footer.ljust(sstable.FOOTER - len(sstable.MAGIC), b"\0") + sstable.MAGIC


def of_bin(data: bytes, draw: random.Random) -> Damage:
    """Damage of a PyTorch file of either kind, or of another archive."""
    return (_of_zip if data[:2] == b"PK" else _of_stream)(data, draw)


def _of_zip(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes, or other members in an archive whose checksums fit."""
    if draw.random() < 0.4:
        return of_bytes(data, draw)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    pickles = (i for i, (name, _) in enumerate(members) if name.endswith("data.pkl"))
    at = next(pickles, None)
    if at is None or draw.random() < 0.3:
        at = draw.randrange(len(members))
    name, content = members[at]
    change = draw.randrange(5)
    packing = zipfile.ZIP_STORED
    if change == 0:
        content = payload(content, draw)
    elif change == 1:
        del members[at]
    elif change == 2:
        content, packing = b"\0" * (1 << 28), zipfile.ZIP_DEFLATED
    else:
        content = of_bytes(content, draw).data
    if change != 1:
        members[at] = draw.choice((name, name, name, "../" + name, name + "\0", "x/y/z")), content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing, compresslevel=1) as archive:
        for each, inside in members:
            archive.writestr(zipfile.ZipInfo(each), inside, packing)
    kinds = ("a payload", "without a member", "a bomb", "a damaged member", "a damaged member")
    return Damage(out.getvalue(), f"{kinds[change]}: {name}", False)


def _of_stream(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes, or a pickle that runs something; nothing in a stream has a checksum."""
    if draw.random() < 0.6:
        return of_bytes(data, draw)
    return Damage(payload(data, draw), "a payload", False)


def of_gzip(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes of a compressed file, or of what it holds."""
    if draw.random() < 0.5:
        return of_bytes(data, draw)
    inside = of_text(gzip.decompress(data), draw)
    return Damage(gzip.compress(inside.data, 1, mtime=0), inside.mutation, False)


HDF5_MARKS = (b"TREE", b"SNOD", b"HEAP", b"\x01\0", b"\x08\0\x18\0", b"\x03\0", b"\x11\0\x10\0")
"""What structures and messages of an HDF5 file begin with."""


def of_hdf5(data: bytes, draw: random.Random) -> Damage:
    """Damaged bytes, or numbers behind a mark that say something else: addresses, sizes, counts."""
    if draw.random() < 0.3:
        return of_bytes(data, draw)
    mark, place = draw.choice(HDF5_MARKS), draw.randrange(len(data) // 2)
    place = max(data.find(mark, place), data.find(mark)) if mark in data else 8
    at = place + draw.randrange(0, 64)
    size = draw.choice((1, 2, 4, 8))
    known = [data.find(each) for each in HDF5_MARKS if each in data]
    value = draw.choice((0, 1, 255, len(data), 1 << 31, (1 << 64) - 1, place, *known))
    new = (value % (1 << 8 * size)).to_bytes(size, "little")
    return Damage(
        data[:at] + new + data[at + size :], f"{size} bytes at {at} say {value}", raw=False
    )
