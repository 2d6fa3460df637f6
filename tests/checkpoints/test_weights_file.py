"""Weights in 8 bits: a quarter of the size, rounded by half a step of their block's scale."""

import keras
import numpy as np
import pytest

import playmask
from comparing import error, tiny
from playmask.checkpoints import safetensors, weights_file
from playmask.checkpoints.containers import Tensors
from playmask.errors import CheckpointError, ConfigError

IDS = {"tokens": np.array([[5, 17, 60, 3]], "int32")}


def stored(tensors, path) -> Tensors:
    safetensors.write(path, tensors)
    return safetensors.read(path)


def test_numbers_are_rounded_by_half_a_step_of_their_block(tmp_path):
    random = np.random.default_rng(0)
    matrix = random.normal(size=(77, 65)).astype("float32")  # 5005 numbers: no multiple of 64
    matrix[:3] = 0  # blocks of zeros alone
    matrix[40] *= 100  # what is large in one block rounds no other one
    other = {"bias": random.normal(size=65).astype("float32"), "ids": np.arange(9000)}
    tensors = stored({"matrix": matrix, **other}, tmp_path / "exact.safetensors")
    weights_file.write_in_8_bits(tmp_path / "small.safetensors", tensors)
    again = weights_file.read(tmp_path / "small.safetensors")
    assert set(again) == set(tensors)
    flat = np.pad(matrix.reshape(-1), (0, 51)).reshape(-1, 64)
    step = np.abs(flat).max(axis=1, keepdims=True) / 127
    away = np.abs(np.pad(again["matrix"].reshape(-1), (0, 51)).reshape(-1, 64) - flat)
    assert (away <= step * 0.501).all()
    assert again["matrix"].dtype == np.float32 == again.spec("matrix").dtype
    for name in other:  # small tensors and integers are as they were
        np.testing.assert_array_equal(again[name], tensors[name])
    assert (tmp_path / "small.safetensors").stat().st_size < 5005 * 1.1 + 9000 * 8 + 1000


@pytest.mark.backends
def test_a_model_in_8_bits_computes_nearly_the_same(tmp_path):
    model = tiny(heads=("mlm",), width=64, inner=128, vocabulary=100)
    playmask.save(model, tmp_path / "small", container="int8")
    again = playmask.load(tmp_path / "small", heads="mlm")
    assert 0 < error(again(IDS)["logits"], model(IDS)["logits"]) < 0.05  # 0.027; 4 bits: 0.4
    playmask.save(again, tmp_path / "whole")
    assert (
        error(playmask.load(tmp_path / "whole", heads="mlm")(IDS)["logits"], again(IDS)["logits"])
        == 0
    )


def test_scales_that_do_not_fit_are_refused(tmp_path):
    integers = np.zeros((80, 80), "int8")
    for name, tensors in {
        "80 of them|100 of them": {"matrix": integers, "matrix:scales": np.ones(99, "float32")},
        "where int8": {"matrix": integers.astype("float32"), "matrix:scales": np.ones(100, "f4")},
    }.items():
        safetensors.write(tmp_path / "odd.safetensors", tensors)
        with pytest.raises(CheckpointError, match=name):
            weights_file.read(tmp_path / "odd.safetensors")


def test_a_task_is_saved_in_8_bits(tmp_path):
    tokenizer = playmask.Tokenizer.from_texts(["味道不错", "太失望"])
    model = tiny(width=64, inner=128, vocabulary=len(tokenizer))
    keras.utils.set_random_seed(3)  # of the head: others answer with 1.0, or move by 0.04
    task = playmask.TextClassifier.new(model, ["bad", "good"], tokenizer=tokenizer, max_length=16)
    whole, small = task.save(tmp_path / "whole"), task.save(tmp_path / "small", container="int8")
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in (whole, small)]
    assert sizes[1] < 0.4 * sizes[0]
    exact, rounded = (
        playmask.load_task(folder).predict("味道不错").probabilities for folder in (whole, small)
    )
    assert 1e-4 < abs(exact["good"] - rounded["good"]) < 0.01  # 0.002
    with pytest.raises(ConfigError, match="no container 'int4'. Did you mean 'int8'"):
        task.save(tmp_path / "other", container="int4")
    with pytest.raises(ConfigError, match="container is a choice of the dialect 'playmask'"):
        task.save(tmp_path / "other", "huggingface", container="int8")
    assert not (tmp_path / "other").exists()
