"""Hugging Face's containers: .bin and safetensors, in one file or several with an index."""

import json
import os
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors import safe_open

import playmask
from comparing import assert_same, error, tiny
from playmask.checkpoints import containers, safetensors, shards, torch_zip
from playmask.checkpoints.source import find
from playmask.errors import CheckpointError, ConfigError
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

ORACLES = Path(__file__).parents[1] / "oracles" / "transformers"
IDS = {"tokens": np.array([[5, 17, 33, 3]], "int32")}
NAMES = {"safetensors": ("model", "safetensors"), "bin": ("pytorch_model", "bin")}
SMALL = 9000  # bytes; the largest tensor has more


def files(directory):
    """What is in a directory by name, but for the manifest."""
    content = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert content.pop("checksums.json", b"{").startswith(b"{")
    return content


def names_of(container, count):
    stem, suffix = NAMES[container]
    return [f"{stem}-{i + 1:05d}-of-{count:05d}.{suffix}" for i in range(count)]


def index_of(container):
    return "{}.{}.index.json".format(*NAMES[container])


def save(model, directory, container, size=None):
    return playmask.save(model, directory, "huggingface", container=container, shard_bytes=size)


@pytest.mark.parametrize("container", NAMES)
@pytest.mark.parametrize("name", ["gpt2_lm", "albert_mlm", "t5_v1_1"])
def test_a_round_trip_is_exact(name, container, tmp_path):
    original = safetensors.read(ORACLES / name / "model.safetensors")
    model = playmask.load(ORACLES / name, heads="mlm")
    save(model, tmp_path / "one", container)
    save(model, tmp_path / "many", container, SMALL)
    index = json.loads((tmp_path / "many" / index_of(container)).read_text())
    count = len(set(index["weight_map"].values()))
    assert count > 3
    assert set(files(tmp_path / "many")) == {
        "config.json", index_of(container), *names_of(container, count)
    }  # fmt: skip
    assert set(files(tmp_path / "one")) == {"config.json", ".".join(NAMES[container])}
    wanted = {k: np.array(v) for k, v in original.items() if k in index["weight_map"]}
    assert index["metadata"] == {"total_size": sum(v.nbytes for v in wanted.values())}
    for place in ("one", "many"):
        assert_same(find(tmp_path / place).tensors, wanted)
        again = playmask.load(tmp_path / place, heads="mlm")
        theirs, ours = weights_by_name(model), weights_by_name(again)
        for key in theirs:
            np.testing.assert_array_equal(
                *(keras.ops.convert_to_numpy(w[key]) for w in (ours, theirs))
            )
        if name != "t5_v1_1":
            assert error(again(IDS)["logits"], model(IDS)["logits"]) == 0


@pytest.mark.parametrize("container", NAMES)
def test_what_each_shard_holds(container, tmp_path):
    model = tiny(heads=("mlm",))
    save(model, tmp_path, container, SMALL)
    listed = json.loads((tmp_path / index_of(container)).read_text())["weight_map"]
    read = torch_zip.read if container == "bin" else safetensors.read
    for name in sorted(set(listed.values())):
        found = read(tmp_path / name)
        assert set(found) == {key for key, file in listed.items() if file == name}
        size = sum(found.spec(key).nbytes for key in found)
        assert size <= SMALL or len(found) == 1
        if container == "safetensors":
            with safe_open(tmp_path / name, "np") as peer:
                assert set(peer.keys()) == set(found) and peer.metadata() == {"format": "pt"}
        elif keras.backend.backend() == "torch":
            import torch

            assert set(torch.load(tmp_path / name, weights_only=True)) == set(found)


LIMITS = {24: "ab c d", 11: "a b c d", 40: "ab c d", 43: "ab c d", 44: "ab cd", 68: "abcd"}


@pytest.mark.parametrize("limit", LIMITS)
def test_how_tensors_are_shared_out(limit, tmp_path):
    sizes = {"a": 3, "b": 3, "c": 10, "d": 1}
    torch_zip.write(tmp_path / "x", {n: np.zeros(size, "float32") for n, size in sizes.items()})
    found = shards.split(torch_zip.read(tmp_path / "x"), limit)
    assert " ".join(map("".join, found)) == LIMITS[limit]


def test_what_fits_in_one_shard_is_one_file(tmp_path):
    save(tiny(), tmp_path, "safetensors", 1 << 30)
    assert set(files(tmp_path)) == {"config.json", "model.safetensors"}


@pytest.mark.parametrize("container", NAMES)
@pytest.mark.parametrize("other", NAMES)
@pytest.mark.parametrize("sizes", [(None, SMALL), (SMALL, None), (SMALL, SMALL), (None, None)])
def test_what_would_shadow_or_stay_behind_is_refused(container, other, sizes, tmp_path):
    save(tiny(), tmp_path, container, sizes[0])
    before = files(tmp_path)
    if container == other and sizes[0] == sizes[1]:
        save(tiny(seed=2), tmp_path, other, sizes[1])
        assert files(tmp_path).keys() == before.keys() and files(tmp_path) != before
        return
    with pytest.raises(CheckpointError, match="already holds .*found first or left behind; give"):
        save(tiny(seed=2), tmp_path, other, sizes[1])
    assert files(tmp_path) == before


@pytest.mark.parametrize("container", NAMES)
def test_shards_replace_shards_and_only_those(container, tmp_path):
    save(tiny(), tmp_path, container, SMALL)
    mine = "model-mine.safetensors"
    (tmp_path / mine).write_text("mine")
    index = tmp_path / index_of(container)
    listing = json.loads(index.read_text())
    listing["weight_map"] |= {"x": "../secret", "y": mine}
    index.write_text(json.dumps(listing))
    model = tiny(seed=2)
    save(model, tmp_path, container, 2 * SMALL)
    count = len(set(json.loads(index.read_text())["weight_map"].values()))
    assert set(files(tmp_path)) == {
        "config.json", mine, index.name, *names_of(container, count)
    }  # fmt: skip
    assert error(playmask.load(tmp_path)(IDS)["hidden"], model(IDS)["hidden"]) == 0


@pytest.mark.parametrize("container", NAMES)
@pytest.mark.parametrize("size", [SMALL, 2 * SMALL])
def test_an_interrupted_save_leaves_the_old_shards(container, size, tmp_path, monkeypatch):
    save(tiny(), tmp_path, container, SMALL)
    before = files(tmp_path)
    done = []

    def interrupt(*args, **options):
        done.append(args)
        if len(done) == 20:
            raise KeyboardInterrupt
        return whole(*args, **options)

    whole = containers.raw
    monkeypatch.setattr(containers, "raw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tiny(seed=2), tmp_path, container, size)
    assert files(tmp_path) == before


def test_shards_of_two_saves_are_never_read_as_one(tmp_path, monkeypatch):
    """A failure between the moves of the new files: what is read next is all new."""
    save(tiny(), tmp_path, "safetensors", SMALL)
    model, moved, move = tiny(seed=2), [], os.replace

    def fail(source, target):
        if Path(target).parent == tmp_path:
            moved.append(target)
            if len(moved) == 3:
                raise OSError("the disk is gone")
        return move(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CheckpointError, match="committed, and the rest.*the disk is gone"):
        save(model, tmp_path, "safetensors", SMALL)
    assert error(playmask.load(tmp_path)(IDS)["hidden"], model(IDS)["hidden"]) == 0
    assert not any(name.startswith(".") for name in files(tmp_path))


@pytest.mark.parametrize(
    ("dialect", "options", "message"),
    [
        ("google", {"shard_bytes": 9}, "choice of the dialect 'huggingface', not of 'google'"),
        (
            "playmask",
            {"container": "bin"},
            "no container 'bin'. Known: 'int8', 'safetensors'",
        ),
        ("huggingface", {"container": "bins"}, "no container 'bins'. Did you mean 'bin'?"),
        ("huggingface", {"shard_bytes": 0}, "number of bytes, such as 5_000_000_000, not 0"),
        ("huggingface", {"shard_bytes": "5GB"}, "not '5GB'"),
        ("huggingface", {"shard_bytes": True}, "not True"),
    ],
)
def test_choices_that_make_no_sense_are_refused(dialect, options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        playmask.save(tiny(), tmp_path / "x", dialect, **options)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("dialect", ["huggingface", "playmask", "google"])
def test_saving_makes_one_tensor_at_a_time(dialect, tmp_path):
    model = tiny(depth=12, width=256, inner=1024)
    playmask.save(model, tmp_path / "first", dialect)
    tracemalloc.start()
    playmask.save(model, tmp_path / "second", dialect)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.15 * 4 * model.count_params()
