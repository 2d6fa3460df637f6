import errno
import os
import shutil
import struct
import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from comparing import assert_same
from playmask import protobuf
from playmask.checkpoints import bundle
from playmask.checkpoints.bundle_entries import NUMBERS, _slice_key
from playmask.checkpoints.sstable import masked_crc, write_table
from playmask.errors import CheckpointError

FIXTURES = Path(__file__).parent / "fixtures"
COUNTING = np.arange(12, dtype="float32")
THREE = {  # what make_tensorflow.py saved
    "a/float32": COUNTING.reshape(3, 4),
    "b/bfloat16": (COUNTING / 4).astype(ml_dtypes.bfloat16),
    "b/float16": (COUNTING / 4).astype("float16"),
    "b/float64": (COUNTING / 3).astype("float64"),
    "c/bool": np.array([True, False, True]),
    "c/empty": np.zeros((0, 3), "float32"),
    "d/int16": (COUNTING - 6).astype("int16"),
    "d/int32": (COUNTING - 6).astype("int32"),
    "d/int64": np.array(-(2**40), "int64"),
    "d/int8": (COUNTING - 6).astype("int8"),
    "d/uint8": (COUNTING + 200).astype("uint8"),
    "e/partitioned": np.arange(800, dtype="float32").reshape(200, 4),
}


def field(number, value):
    """A field as TensorFlow writes it."""
    if isinstance(value, int):
        return protobuf.integer_field(number, value)
    return protobuf.field(number, protobuf.BYTES, value)


def copy(tmp_path, name="three.ckpt"):
    for file in FIXTURES.glob(f"{name}.*"):
        shutil.copy(file, tmp_path)
    return tmp_path / name


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00001-of-00003"])
def test_reads_what_tensorflow_wrote(suffix):
    found = bundle.read(f"{FIXTURES}/three.ckpt{suffix}")
    assert_same(found, THREE)
    assert found.unreadable == {"a/text": "a string", "c/complex64": "complex64"}
    assert found.path == FIXTURES / "three.ckpt"


def test_writes_the_very_bytes_that_tensorflow_writes(tmp_path):
    bundle.write(tmp_path / "one.ckpt", bundle.read(FIXTURES / "one.ckpt"))
    for name, data in contents(tmp_path).items():
        assert data == (FIXTURES / name).read_bytes(), name
    assert len(contents(tmp_path)) == 2


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name[0] != "\0"
)
arrays = st.sampled_from(list(NUMBERS)).flatmap(
    lambda dtype: hnp.arrays(
        f"u{dtype.itemsize}", hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    ).map(lambda bits: (bits % 2 if dtype.kind == "b" else bits).view(dtype))
)


@given(st.dictionaries(names, arrays, max_size=40), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read_bit_for_bit(tmp_path_factory, tensors, shards):
    prefix = tmp_path_factory.mktemp("bundle") / "model.ckpt"
    bundle.write(prefix, tensors, shards=shards)
    assert_same(bundle.read(prefix), tensors)
    assert len(list(prefix.parent.iterdir())) == shards + 1


def test_order_strides_and_byte_order_do_not_change_the_values(tmp_path):
    tensors = {
        "transposed": THREE["a/float32"].T,
        "fortran": np.asfortranarray(THREE["a/float32"]),
        "big-endian": THREE["d/int32"].astype(">i4"),
        "every other": COUNTING[::2],
    }
    bundle.write(tmp_path / "x", tensors)
    found = bundle.read(tmp_path / "x")
    assert list(found) == list(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_many_tensors_take_many_blocks_and_shards(tmp_path):
    many = {f"layer_{i:05}/{'k' * 60}": np.full(2, i, "int32") for i in range(5000)}
    bundle.write(tmp_path / "x", many, shards=7)
    assert (tmp_path / "x.index").stat().st_size > 64 * 1024
    assert_same(bundle.read(tmp_path / "x"), many)
    sizes = [file.stat().st_size for file in tmp_path.glob("x.data-*")]
    assert len(sizes) == 7 and max(sizes) - min(sizes) <= 8


def test_arrays_are_copy_on_write_and_take_no_memory(tmp_path):
    bundle.write(tmp_path / "x", {"big": np.ones((1024, 1024), "float32")})
    before = contents(tmp_path)
    tracemalloc.start()
    big = bundle.read(tmp_path / "x")["big"]
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    big[:] = 7
    assert contents(tmp_path) == before


def test_a_missing_name_is_a_key_error_with_the_nearest():
    found = bundle.read(FIXTURES / "three.ckpt")
    with pytest.raises(KeyError, match=r"no tensor 'b/float61'.*'b/float16'"):
        found["b/float61"]
    with pytest.raises(KeyError, match="'a/text' but not as a tensor: a string"):
        found.spec("a/text")
    assert "a/text" not in found and found.get("a/text") is None


def test_saving_over_the_files_being_read(tmp_path):
    prefix = copy(tmp_path)
    found = bundle.read(prefix)
    bundle.write(prefix, found, shards=3)
    assert_same(found, THREE)
    assert_same(bundle.read(prefix), THREE)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_a_failed_write_leaves_the_old_files_and_nothing_else(tmp_path, failure):
    class Failing(dict):
        def __getitem__(self, name):
            if name == "b":
                raise failure
            return super().__getitem__(name)

    bundle.write(tmp_path / "x", {"a": COUNTING})
    before = contents(tmp_path)
    with pytest.raises(failure if isinstance(failure, type) else OSError):
        bundle.write(tmp_path / "x", Failing(a=COUNTING + 1, b=COUNTING))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": np.array(["text"])}, "tensor 'x' has dtype <U4, which the format lacks; it has flo"),
        ({"x": np.zeros(2, "complex64")}, "tensor 'x' has dtype complex64"),
        ({"": COUNTING}, "'' cannot name a tensor"),
        ({"\0x": COUNTING}, "cannot name a tensor"),
        ({"\udc80": COUNTING}, "cannot name a tensor"),
        ({3: COUNTING}, "3 cannot name a tensor"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        bundle.write(tmp_path / "x", tensors)
    assert contents(tmp_path) == {}


def test_writing_needs_a_folder_and_a_shard(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere is not a folder"):
        bundle.write(tmp_path / "nowhere" / "x", {})
    with pytest.raises(CheckpointError, match="at least 1 shard, not 0"):
        bundle.write(tmp_path / "x", {}, shards=0)


def test_no_such_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"x\.index does not exist; no \*\.index is in"):
        bundle.read(tmp_path / "x")
    with pytest.raises(CheckpointError, match=r"exist; that folder has .*three\.ckpt"):
        bundle.read(FIXTURES / "tree.ckpt")


def test_only_some_shards(tmp_path):
    prefix = copy(tmp_path)
    (tmp_path / "three.ckpt.data-00001-of-00003").unlink()
    with pytest.raises(CheckpointError, match=r"00001-of-00003 does not exist, but .* all 3 data"):
        bundle.read(prefix)


@pytest.mark.parametrize("shard", range(3))
def test_a_shard_cut_short(tmp_path, shard):
    prefix = copy(tmp_path)
    file = tmp_path / f"three.ckpt.data-0000{shard}-of-00003"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(
        CheckpointError, match=rf"{file.name} is cut short: tensor '\w/\w+' ends at"
    ):
        bundle.read(prefix)


def test_an_index_cut_anywhere_or_with_any_byte_altered_is_refused(tmp_path):
    prefix = copy(tmp_path)
    index = tmp_path / "three.ckpt.index"
    whole = index.read_bytes()
    for length in range(0, len(whole), 13):
        index.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="not the index of a TensorFlow checkpoint"):
            bundle.read(prefix)
    index.write_bytes(whole)
    padding = range(len(whole) - 42, len(whole) - 8)
    for position in sorted(set(range(0, len(whole), 3)) - set(padding)):
        flip(index, position)
        try:
            assert_same(bundle.read(prefix), THREE)
            raise AssertionError(f"byte {position} of the index is not checked")
        except CheckpointError as error:
            assert "index" in str(error)
        index.write_bytes(whole)


def test_an_altered_tensor_is_named(tmp_path):
    prefix = copy(tmp_path)
    flip(tmp_path / "three.ckpt.data-00000-of-00003", 3)
    found = bundle.read(prefix)
    np.testing.assert_array_equal(found["d/int32"], THREE["d/int32"])
    for _ in range(2):
        with pytest.raises(CheckpointError, match="checksum of tensor 'a/float32' does not fit"):
            found["a/float32"]


def test_an_altered_slice_names_its_tensor(tmp_path):
    prefix = copy(tmp_path)
    flip(tmp_path / "three.ckpt.data-00001-of-00003", -1)
    with pytest.raises(CheckpointError, match="checksum of tensor 'e/partitioned' does not fit"):
        bundle.read(prefix)["e/partitioned"]


def test_an_empty_tensor_does_not_vouch_for_its_neighbour(tmp_path):
    bundle.write(tmp_path / "x", {"empty": COUNTING[:0], "full": COUNTING})
    flip(tmp_path / "x.data-00000-of-00001", 0)
    found = bundle.read(tmp_path / "x")
    assert found["empty"].size == 0
    with pytest.raises(CheckpointError, match="'full'"):
        found["full"]


def test_v1_checkpoints_say_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="is a TensorFlow V1 checkpoint; convert it with"):
        bundle.read(FIXTURES / "v1.ckpt")
    shutil.copy(FIXTURES / "v1.ckpt", tmp_path / "x.index")
    shutil.copy(FIXTURES / "v1.ckpt", tmp_path / "y-00000-of-00001")
    for name in ("x", "y"):
        with pytest.raises(CheckpointError, match="is a TensorFlow V1 checkpoint"):
            bundle.read(tmp_path / name)


@pytest.mark.parametrize("foreign", ["zip.bin", "stream.bin", "three.ckpt.data-00000-of-00003"])
def test_foreign_files(tmp_path, foreign):
    shutil.copy(FIXTURES / foreign, tmp_path / "x.index")
    with pytest.raises(CheckpointError, match="not the index of a TensorFlow checkpoint"):
        bundle.read(tmp_path / "x")
    shutil.copy(FIXTURES / foreign, tmp_path / "y.bin")
    with pytest.raises(CheckpointError, match=r"y\.bin is not a TensorFlow checkpoint"):
        bundle.read(tmp_path / "y.bin")


def crafted(tmp_path, header=b"\x08\x01", **entries):
    records = {b"": header, **{name.encode(): entry for name, entry in entries.items()}}
    (tmp_path / "x.index").write_bytes(write_table(sorted(records.items())))
    (tmp_path / "x.data-00000-of-00001").write_bytes(bytes(16))
    return tmp_path / "x"


def dims(*sizes):
    return field(2, b"".join(field(2, field(1, n)) for n in sizes))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (field(1, 1) + dims(5) + field(5, 16), r"16 bytes in shard 0 for float32 \(5,\)"),
        (field(1, 1) + dims(4) + field(5, 16) + field(3, 1), "in shard 1"),
        (field(1, 1) + dims(1 << 63, 1 << 63), "is impossible"),
        (field(1, 1) + dims(*[1] * 40) + field(5, 4), "is impossible"),
        (field(1, 1) + dims(4) + field(7, field(1, b"")), r"slice \[\(0, -1\)\] is not stored"),
        (field(1, 1) + field(2, 3), "field 2 holds an integer"),
        (field(1, b"x"), "field 1 holds bytes"),
        (field(1, 1) + b"\x2f", "unknown wire type 7"),
        (field(1, 1) + b"\x28" + b"\xff" * 12, "more than 10 bytes"),
    ],
)
def test_entries_that_cannot_be(tmp_path, entry, message):
    with pytest.raises(CheckpointError, match=rf"damaged.*{message}"):
        bundle.read(crafted(tmp_path, tensor=entry))


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([(0, 2), (2, 2)], None),
        ([(0, 2)], "do not tile"),
        ([(0, 2), (0, 2)], "do not tile"),
        ([(0, 2), (3, 2)], "do not tile"),
        ([(0, 2), (2, -1)], None),
        ([(0, -1)], r"slice \[\(0, -1\)\] is stored as float32 \(2,\)"),
    ],
)
def test_slices_must_tile_their_tensor(tmp_path, bounds, message):
    slices = [field(1, field(1, a) + (field(2, n) if n > 0 else b"")) for a, n in bounds]
    whole = field(1, 1) + dims(4) + b"".join(field(7, each) for each in slices)
    part = field(1, 1) + dims(2) + field(5, 8) + b"\x35" + struct.pack("<I", masked_crc(bytes(8)))
    prefix = crafted(tmp_path)
    parts = {_slice_key(b"x", [each]): part for each in bounds}
    records = {b"": b"\x08\x01", b"x": whole, **parts}
    (tmp_path / "x.index").write_bytes(write_table(sorted(records.items())))
    if message is None:
        np.testing.assert_array_equal(bundle.read(prefix)["x"], np.zeros(4))
        return
    with pytest.raises(CheckpointError, match=f"damaged entry for tensor 'x': its .*{message}"):
        bundle.read(prefix)


def test_the_index_is_replaced_last(tmp_path, monkeypatch):
    order, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append(b.name), replace(a, b)))
    bundle.write(tmp_path / "x", {"a": COUNTING}, shards=2)
    assert order == ["x.data-00000-of-00002", "x.data-00001-of-00002", "x.index"]


def test_big_endian_compressed_and_headless_indexes(tmp_path):
    with pytest.raises(CheckpointError, match="big-endian"):
        bundle.read(crafted(tmp_path, header=field(1, 1) + field(2, 1)))
    with pytest.raises(CheckpointError, match="header names no shards"):
        bundle.read(crafted(tmp_path, header=b""))
    index = crafted(tmp_path).with_suffix(".index")
    data = bytearray(index.read_bytes())
    end = 3 + 2 + 8  # three lengths, the header, one restart point and their number
    data[end] = 1
    data[end + 1 : end + 5] = struct.pack("<I", masked_crc(bytes(data[: end + 1])))
    index.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"compressed index \(type 1\)"):
        bundle.read(tmp_path / "x")
