import io
import json
import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from crafting import Call, craft, members, number, pack, tensor, text

from comparing import assert_same
from playmask.checkpoints import torch_zip
from playmask.errors import CheckpointError

FIXTURES = Path(__file__).parent / "fixtures"
COUNTING = np.arange(12, dtype="float32").reshape(3, 4)
STATE = {  # what make_torch.py saved
    "float32": COUNTING,
    "transposed": COUNTING.T,
    "slice": COUNTING[1:, 1::2],
    "tied": COUNTING,
    "parameter": COUNTING / 2,
    "float16": (COUNTING / 4).astype("float16"),
    "bfloat16": (COUNTING / 4).astype(ml_dtypes.bfloat16),
    "float64": COUNTING.astype("float64") / 3,
    "int64": np.array(-(2**40)),
    "int32": COUNTING.astype("int32") - 6,
    "int16": COUNTING.astype("int16") - 6,
    "int8": COUNTING.astype("int8") - 6,
    "uint8": COUNTING.astype("uint8") + 200,
    "bool": np.array([True, False, True]),
    "empty": np.zeros((0, 3), "float32"),
}
CONTAINERS = ("zip", "stream")


@pytest.mark.parametrize("container", CONTAINERS)
def test_reads_what_torch_wrote(container):
    found = torch_zip.read(FIXTURES / f"{container}.bin")
    assert list(found) == list(STATE)
    assert_same(found, STATE)
    assert found.unreadable == {"expanded": "an expanded view of shape (5,)"}


def test_tied_tensors_share_memory_and_the_file_stays(tmp_path):
    path = Path(shutil.copy(FIXTURES / "zip.bin", tmp_path))
    found = torch_zip.read(path)
    found["tied"][0, 1] = 7
    assert found["float32"][0, 1] == found["transposed"][1, 0] == 7
    assert path.read_bytes() == (FIXTURES / "zip.bin").read_bytes()


def test_a_state_dict_inside_a_training_checkpoint():
    found = torch_zip.read(FIXTURES / "training.bin")
    np.testing.assert_array_equal(found["weight"], np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(found["bias"], np.arange(3.0))
    assert set(found.unreadable) == {"epoch", "optimizer", "dtype", "size"}
    assert found.unreadable["epoch"] == "beside 'state_dict'"


def test_shards(tmp_path):
    shutil.copy(FIXTURES / "zip.bin", tmp_path / "1.bin")
    shutil.copy(FIXTURES / "training.bin", tmp_path / "2.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"int8": "1.bin", "bias": "2.bin"}}))
    for path in (index, tmp_path):
        found = torch_zip.read(path)
        assert set(found) == {"int8", "bias"}
        np.testing.assert_array_equal(found["int8"], STATE["int8"])
    index.write_text(json.dumps({"weight_map": {"int8": "2.bin"}}))
    with pytest.raises(CheckpointError, match=r"'int8' is in 2\.bin, but that file lacks it"):
        torch_zip.read(index)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, "touch {}", "system"),
        (exec, "open({!r}, 'w')", "exec"),
        (eval, "open({!r}, 'w')", "eval"),
        (open, "{}", "open"),
        (getattr, "{}", "getattr"),
        (OrderedDict.fromkeys, "{}", "getattr|fromkeys"),
    ],
)
def test_malicious_pickles_are_refused_and_nothing_runs(
    tmp_path, container, nested, protocol, function, arguments, name
):
    mark = tmp_path / "mark"
    mode = ("w",) if function is open else ("__class__",) if function is getattr else ()
    evil = Call(function, arguments.format(str(mark)), *mode)
    value = OrderedDict(a=1, b=[{"c": (evil,)}]) if nested else evil
    path = craft(tmp_path / "x.bin", container, pickle.dumps(value, protocol))
    what = (
        rf"asks for the global \S*({name})" if protocol else "asks for the global|uses the opcode"
    )
    with pytest.raises(CheckpointError, match=what):
        torch_zip.read(path)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # what they open, none closes
def test_those_pickles_would_have_run(tmp_path):
    for name, evil in {
        "system": Call(os.system, f"touch {tmp_path}/system"),
        "exec": Call(exec, f"open({str(tmp_path)!r} + '/exec', 'w')"),
        "open": Call(open, f"{tmp_path}/open", "w"),
    }.items():
        pickle.loads(pickle.dumps(evil, 2))
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x02ctorch.hub\nload\n(" + text("evil/repo") + b"tR.", "the global torch.hub.load"),
        (b"\x80\x02ctorch\nload\n(" + text("x") + b"tR.", "the global torch.load"),
        (b"\x80\x02ctorch.jit\nload\n.", "the global torch.jit.load"),
        (b"(S'id'\nios\nsystem\n.", "the opcode"),
        (b"\x80\x02" + text("touch x") + b"Q.", "not a storage"),
        (b"\x80\x02}}b.", None),
        (b"\x80\x02ctorch\nFloatStorage\n}b.", "sets attributes"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "calls something"),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "the opcode NEWOBJ"),
        (b"\x80\x02ctorch\nSize\n]\x85R.", "not a tuple"),
        (b"\x80\x02\x82\x01.", "the opcode EXT1"),
        (b"\x80\x02}))s.", "tuple for the key of a dict"),
        (b"\x80\x02N]a.", "appends to something"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02t.", "damaged"),
        (b"\x80\x02R.", "damaged"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02]]\x93.", "damaged"),
        (b"\x80\x02]q\x00]q\x01h\x00h\x01\x93.", "damaged"),
        (pickle.dumps([1, 2], 2), "holds a list; it should hold a dict of tensors"),
        (pickle.dumps({"epoch": 3}, 2), r"a dict without tensors .*\['epoch'\]"),
    ],
)
def test_pickles_of_anything_else(tmp_path, container, data, message):
    path = craft(tmp_path / "x.bin", container, data)
    if message is None:
        assert len(torch_zip.read(path)) == 0
        return
    with pytest.raises(CheckpointError, match=message):
        torch_zip.read(path)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a memo of 2**31 places
        b"\x80\x04}\x8d" + struct.pack("<Q", 1 << 40) + b"x.",  # a string of a terabyte
        b"\x80\x05}\x96" + struct.pack("<Q", 1 << 40) + b"x.",  # a bytearray of a terabyte
        b"\x80\x04}\x95" + struct.pack("<Q", 1 << 40) + b".",  # a frame of a terabyte
        b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"Ns.",  # hashing this takes for ever
        b"\x80\x02c" + b"a" * 50 + b"\n" + b")" + b"q\x00h\x00\x86" * 60 + b"\x93.",
    ],
)
def test_bombs_take_neither_memory_nor_time(tmp_path, container, bomb):
    path = craft(tmp_path / "x.bin", container, bomb)
    tracemalloc.start()
    try:
        assert len(torch_zip.read(path)) == 0
    except CheckpointError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 300_000


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"shape": (4,)}, r"shape \(4,\) reaches element 3 of the 3 in its storage"),
        ({"offset": 1}, "reaches element 3 of the 3"),
        ({"stride": (2,)}, "reaches element 4 of the 3"),
        ({"shape": (1 << 40, 1 << 40), "stride": (1, 1)}, "reaches element"),
        ({"shape": (1 << 90,)}, "not a natural number"),
        ({"stride": (-1,)}, "not a natural number"),
        ({"offset": -1}, "not a natural number"),
        ({"count": -3}, "not a natural number"),
        ({"count": 1 << 50, "shape": (1 << 50,)}, "damaged"),
        ({"stride": (1, 1)}, "no proper shape"),
        ({"shape": (1,) * 33, "stride": (1,) * 33}, "no proper shape"),
        ({"kind": "DoubleStorage"}, "damaged"),
        ({"kind": "QInt8Storage"}, "the global torch.QInt8Storage"),
        ({"key": "9"}, "damaged"),
    ],
)
def test_tensors_stay_inside_their_storage(tmp_path, container, numbers, message):
    storages = {"0": np.arange(3, dtype="float32")}
    good = torch_zip.read(craft(tmp_path / "good.bin", container, tensor(), storages))
    np.testing.assert_array_equal(good["a"], [0, 1, 2])
    with pytest.raises(CheckpointError, match=message):
        torch_zip.read(craft(tmp_path / "x.bin", container, tensor(**numbers), storages))


def test_views_of_the_older_stream(tmp_path):
    storages = {"0": np.arange(6, dtype="float32")}
    plain = tensor(count=6)

    def of(offset, length):
        view = b"(" + text("1") + number(offset) + number(length) + b"t"
        return plain.replace(b"tQ", view + b"tQ")

    found = torch_zip.read(craft(tmp_path / "x.bin", "stream", of(2, 3), storages))
    np.testing.assert_array_equal(found["a"], [2, 3, 4])
    for offset, length, message in ((4, 3, "beyond its storage"), (2, 2, "reaches element 2 of")):
        with pytest.raises(CheckpointError, match=message):
            torch_zip.read(craft(tmp_path / "x.bin", "stream", of(offset, length), storages))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_file_cut_anywhere_is_refused(tmp_path, container):
    path = tmp_path / "x.bin"
    whole = (FIXTURES / f"{container}.bin").read_bytes()
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=f"{path} is no PyTorch .*cut short or damaged"):
            torch_zip.read(path)


def test_an_altered_byte_is_noticed(tmp_path):
    content = (FIXTURES / "zip.bin").read_bytes()
    for needle, message in ((COUNTING.tobytes(), "of tensor 'float32'"), (b"tied", "of data.pkl")):
        path = tmp_path / "x.bin"
        at = content.index(needle) + 1
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(CheckpointError, match=f"checksum {message} does not fit"):
            torch_zip.read(path)["float32"]


def test_compressed_big_endian_and_incomplete_zips(tmp_path):
    content = members(FIXTURES / "zip.bin")
    with pytest.raises(CheckpointError, match=r"keeps 'zip/\S+' compressed or encrypted"):
        torch_zip.read(pack(tmp_path / "x.bin", content, zipfile.ZIP_DEFLATED))
    with pytest.raises(CheckpointError, match="big-endian"):
        torch_zip.read(pack(tmp_path / "x.bin", content | {"zip/byteorder": b"big"}))
    with pytest.raises(CheckpointError, match=r"zip file, but not one that torch\.save"):
        torch_zip.read(pack(tmp_path / "x.bin", {"a.txt": b""}))
    name = next(name for name in content if "/data/" in name)
    with pytest.raises(CheckpointError, match="it lacks data/"):
        torch_zip.read(pack(tmp_path / "x.bin", {n: d for n, d in content.items() if n != name}))


def test_a_big_endian_stream(tmp_path):
    path = craft(tmp_path / "x.bin", "stream", b"\x80\x02}.")
    path.write_bytes(path.read_bytes().replace(b"\x88", b"\x89", 1))
    with pytest.raises(CheckpointError, match="big-endian"):
        torch_zip.read(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "x.bin"
    plain = io.BytesIO(pickle.dumps({"a": 1}, 2)).getvalue()
    for data in (b"", b"version 1", plain, bytes(100)):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match="is no PyTorch stream"):
            torch_zip.read(path)
    with pytest.raises(CheckpointError, match="is no PyTorch stream"):
        torch_zip.read(FIXTURES / "three.ckpt.index")
    with pytest.raises(CheckpointError, match="does not exist"):
        torch_zip.read(tmp_path / "nothing.bin")
