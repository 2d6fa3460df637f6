"""Damaged and mismatched checkpoints of every kind are refused before any weight gets a value."""

import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored import PATHS, arrays_of, config_of, container_of, family_of, load, rewritten

import playmask
from playmask.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.backends

LOADING = import_module("playmask.checkpoints.load")  # the module, not the function of its name
GROUP = "bert/encoder/transformer/group_0/inner_group_0"
KERNELS = {
    "bert4keras/albert": f"{GROUP}/ffn_1/intermediate/dense/kernel",
    "bert4keras/nezha": "bert/encoder/layer_1/output/dense/kernel",
    "bert4keras/gpt": "gpt/transformer/layer_1/output/dense/kernel",
    "bert4keras/gpt2_ml": "newslm/layer01/value_layer/kernel",
    "bert4keras/t5_1_0": "decoder/block_001/layer_001/EncDecAttention/v",
    "bert4keras/mt5_1_1": "encoder/block_001/layer_000/SelfAttention/v",
    "bert4keras/roformer_v2": "bert/encoder/layer_1/output/dense/kernel",
    "transformers/gpt2_lm": "transformer.h.1.attn.c_attn.weight",
    "transformers/t5_v1_1": "decoder.block.1.layer.2.DenseReluDense.wi_1.weight",
    "transformers/electra_generator": "electra.encoder.layer.1.output.dense.weight",
    "transformers/ernie": "embeddings.task_type_embeddings.weight",
    "transformers/roberta_mlm": "roberta.embeddings.position_embeddings.weight",
}
"""A tensor of a body in checkpoints of different kinds."""


@pytest.fixture(autouse=True)
def filled(monkeypatch) -> list:
    """Every weight that got a value."""
    found: list = []
    fill = LOADING.fill_all
    monkeypatch.setattr(
        LOADING,
        "fill_all",
        lambda values, **options: (found.extend(values), fill(values, **options)),
    )
    return found


def refused(name: str, place: Path, message: str, filled: list, **options: Any) -> None:
    """Loading fails with a message, and nothing was filled."""
    with pytest.raises(CheckpointError, match=message):
        load(name, place, **options)
    assert not filled


@pytest.mark.parametrize("name", KERNELS)
def test_an_undamaged_copy_loads(name, tmp_path, filled):
    assert not load(name, rewritten(name, tmp_path / "x")).report.fresh and filled


@pytest.mark.parametrize("name", KERNELS)
def test_a_missing_tensor_is_named(name, tmp_path, filled):
    place = rewritten(name, tmp_path / "x", lambda tensors: tensors.pop(KERNELS[name]))
    item = next(i for i in load(name).report.loaded if i.theirs == KERNELS[name])
    filled.clear()
    refused(name, place, rf"{item.ours} \(\d+, \d+\) is not in the checkpoint", filled)


@pytest.mark.parametrize("name", KERNELS)
def test_a_wrong_shape_is_named_with_the_right_one(name, tmp_path, filled):
    right = arrays_of(name)[KERNELS[name]].shape
    wrong = (right[0], right[1] + 3)

    def reshape(tensors):
        tensors[KERNELS[name]] = np.zeros(wrong, "float32")

    place = rewritten(name, tmp_path / "x", reshape)
    needed = right[::-1] if "weight" in KERNELS[name] else right
    needed = (right[0], right[1] // 3) if "c_attn" in KERNELS[name] else needed
    needed = right if "embeddings" in KERNELS[name] else needed
    ours = f"{KERNELS[name]} has the shape {wrong}, where .* needs {needed}"
    refused(name, place, ours.replace("(", r"\(").replace(")", r"\)"), filled)


LAYERED = {
    name: kernel
    for name, kernel in KERNELS.items()
    if "embeddings" not in kernel and "albert" not in name
}


@pytest.mark.parametrize("name", LAYERED)
def test_a_block_too_many_is_named(name, tmp_path, filled):
    theirs = LAYERED[name]
    cut = theirs.replace("block_001/", "block_009/").replace("block.1.", "block.9.")
    more = cut.replace("layer_1/", "layer_9/").replace("layer01", "layer09")
    more = more.replace("h.1.", "h.9.").replace("encoder.layer.1.", "encoder.layer.9.")
    assert more != theirs

    def add(tensors):
        tensors[more] = tensors[theirs]

    place = rewritten(name, tmp_path / "x", add)
    refused(name, place, rf"{more} \(\d+, \d+\) belongs to no weight of it", filled)


OTHERS = {
    "bert4keras/albert": ("bert", "no 'bert'"),
    "bert4keras/gpt2_ml": ("gpt2", "no 'gpt2'; the family 'gpt2_ml' would fit"),
    "bert4keras/t5_1_0": ("t5_1_1", "DenseReluDense/wi|wi_0|inner/kernel"),
    "bert4keras/mt5_1_1": ("t5_1_1", "layer_norm|is not in the checkpoint|no 't5_1_1'"),
    "transformers/gpt2_lm": ("gpt", "no 'gpt'; the family 'gpt2' would fit"),
    "transformers/roberta_mlm": ("bert", "no 'bert'; the family 'roberta' would fit"),
    "transformers/ernie": ("roberta", "'task_type_vocab_size' that the family 'roberta'"),
    "transformers/electra_generator": (
        "gpt2_ml",
        "no 'gpt2_ml'; the family 'electra_generator' would fit",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_family_is_refused(name, filled):
    family, message = OTHERS[name]
    with pytest.raises((CheckpointError, ConfigError), match=message):
        playmask.load(PATHS[name], family=family)
    assert not filled


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [cut, flip])
@pytest.mark.parametrize("name", [name for name in KERNELS if container_of(name) == "google"])
def test_a_damaged_data_file(name, harm: Callable[[Path], None], tmp_path, filled):
    place = Path(shutil.copytree(PATHS[name], tmp_path / "x"))
    harm(place / "model.ckpt.data-00000-of-00001")
    refused(name, place, r"model\.ckpt", filled)


@pytest.mark.parametrize("name", [name for name in KERNELS if container_of(name) != "google"])
def test_a_cut_safetensors_file(name, tmp_path, filled):
    place = Path(shutil.copytree(PATHS[name], tmp_path / "x"))
    cut(place / "model.safetensors")
    refused(name, place, r"model\.safetensors", filled)


@pytest.mark.parametrize("name", KERNELS)
def test_an_unknown_key_of_a_configuration(name, tmp_path, filled):
    place = rewritten(name, tmp_path / "x", vocab_sise=7)
    with pytest.raises(ConfigError, match="'vocab_sise'.*Did you mean 'vocab_size'"):
        load(name, place)
    assert not filled
    assert json.loads((place / "config.json").read_text()) == config_of(name) | {"vocab_sise": 7}
    assert load(name, place, ignore=["vocab_sise"]).report.family == family_of(name)
