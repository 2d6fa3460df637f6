"""PyTorch files put together byte by byte, whatever they say."""

import pickle
import struct
import zipfile

from playmask.checkpoints import torch_zip


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def pack(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def craft(path, container, data, storages=None):
    """Put a pickle, and storages (float32) by key, into a container as torch.save would."""
    storages = storages or {}
    if container == "zip":
        records = {f"x/data/{key}": array.tobytes() for key, array in storages.items()}
        return pack(path, {"x/data.pkl": data, "x/byteorder": b"little", **records})
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    before = [pickle.dumps(each, 2) for each in (torch_zip.MAGIC, 1001, system)]
    raw = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    path.write_bytes(b"".join([*before, data, pickle.dumps(list(storages), 2), *raw]))
    return path


def tensor(shape=(3,), stride=(1,), offset=0, count=3, kind="FloatStorage", key="0"):
    """Pickle {"a": tensor} opcode by opcode, whatever its numbers are."""
    storage = b"(" + text("storage") + b"ctorch\n%b\n" % kind.encode() + text(key) + text("cpu")
    storage += number(count) + b"tQ"
    arguments = b"(" + storage + number(offset) + numbers(shape) + numbers(stride)
    arguments += b"\x89ccollections\nOrderedDict\n)Rt"
    body = b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"
    return b"\x80\x02}" + text("a") + body + b"s."


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    data = value.to_bytes(20, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


class Call:
    """An object whose pickle calls `function`, as malicious files have it."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced
