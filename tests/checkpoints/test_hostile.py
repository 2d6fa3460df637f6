"""Files that ask for more than they are worth, and stand-ins: one clear error, quickly."""

import json
import resource
import shutil
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crafting import craft, tensor

import playmask
from playmask.checkpoints import bundle, safetensors, torch_zip
from playmask.checkpoints.sstable import MAGIC, masked_crc, read_table, write_table
from playmask.errors import CheckpointError, ConfigError, PlaymaskError
from playmask.files import read_json
from playmask.protobuf import BYTES, field, integer_field, write_varint

ORACLES = Path(__file__).parents[1] / "oracles"
BERT = ORACLES / "transformers" / "bert_mlm"
GOOGLE = ORACLES / "bert4keras" / "bert_encoder"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.fixture(autouse=True)
def bounded():
    """No test here takes long, or much memory."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024  # KB


def copied(source: Path, place: Path, **changes) -> Path:
    shutil.copytree(source, place)
    config = json.loads((place / "config.json").read_text()) | changes
    (place / "config.json").write_text(json.dumps(config))
    return place


# Indexes of TensorFlow checkpoints


def block(*records: tuple[int, bytes, bytes]) -> bytes:
    """A block of records: how much of the key before is shared, the rest of the key, the value."""
    data = b"".join(
        write_varint(shared) + write_varint(len(key)) + write_varint(len(value)) + key + value
        for shared, key, value in records
    )
    return data + struct.pack("<II", 0, 1)


def table(*blocks: bytes, handles: list[tuple[int, int]] | None = None) -> bytes:
    """A table of blocks; its index names them, or has the handles that it is told to have."""
    file, own = bytearray(), []

    def add(body: bytes) -> bytes:
        own.append((len(file), len(body)))
        file.extend(body + b"\0" + struct.pack("<I", masked_crc(body + b"\0")))
        return b"".join(map(write_varint, own[-1]))

    for body in blocks:
        add(body)
    index = [
        (0, b"%06d" % i, b"".join(map(write_varint, handle)))
        for i, handle in enumerate(handles or own)
    ]
    footer = add(block()) + add(block(*index))
    return bytes(file) + footer.ljust(40, b"\0") + MAGIC


def test_keys_that_share_long_prefixes_do_not_fill_the_memory(tmp_path):
    size = 300_000
    records = [(0, b"a" * size, b"x"), *((size, b"%05d" % i, b"x") for i in range(50_000))]
    (tmp_path / "x.index").write_bytes(table(block(*records)))
    with pytest.raises(CheckpointError, match="far longer than it is"):
        read_table(tmp_path / "x.index")
    usual = [(b"layer_%06d/kernel" % i, b"x" * 30) for i in range(20_000)]
    (tmp_path / "y.index").write_bytes(write_table(usual))
    assert list(read_table(tmp_path / "y.index").items()) == usual


def test_one_block_is_not_read_again_and_again(tmp_path):
    body = block(*((0, b"%06d" % i, b"x") for i in range(30_000)))
    handles = [(0, len(body))] * 30_000
    (tmp_path / "x.index").write_bytes(table(body, handles=handles))
    with pytest.raises(CheckpointError, match="do not follow each other"):
        read_table(tmp_path / "x.index")


def entry(shape: tuple[int, ...], slices: list[tuple[int, int]] | None = None) -> bytes:
    """A BundleEntryProto of float32, stored at the start of the shard or in slices."""
    dims = b"".join(field(2, BYTES, integer_field(1, n)) for n in shape)
    head = integer_field(1, 1) + field(2, BYTES, dims)
    if slices is None:
        return head + integer_field(5, 4 * int(np.prod(shape)))
    extents = (integer_field(1, start) + integer_field(2, length) for start, length in slices)
    return head + b"".join(field(7, BYTES, field(1, BYTES, extent)) for extent in extents)


def test_many_slices_and_slices_of_the_same_bytes(tmp_path):
    slices = [(i, 1) for i in range(1001)]
    records = {b"": integer_field(1, 1), b"a": entry((1001,), slices)}
    (tmp_path / "x.index").write_bytes(write_table(sorted(records.items())))
    (tmp_path / "x.data-00000-of-00001").write_bytes(bytes(8))
    with pytest.raises(CheckpointError, match="'a': it has 1001 slices"):
        bundle.read(tmp_path / "x")


# Headers, pickles, directories


def header(path: Path, content: bytes, size: int = 0) -> Path:
    path.write_bytes(len(content).to_bytes(8, "little") + content + bytes(size))
    return path


def test_a_tensor_of_many_axes(tmp_path):
    for shape in ([1] * 67, [0] + [1 << 61] * 3, [1 << 61] * 100_000):
        entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * (0 not in shape)]}
        text = json.dumps({"a": entry}).encode()
        file = header(tmp_path / "x.safetensors", text, 4)
        with pytest.raises(CheckpointError, match="'a' has . bytes .*impossible"):
            safetensors.read(file)


def test_a_header_that_is_larger_than_any_model_needs(tmp_path):
    with pytest.raises(CheckpointError, match="announce a header of 60000002 bytes"):
        safetensors.read(header(tmp_path / "x.safetensors", b"[" + b"[]," * 20_000_000 + b"]"))


def test_a_pickle_of_nothing_but_containers(tmp_path):
    with pytest.raises(CheckpointError, match="more than any model needs"):
        torch_zip.read(craft(tmp_path / "x.bin", "zip", b"\x80\x02" + b"}" * 20_000_000 + b"."))


def test_a_zip_of_very_many_members(tmp_path):
    path = tmp_path / "x.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", tensor())
        archive.writestr("x/" + "y" * 60_000, b"")
    start = path.read_bytes()
    at = start.rfind(b"PK\5\6")
    large = start[:at] + start[at : at + 12] + struct.pack("<I", 1 << 30) + start[at + 16 :]
    path.write_bytes(large)
    with pytest.raises(CheckpointError, match="directory is larger than any model needs"):
        torch_zip.read(path)


# Sizes that a configuration says


@pytest.mark.parametrize("depth", [3, 9999])
@pytest.mark.parametrize("name", ["transformers/bert_mlm", "transformers/gpt2_lm"])
def test_more_layers_than_are_stored(name, depth, tmp_path):
    key = "n_layer" if "gpt" in name else "num_hidden_layers"
    place = copied(ORACLES / name, tmp_path / "x", **{key: depth})
    message = f"tensors of 2 blocks, but its configuration says {depth}"
    with pytest.raises(CheckpointError, match=message):
        playmask.load(place)


def test_more_layers_of_a_decoder_than_are_stored(tmp_path):
    place = copied(ORACLES / "transformers" / "mt5", tmp_path / "x", num_decoder_layers=500)
    with pytest.raises(CheckpointError, match="tensors of 2 blocks, .* says 500"):
        playmask.load(place)


HUGE = [
    ("transformers/bert_mlm", "num_hidden_layers", 10**9),
    ("transformers/bert_mlm", "vocab_size", 10**9),
    ("transformers/bert_mlm", "hidden_size", 4 * 10**8),
    ("transformers/bert_mlm", "max_position_embeddings", 10**9),
    ("transformers/bert_mlm", "vocab_size", 10**400),
    ("transformers/t5_v1_1", "relative_attention_max_distance", 10**9),
    ("transformers/t5_v1_1", "relative_attention_num_buckets", 10**9),
    ("bert4keras/nezha", "max_relative_position", 10**9),
]


@pytest.mark.parametrize(("name", "key", "value"), HUGE)
def test_sizes_that_no_tensor_bears_out(name, key, value, tmp_path):
    with pytest.raises(PlaymaskError):
        playmask.load(copied(ORACLES / name, tmp_path / "x", **{key: value}))


VALUES = [
    ("transformers/bert_mlm", "attention_probs_dropout_prob", "abc", "a number from 0 is due"),
    ("transformers/bert_mlm", "layer_norm_eps", float("nan"), "layer_norm_eps is nan"),
    ("transformers/bert_mlm", "initializer_range", 10**400, "a number from 0 is due"),
    ("transformers/bert_mlm", "model_type", ["bert"], r"model_type is \['bert'\]; a string"),
    ("transformers/bert_mlm", "hidden_size", 0, "hidden_size is 0, where a whole number from 1"),
    ("transformers/bert_mlm", "hidden_size", None, "hidden_size is None, where"),
    ("transformers/bert_mlm", "num_hidden_layers", True, "num_hidden_layers is True"),
    ("transformers/bert_mlm", "hidden_act", [["gelu"]], "the name of an activation"),
    ("transformers/bert_mlm", "hidden_act", {"a": 1}, "the name of an activation"),
    ("transformers/bert_mlm", "type_vocab_size", "2", "type_vocab_size is '2'"),
    ("transformers/t5_v1_1", "d_model", 0, "d_model is 0"),
    ("transformers/t5_v1_1", "feed_forward_proj", ["relu"], "a string, or null"),
    ("transformers/gpt2_lm", "n_head", 1.5, "n_head is 1.5"),
    ("bert4keras/roformer_v2", "num_hidden_layers", -3, "num_hidden_layers is -3"),
]


@pytest.mark.parametrize(("name", "key", "value", "message"), VALUES)
def test_values_of_another_kind(name, key, value, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as error:
        playmask.load(copied(ORACLES / name, tmp_path / "x", **{key: value}))
    assert str(tmp_path / "x") in str(error.value)


def own(place: Path) -> tuple[Path, dict]:
    """A checkpoint in playmask's own format, and its architecture.json."""
    playmask.save(playmask.load(BERT), place)
    return place, json.loads((place / "architecture.json").read_text())


def drop(*keys: str) -> Callable[[dict], None]:
    def change(description: dict) -> None:
        *path, last = keys
        for key in path:
            description = description[key]
        del description[last]

    return change


def put(*keys: str, value) -> Callable[[dict], None]:
    def change(description: dict) -> None:
        *path, last = keys
        for key in path:
            description = description[key]
        description[last] = value

    return change


DESCRIPTIONS = [
    (drop("heads"), "lacks 'heads'"),
    (drop("architecture"), "lacks 'architecture'"),
    (put("heads", value=[["mlm"]]), "heads is .*a list of names is due"),
    (put("heads", value=["mln"]), "no head 'mln'. Did you mean 'mlm'"),
    (drop("architecture", "width"), "Architecture lacks the field 'width'"),
    (put("architecture", "depth", value="2"), "depth of Architecture cannot be '2'"),
    (put("architecture", "dropout", value=[0.1]), "dropout of Architecture cannot be"),
    (put("architecture", "sharing", value=[0, 10**9]), "sharing maps a block to 1000000000"),
    (put("architecture", "depth", value=10**9), "depth must be from 1 to 10000"),
    (put("architecture", "depth", value=5000), "tensors of 2 blocks, .* says 5000"),
    (put("architecture", "order", value=["lm"]), "order must be the name of one"),
    (put("architecture", "embedding_norm", "epsilon", value="x"), "epsilon of Norm cannot be 'x'"),
    (put("architecture", "embedding_norm", "kind", value="ms"), "'layer' or 'rms', not 'ms'"),
    (put("architecture", "position", "is", value=["Learned"]), "no recipe of the kind"),
    (put("format", value=[1]), "format"),
]


@pytest.mark.parametrize(("change", "message"), DESCRIPTIONS)
def test_an_architecture_that_cannot_be(change, message, tmp_path):
    place, description = own(tmp_path / "x")
    change(description)
    (place / "architecture.json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match=message) as error:
        playmask.load(place)
    assert str(tmp_path / "x") in str(error.value)


# Any JSON file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 6000 + "}", "not readable as JSON"),
        ("\ufeff[]", "holds a JSON list"),
        (POINTER.decode(), "is a Git LFS pointer.*git lfs pull"),
        ("<!DOCTYPE html><html>", "is a web page"),
    ],
)
def test_json_that_cannot_be_read(text, message, tmp_path):
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800", "", "..", "a/b", "猫" * 100])
def test_names_of_shards_that_no_file_has(name, tmp_path):
    place = copied(BERT, tmp_path / "x")
    (place / "model.safetensors").unlink()
    index = {"weight_map": {"a": name}}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"index.json names .* not a file name beside it"):
        playmask.load(place)


# Pointers of Git LFS


@pytest.mark.parametrize(
    ("source", "file"),
    [
        (BERT, "model.safetensors"),
        (BERT, "config.json"),
        (ORACLES / "transformers" / "bert_mlm_bin", "pytorch_model.bin"),
        (GOOGLE, "model.ckpt.index"),
        (GOOGLE, "model.ckpt.data-00000-of-00001"),
    ],
)
def test_a_pointer_in_place_of_a_file(source, file, tmp_path):
    place = copied(source, tmp_path / "x")
    (place / file).write_bytes(POINTER)
    with pytest.raises(CheckpointError, match=f"{file} is a Git LFS pointer.*git lfs pull"):
        playmask.load(place)


def test_a_pointer_in_place_of_an_index_of_shards(tmp_path):
    place = copied(BERT, tmp_path / "x")
    (place / "model.safetensors").unlink()
    (place / "model.safetensors.index.json").write_bytes(POINTER)
    with pytest.raises(CheckpointError, match="is a Git LFS pointer"):
        playmask.load(place)


@pytest.mark.parametrize(
    "file", ["checksums.json", "architecture.json", "weights.safetensors", "task.json"]
)
def test_a_pointer_in_a_directory_with_checksums(file, tmp_path):
    """It is no mixture of two saves, though the checksums do not fit."""
    tokenizer = playmask.Tokenizer.from_texts(["今天天气很好"])
    small = {"width": 16, "depth": 1, "attention_heads": 2, "inner": 16}
    architecture = playmask.architecture("bert").change(vocabulary=len(tokenizer), **small)
    model = playmask.build(architecture)
    task = playmask.TextClassifier.new(model, ["a", "b"], tokenizer=tokenizer)
    place = task.save(tmp_path / "x")
    (place / file).write_bytes(POINTER)
    with pytest.raises(CheckpointError, match=f"{file} is a Git LFS pointer.*git lfs pull"):
        playmask.load_task(place)


@pytest.mark.parametrize(("change", "message"), DESCRIPTIONS[:5])
def test_a_task_whose_architecture_cannot_be(change, message, tmp_path):
    place, description = own(tmp_path / "x")
    change(description)
    (place / "architecture.json").write_text(json.dumps(description))
    settings = {"is": "ClassifierSettings", "labels": ["a", "b"]}
    content = {"format": 2, "task": "classify", "settings": settings}
    (place / "task.json").write_text(json.dumps(content))
    (place / "checksums.json").unlink()
    with pytest.raises(CheckpointError, match=message):
        playmask.load_task(place)
