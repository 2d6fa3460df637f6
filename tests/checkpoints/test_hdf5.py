"""Keras 2's HDF5 read without the HDF5 library: as h5py reads it, and nothing that lies."""

import resource
import struct
import time

import h5py
import numpy as np
import pytest

import playmask
from playmask.checkpoints import hdf5
from playmask.checkpoints.containers import Tensors
from playmask.checkpoints.keras_layers import by_layers, natural
from playmask.errors import CheckpointError

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint64")


@pytest.fixture(autouse=True)
def bounded():
    """No test here takes long, or much memory."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024  # KB


def write(path, **options):
    """Arrays of all types and shapes in nested groups, more than one node of a tree holds."""
    draw = np.random.default_rng(0)
    with h5py.File(path, "w", **options) as file:
        for i, dtype in enumerate(DTYPES):
            file[f"a/b{i}/kernel:0"] = (draw.normal(size=(3, i)) * 50).astype(dtype)
        for i in range(300):
            file[f"layer_{i}/layer_{i}/bias:0"] = draw.normal(size=2).astype("float32")
        file["scalar"] = np.float32(3)
        file.attrs["layer_names"] = np.array([b"x" * 100] * 500)
    return path


def test_it_reads_what_h5py_reads(tmp_path):
    tensors = hdf5.read(write(tmp_path / "x.h5"))
    with h5py.File(tmp_path / "x.h5") as file:
        names = []
        file.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
        assert sorted(names) == sorted(tensors) and len(names) == 310 and not tensors.unreadable
        for name in names:
            assert tensors[name].dtype == file[name].dtype
            assert np.array_equal(tensors[name], file[name][()])
            assert tensors.spec(name) == (file[name].shape, file[name].dtype)


REFUSED = {
    "newer": (lambda f: None, {"libver": "latest"}, "of a newer kind"),
    "soft link": (
        lambda f: f.__setitem__("a/link", h5py.SoftLink("/scalar")), {}, "link to another object"
    ),
    "external link": (
        lambda f: f.__setitem__("a/link", h5py.ExternalLink("/etc/passwd", "/x")),
        {},
        "newer kind|link",
    ),
    "external data": (
        lambda f: f.create_dataset("far", (8,), "uint8", external=[("/etc/passwd", 0, 8)]),
        {},
        "are in another file",
    ),
    "twice": (lambda f: f.__setitem__("again", f["a"]), {}, "stands in two places"),
    "in itself": (lambda f: f["a"].__setitem__("self", f["a"]), {}, "stands in two places"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_names_other_places_is_refused(name, tmp_path):
    change, options, sentence = REFUSED[name]
    path = write(tmp_path / "x.h5", **options)
    with h5py.File(path, "a", **options) as file:
        change(file)
    with pytest.raises(CheckpointError, match=sentence):
        hdf5.read(path)


def test_what_is_no_plain_tensor_is_named(tmp_path):
    with h5py.File(write(tmp_path / "x.h5"), "a") as file:
        file.create_dataset("packed", data=np.zeros((50, 50)), compression="gzip")
        file["text"] = "Keras"
        file["big"] = np.zeros(3, ">f4")
    tensors = hdf5.read(tmp_path / "x.h5")
    assert "packed" not in tensors and "in chunks" in tensors.unreadable["packed"]
    assert {"text", "big"} < tensors.unreadable.keys()


def test_files_that_lie(tmp_path):
    """Cut short; a dataset larger than the file; a tree that is part of itself; not HDF5 at all."""
    data = write(tmp_path / "x.h5").read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        hdf5.read(tmp_path / "cut")
    shape = struct.pack("<2Q", 3, 3)  # of a/b3
    (tmp_path / "large").write_bytes(data.replace(shape, struct.pack("<2Q", 1 << 40, 3)))
    with pytest.raises(CheckpointError, match="damaged HDF5 file: .* has 9 bytes"):
        hdf5.read(tmp_path / "large")
    tree = data.index(b"TREE")
    child = struct.pack("<Q", tree)
    looped = data[: tree + 32] + child + data[tree + 40 :]
    (tmp_path / "looped").write_bytes(looped)
    with pytest.raises(CheckpointError, match="part of itself"):
        hdf5.read(tmp_path / "looped")
    (tmp_path / "other").write_bytes(b"\x89HDF" * 9)
    with pytest.raises(CheckpointError, match="at byte 0 stands"):
        hdf5.read(tmp_path / "other")


def test_structures_that_lie_over_each_other_end_soon(tmp_path):
    """Thousands of names of one object's header with 65,535 messages would take minutes."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for i in range(2000):
            file.create_group(f"g{i}")
    data = bytearray(path.read_bytes())
    place, headers = 0, bytes([1, 0, 255, 255, 1, 0, 0, 0]) + struct.pack("<II", 1 << 19, 0)
    start = len(data)
    data += headers + bytes(1 << 19)
    shift = 0
    while (place := data.find(b"SNOD", place)) >= 0 and place < start:
        (count,) = struct.unpack_from("<H", data, place + 6)
        for i in range(count):
            shift += 8
            data[start + shift : start + shift + 16] = headers
            struct.pack_into("<Q", data, place + 16 + 40 * i, start + shift)
        place += 4
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged HDF5 file"):
        hdf5.read(path)


class Named(Tensors):
    """Tensors of some names."""

    def _load(self, name):
        return np.zeros(1)


def names(*paths):
    spec = hdf5.Spec((1,), np.dtype("float32"))
    return [*by_layers("x", Named("x", dict.fromkeys(paths, spec), {}))]


def test_names_do_not_depend_on_what_was_built_before():
    layer = "Transformer-0-FeedForward"
    first = names(f"{layer}/{layer}/dense_9/kernel:0", f"{layer}/{layer}/dense_10/kernel:0")
    assert first == [f"{layer}/dense_1/kernel", f"{layer}/dense_2/kernel"]
    again = names(f"{layer}/{layer}_1/dense_11/kernel:0", f"{layer}/{layer}_1/dense_9/kernel:0")
    assert again == [f"{layer}/dense_2/kernel", f"{layer}/dense_1/kernel"]
    whole = names(f"model_weights/{layer}/{layer}/dense/kernel:0", "optimizer_weights/Adam/m:0")
    assert whole == [f"{layer}/dense_1/kernel", "optimizer_weights/Adam/m:0"]
    assert names("model_1/Embedding-Token/embeddings:0") == ["Embedding-Token/embeddings"]
    assert names("model_1/MLM-Norm/dense_7/kernel:0", "model_1/MLM-Norm/gamma:0") == [
        "MLM-Norm/gamma_dense/kernel", "MLM-Norm/gamma",
    ]  # fmt: skip
    assert sorted(["dense_10", "dense", "dense_9"], key=natural) == ["dense", "dense_9", "dense_10"]
    with pytest.raises(CheckpointError, match="are 'a-b/kernel'"):
        names("a-b/a-b/kernel:0", "a-b/a-b_1/kernel:0")


def test_a_file_of_keras_3_gets_the_way_out(tmp_path):
    model = playmask.build(
        playmask.architecture("bert").change(
            vocabulary=9, width=8, depth=1, attention_heads=2, inner=8
        )
    )
    model.save_weights(tmp_path / "x.weights.h5")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="written by Keras 3's save_weights"):
        playmask.load(tmp_path)
    with pytest.raises(CheckpointError, match=r"best_model.weights does not end in .weights.h5"):
        model.save_weights(tmp_path / "best_model.weights")
