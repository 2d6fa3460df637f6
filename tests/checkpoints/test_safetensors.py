import json
import shutil
import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from comparing import assert_same
from playmask.checkpoints import safetensors as ours
from playmask.errors import CheckpointError

COUNTING = np.arange(12, dtype="float32").reshape(3, 4)
TENSORS = {
    name: COUNTING.astype(dtype)
    for name, dtype in [
        *(("f64", "f8"), ("f32", "f4"), ("f16", "f2"), ("bf16", ml_dtypes.bfloat16), ("bool", "?")),
        *((f"{kind}{8 * n}", f"{kind}{n}") for kind in "iu" for n in (1, 2, 4, 8)),
    ]
} | {"scalar": np.array(2.5, "float32"), "empty": np.zeros((0, 3), "float16")}


def craft(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(start, end, dtype="F32", shape=None):
    shape = [(end - start) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def sharded(folder, **homes):
    """Write one tensor a shard, each named as its file says, and the index that lists them."""
    for name, file in homes.items():
        ours.write(folder / file, {name: COUNTING})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": homes}))
    return index


def test_what_is_written_is_read_bit_for_bit(tmp_path):
    file = tmp_path / "model.safetensors"
    ours.write(file, TENSORS, metadata={"format": "pt"})
    found = ours.read(file)
    assert_same(found, TENSORS)
    assert_same(ours.read(tmp_path), TENSORS)
    assert found.metadata == {"format": "pt"}
    peer = safetensors.safe_open(file, "np")
    np.testing.assert_array_equal(peer.get_tensor("f32"), COUNTING)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"格": '"\n'}])
def test_the_library_reads_the_same(tmp_path, metadata):
    tensors = TENSORS | {"一": COUNTING, '"\\\n\x01': COUNTING[:1]}
    ours.write(tmp_path / "ours", tensors, metadata=metadata)
    with safetensors.safe_open(tmp_path / "ours", "np") as file:
        assert file.metadata() == metadata
        assert set(file.keys()) == set(tensors)
    if metadata is None:
        safetensors.numpy.save_file(safetensors.numpy.load_file(tmp_path / "ours"), tmp_path / "2")
        assert_same(ours.read(tmp_path / "2"), tensors)


@pytest.mark.parametrize("note", ["", "a", "abcdefgh"])
def test_whole_lines_of_the_cache_come_first_and_begin_at_one(tmp_path, note):
    """So JAX uses them where they lie: from multiples of 64 bytes on."""
    tensors = {
        "a odd": np.ones(3, "float32"),
        "b": np.ones((4, 16), "float32"),
        "c odd": np.ones(5, "uint8"),
        "d": np.ones(64, "uint8"),
        "e": np.ones(32, "float16"),
    }
    file = tmp_path / "x.safetensors"
    ours.write(file, tensors, metadata={"note": note})
    found = ours.read(file)
    assert_same(found, tensors)
    pages = np.memmap(file, "uint8", "r")
    length = int.from_bytes(pages[:8].tobytes(), "little")
    header = json.loads(pages[8 : 8 + length].tobytes())
    starts = {name: 8 + length + header[name]["data_offsets"][0] for name in tensors}
    assert {name: starts[name] % 64 for name in "bde"} == dict.fromkeys("bde", 0)
    assert starts["a odd"] % 4 == 0 and found["a odd"].flags.aligned


def test_reads_what_the_library_wrote_and_leaves_it_alone(tmp_path):
    file = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"a": COUNTING}, file)
    before = file.read_bytes()
    ours.read(file)["a"][:] = 7
    assert file.read_bytes() == before


def test_strides_and_byte_order_do_not_change_the_values(tmp_path):
    tensors = {"t": COUNTING.T, "slice": COUNTING[:, ::2], "big": COUNTING.astype(">f4")}
    ours.write(tmp_path / "x.safetensors", tensors)
    found = ours.read(tmp_path / "x.safetensors")
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_an_unaligned_tensor_is_copied_and_an_unknown_dtype_set_apart(tmp_path):
    header = {"a": entry(0, 1, "BOOL", [1]), "b": entry(1, 9), "c": entry(9, 11, "F8_E5M2", [2])}
    file = craft(tmp_path / "x", header, b"\1" + COUNTING[0, :2].tobytes() + b"ab")
    found = ours.read(file)
    assert_same(found, {"a": np.array([True]), "b": COUNTING[0, :2]})
    assert found.unreadable == {"c": "dtype F8_E5M2"}


def test_shards(tmp_path):
    index = sharded(tmp_path, a="1.safetensors", b="2.safetensors")
    for path in (index, tmp_path, str(index)):
        assert_same(ours.read(path), {"a": COUNTING, "b": COUNTING})
    ours.write(tmp_path / "2.safetensors", {"b": COUNTING, "stray": COUNTING})
    assert "does not list it" in ours.read(index).unreadable["stray"]
    with pytest.raises(KeyError, match="no tensor 'aa' among its 2"):
        ours.read(index)["aa"]


def test_a_missing_shard_or_tensor_is_named(tmp_path):
    index = sharded(tmp_path, a="1.safetensors", b="2.safetensors")
    ours.write(tmp_path / "2.safetensors", {"c": COUNTING})
    with pytest.raises(CheckpointError, match=r"'b' is in 2\.safetensors, but that file lacks it"):
        ours.read(index)
    (tmp_path / "2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"needs 2 shards but 1 are missing \(the first is 2"):
        ours.read(index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no index of shards"),
        ("{", "no index of shards"),
        ("[" * 100_000, "no index of shards"),
        ('{"weight_map": {"a": 3}}', "no index of shards"),
        ('{"weight_map": {"a": "../x.safetensors"}}', "not a file name beside it"),
    ],
)
def test_a_bad_index(tmp_path, text, message):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)
    with pytest.raises(CheckpointError, match=message):
        ours.read(index)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": entry(0, 8), "b": entry(4, 12)}, "'b' starts at byte 4 where 8 would be right"),
        ({"a": entry(0, 4), "b": entry(8, 12)}, "'b' starts at byte 8 where 4 would be right"),
        ({"a": entry(0, 16)}, "'a' ends at byte 16 of 12: the file is cut short"),
        ({"a": entry(0, 8)}, "its tensors end at byte 8 but there are 12"),
        ({"a": entry(0, 12, shape=[4])}, "'a' has 12 bytes for float32"),
        ({"a": entry(0, 12, shape=[1 << 40, 1 << 40])}, "'a' has 12 bytes for float32"),
        ({"a": entry(0, 12, shape=[-3])}, "impossible numbers"),
        ({"a": entry(0, 12, shape=[True, 3])}, "impossible numbers"),
        ({"a": {"dtype": "F32", "shape": [3]}}, "damaged safetensors header"),
        ({"a": [1]}, "damaged safetensors header"),
        ([1], "damaged safetensors header"),
        (b'{"a": 1, "a": 2}', "names a tensor twice"),
        (b"[" * 100_000, "damaged safetensors header"),
        (b"\xff", "damaged safetensors header"),
    ],
)
def test_headers_that_cannot_be(tmp_path, header, message):
    with pytest.raises(CheckpointError, match=message):
        ours.read(craft(tmp_path / "x.safetensors", header, bytes(12)))


def test_a_file_cut_anywhere_is_refused(tmp_path):
    file = tmp_path / "x.safetensors"
    ours.write(file, {"a": COUNTING, "b": COUNTING})
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="cut short"):
            ours.read(file)


def test_foreign_and_missing_files(tmp_path):
    fixtures = Path(__file__).parent / "fixtures"
    for name in ("zip.bin", "stream.bin", "three.ckpt.index"):
        with pytest.raises(CheckpointError, match="not a safetensors file, or is cut short"):
            ours.read(fixtures / name)
    with pytest.raises(CheckpointError, match="does not exist"):
        ours.read(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"folder with 0 candidates \(none\) for model.safe"):
        ours.read(tmp_path)
    shutil.copy(fixtures / "zip.bin", tmp_path / "a.safetensors")
    shutil.copy(fixtures / "zip.bin", tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match=r"2 candidates \(a.safetensors, b.safetensors\)"):
        ours.read(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "metadata", "error"),
    [
        ({"a": COUNTING, "b": np.array(["text"])}, None, CheckpointError),
        ({"__metadata__": COUNTING}, None, CheckpointError),
        ({"a": COUNTING}, {"format": 3}, CheckpointError),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, tensors, metadata, error):
    file = tmp_path / "x.safetensors"
    ours.write(file, {"old": COUNTING})
    before = file.read_bytes()
    with pytest.raises(error):
        ours.write(file, tensors, metadata=metadata)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_saving_over_the_file_being_read(tmp_path):
    file = tmp_path / "x.safetensors"
    ours.write(file, TENSORS)
    ours.write(file, ours.read(file))
    assert_same(ours.read(file), TENSORS)
