"""Writing what torch.save writes: read back bit for bit, and by PyTorch itself."""

import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import keras
import numpy as np
import pytest
from crafting import members, pack, tensor, text

from comparing import assert_same
from playmask.checkpoints import pickle_writer, safetensors, torch_zip
from playmask.checkpoints.containers import Spec, Tensors
from playmask.errors import CheckpointError

FIXTURES = Path(__file__).parent / "fixtures"
COUNTING = np.arange(12, dtype="float32").reshape(3, 4)
WRITTEN = {
    **{str(dtype): COUNTING.astype(dtype) for dtype in pickle_writer.DTYPES},
    "scalar": np.array(2.5, "float32"),
    "empty": np.zeros((0, 3), "float16"),
    "hollow": np.zeros((3, 0), "uint16"),
    "一.weight": np.arange(24, dtype="int64").reshape(2, 3, 4),
}


@pytest.mark.parametrize("large", [torch_zip.LARGE, 8])  # with and without zip64 fields
def test_what_is_written_is_read_bit_for_bit(tmp_path, monkeypatch, large):
    monkeypatch.setattr(torch_zip, "LARGE", large)
    path = tmp_path / "pytorch_model.bin"
    torch_zip.write(path, WRITTEN)
    found = torch_zip.read(path)
    assert list(found) == list(WRITTEN) and not found.unreadable
    assert {array.dtype for array in WRITTEN.values()} == set(pickle_writer.DTYPES)
    assert_same(found, WRITTEN)
    torch_zip.write(path, found)  # over the file that is being read
    assert_same(torch_zip.read(path), WRITTEN)
    assert_same(found, WRITTEN)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("large", [torch_zip.LARGE, 8])
def test_the_container_is_the_one_that_torch_writes(tmp_path, monkeypatch, large):
    monkeypatch.setattr(torch_zip, "LARGE", large)
    path = tmp_path / "x.bin"
    torch_zip.write(path, WRITTEN)
    raw, content = path.read_bytes(), members(path)
    own = {name.removeprefix("archive/") for name in content}
    torchs = {name.removeprefix("zip/") for name in members(FIXTURES / "zip.bin")}
    assert torchs - own <= {".data/serialization_id", *(f"data/{i}" for i in range(100))}
    assert content["archive/version"] == members(FIXTURES / "zip.bin")["zip/version"]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            sizes = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
            assert (info.header_offset + 30 + sum(sizes)) % 64 == 0


def test_strides_and_byte_order_do_not_change_the_values(tmp_path):
    tensors = {"t": COUNTING.T, "slice": COUNTING[:, ::2], "big": COUNTING.astype(">f4")}
    torch_zip.write(tmp_path / "x.bin", tensors)
    found = torch_zip.read(tmp_path / "x.bin")
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_dict_under_a_key(tmp_path):
    path = tmp_path / "x.pt"
    torch_zip.write(path, {"a": COUNTING}, under="module")
    assert_same(torch_zip.read(path, under=("net", "module")), {"a": COUNTING})
    with pytest.raises(
        CheckpointError, match=r"first keys are \['module'\].*one under any of net\."
    ):
        torch_zip.read(path, under=("net",))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": COUNTING, "b": np.array(["text"])}, "'b' has dtype <U4, which the format lacks"),
        ({"a": COUNTING, "b": COUNTING.astype("complex64")}, "'b' has dtype complex64"),
        ({"": COUNTING}, "cannot name a tensor"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, tensors, message):
    path = tmp_path / "x.bin"
    torch_zip.write(path, {"old": COUNTING})
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message):
        torch_zip.write(path, tensors)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


class Making(Tensors):
    """Twenty tensors of a megabyte, each made when it is asked for."""

    def __init__(self, breaks=None):
        spec = Spec((1 << 18,), np.dtype("float32"))
        super().__init__(Path("nowhere"), dict.fromkeys(map(str, range(20)), spec), {})
        self.breaks = breaks

    def _load(self, name):
        if name == self.breaks:
            raise KeyboardInterrupt
        return np.full(1 << 18, float(name), "float32")


@pytest.mark.parametrize("write", [torch_zip.write, safetensors.write])
def test_writing_holds_one_tensor_at_a_time(tmp_path, write):
    tracemalloc.start()
    write(tmp_path / "x", Making())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x", Making(breaks="7"))
    assert (tmp_path / "x").stat().st_size > 20 << 20 and len(list(tmp_path.iterdir())) == 1


def test_what_else_a_training_saved_is_known_but_never_made(tmp_path):
    """Generators and sets have globals of their own; none of them is imported or called."""
    path = tmp_path / "x.pt"
    torch_zip.write(path, {"a": COUNTING}, under="module")
    content = members(path)
    states = {
        "set": set(),
        "numpy": np.random.RandomState(0).get_state(),
        "python": (3, (1 << 31,)),
    }
    body = b"".join(text(key) + pickle.dumps(v, 2)[2:-1] + b"s" for key, v in states.items())
    body += tensor(count=12)[3:-1]  # beside the dict, such as a generator's state
    content["archive/data.pkl"] = content["archive/data.pkl"][:-1] + body + b"."
    found = torch_zip.read(pack(path, content), under=("module",))
    assert_same(found, {"a": COUNTING})
    assert found.unreadable == dict.fromkeys((*states, "a"), "beside 'module'")


@pytest.mark.backends
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="needs torch")
@pytest.mark.parametrize("large", [torch_zip.LARGE, 8])
@pytest.mark.parametrize("mmap", [False, True])
def test_torch_reads_what_was_written(tmp_path, monkeypatch, large, mmap):
    import torch

    monkeypatch.setattr(torch_zip, "LARGE", large)
    path = tmp_path / "pytorch_model.bin"
    torch_zip.write(path, WRITTEN)
    found = torch.load(path, weights_only=True, mmap=mmap)
    assert list(found) == list(WRITTEN)
    for name, array in WRITTEN.items():
        tensor = found[name]
        assert str(tensor.dtype) == f"torch.{array.dtype}" and tuple(tensor.shape) == array.shape
        assert tensor.stride() == torch.empty(array.shape).stride()
        assert bytes(tensor.flatten().view(torch.uint8).tolist()) == array.tobytes()
    torch.save(found, tmp_path / "again.bin")
    assert_same(torch_zip.read(tmp_path / "again.bin"), WRITTEN)


@pytest.mark.backends
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="needs torch")
def test_a_training_that_torch_saved(tmp_path):
    import torch

    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    optimizer = torch.optim.Adam([weight])
    weight.sum().backward()
    optimizer.step()
    state = {
        "module": OrderedDict(a=weight.detach().half()),
        "optimizer": optimizer.state_dict(),
        "csr_tensor_module_names": set(),
        "np_rng_state": np.random.get_state(),
        "torch_rng_state": torch.get_rng_state(),
    }
    for zipped in (True, False):
        torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
        found = torch_zip.read(tmp_path / "x.pt", under=("module",))
        assert_same(found, {"a": weight.detach().half().numpy()})
        assert set(found.unreadable) == set(state) - {"module"}
