"""Every checkpoint: recognised, saved back bit for bit, converted, in every container."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from small import small
from stored import (
    PATHS,
    arrays_of,
    config_of,
    container_of,
    dialect_of,
    family_of,
    inputs_of,
    load,
    rewritten,
    shards,
    tensors_of,
    torch_bin,
    written_config,
)

import playmask
from comparing import assert_same, error, filled, numpy_of, tokens
from oracles import CASES, CLOSE
from playmask.checkpoints.safetensors import write
from playmask.errors import CheckpointError
from playmask.families import FAMILIES
from playmask.model.transformer import Transformer, weights_by_name

pytestmark = pytest.mark.backends

OTHER = {"google": "huggingface", "huggingface": "google"}


def outputs(model: Transformer, name: str) -> dict[str, np.ndarray]:
    """All that a model says of one batch."""
    return {key: numpy_of(value) for key, value in model(inputs_of(name)).items()}


def far(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """The largest error of all outputs."""
    assert set(found) == set(wanted)
    return max(error(found[key], wanted[key]) for key in wanted)


def assert_same_weights(found: Transformer, wanted: Transformer) -> None:
    ours, theirs = weights_by_name(found), weights_by_name(wanted)
    assert set(ours) == set(theirs) and not found.report.fresh
    for name, variable in theirs.items():
        assert np.array_equal(numpy_of(ours[name].value), numpy_of(variable.value)), name


# Recognition

TWINS = {f"bert4keras/{case}" for case in ("nezha", "nezha_unilm", "roformer")}
"""Their tensors have the same names, and their configurations say nothing of positions."""


def test_the_cases_are_the_checkpoints():
    """No case is left out: each is a folder, and each folder a case, but one that is a copy."""
    assert set(PATHS) - set(CASES) == {"transformers/bert_mlm_bin"}
    assert {family_of(name) for name in PATHS} == set(FAMILIES) - {"gau_alpha"}


@pytest.mark.parametrize("name", PATHS)
def test_a_family_is_recognised_by_its_own_names(name, tmp_path):
    place = shutil.copytree(PATHS[name], tmp_path / "x")
    if name not in TWINS:
        assert playmask.architecture(place).family == family_of(name)
        return
    with pytest.raises(CheckpointError, match=r"several families \(nezha, roformer\).*family="):
        playmask.architecture(place)
    made = [playmask.architecture(place, family=family) for family in ("nezha", "roformer")]
    assert [each.family for each in made] == ["nezha", "roformer"]


@pytest.mark.parametrize("name", sorted(TWINS))
def test_a_key_tells_them_apart(name, tmp_path):
    """Here no test's name may hold a family's: a path that says it counts as a sign."""
    for key, value, family in (
        ("use_relative_position", True, "nezha"),
        ("max_relative_position", 64, "nezha"),
        ("rotary_value", False, "roformer"),
        ("model_type", "roformer", "roformer"),
    ):
        place = rewritten(name, tmp_path / key, **{key: value})
        assert playmask.architecture(place).family == family


# In the dialect it came from

UNSAVED = {
    "a constant",
    "a copy of cls.predictions.bias",
    "tied: a copy of the token embedding",
    "the head of a task; load_task loads it",
}
"""Why a tensor may be missing from what is saved."""


@pytest.mark.parametrize("name", PATHS)
def test_what_was_loaded_is_saved_bit_for_bit(name, tmp_path):
    model, stored = load(name), arrays_of(name)
    assert not model.report.fresh, model.report
    assert playmask.save(model, tmp_path, container_of(name)) == tmp_path
    reasons = {item.theirs: item.reason for item in model.report.ignored}
    assert set(reasons.values()) <= UNSAVED
    assert_same(tensors_of(tmp_path), {k: v for k, v in stored.items() if k not in reasons})
    assert written_config(tmp_path) == config_of(name)
    unnamed = {t for t in stored if dialect_of(name).ours_for(t) is None}
    assert {t for t, reason in reasons.items() if "tied" not in reason} == unnamed


FREE = {
    "roformer_v2": {"initializer_range"},  # by its size, whatever the file says
    "gpt2": {"type_vocab_size", "n_inner"},  # it has no segments; null means four widths
    "gpt2_ml": {"type_vocab_size"},
    "roberta": {"model_type"},  # of XLM-RoBERTa, which is the same model
}
"""Keys that a file has and that are written otherwise."""


@pytest.mark.parametrize("name", PATHS)
def test_a_configuration_is_written_as_it_is_read(name):
    """From nothing but the architecture: it reads the same, and what the file has says the same."""
    family = FAMILIES[family_of(name)]
    made = playmask.architecture(PATHS[name], family=family.name)
    told = family.configuration.write(made, container_of(name))
    assert family.settle(family.configuration.read(told), tensors_of(name)) == made
    stored = config_of(name)
    wrong = {k: (stored[k], told[k]) for k in told if k in stored and stored[k] != told[k]}
    assert set(wrong) <= FREE.get(family.name, set()) | {"architectures"}, wrong
    fields = [key.ours for key in family.configuration.keys if key.theirs in told]
    assert len(fields) == len(set(fields))  # nothing is said twice


# In the other dialect

REFUSED = {
    "bert4keras/gpt": "embeddings/segments/embeddings",  # Hugging Face's GPT has no segments
    "transformers/roformer_mlm": "blocks/rotary/embeddings",  # not the usual sines and cosines
}
TWO = [name for name in PATHS if len(FAMILIES[family_of(name)].dialects) >= 2]
TYPES = {
    "electra_generator": "electra",
    "gpt": "openai-gpt",
    "roformer_v2": "roformer",
    "t5_1_1": "t5",
}


@pytest.mark.parametrize("name", [name for name in TWO if "t5_1_0_encoder" not in name])
def test_there_and_back(name, tmp_path):
    model, container = load(name), container_of(name)
    there, back = tmp_path / "there", tmp_path / "back"
    if name in REFUSED:
        with pytest.raises(CheckpointError, match=f"has no name for {REFUSED[name]};"):
            playmask.save(model, there, OTHER[container])
        assert not there.exists()
        return
    playmask.save(model, there, OTHER[container])
    first = playmask.load(there, heads=model.head_names)
    playmask.save(first, back, container)
    second = playmask.load(back, heads=model.head_names)
    for found, dialect in ((first, OTHER[container]), (second, container)):
        assert found.report.dialect == dialect and not found.report.ignored
        assert found.architecture == model.architecture
        assert_same_weights(found, model)
    assert far(outputs(second, name), outputs(model, name)) == 0
    assert far(outputs(first, name), outputs(model, name)) < CLOSE  # PyTorch: other strides
    folders = (back, there) if container == "google" else (there, back)
    google, torch = map(written_config, folders)
    family = family_of(name)
    assert torch["model_type"] == TYPES.get(family, family)
    assert "model_type" not in google and google["vocab_size"] == torch["vocab_size"] == 80


# Containers

LARGE = ["transformers/gpt2_lm", "transformers/t5_v1_1", "transformers/albert_mlm"]


@pytest.mark.parametrize("pack", [torch_bin, shards])
@pytest.mark.parametrize("name", LARGE)
def test_other_containers(name, pack, tmp_path):
    pack(arrays_of(name), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config_of(name)))
    model, wanted = (load(name, path, family=None) for path in (tmp_path, None))
    assert_same_weights(model, wanted)
    assert far(outputs(model, name), outputs(wanted, name)) == 0
    playmask.save(model, tmp_path / "saved", "huggingface")
    assert_same(tensors_of(tmp_path / "saved"), arrays_of(name))


@pytest.mark.parametrize("name", LARGE)
def test_a_lost_shard_is_named(name, tmp_path):
    shards(arrays_of(name), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config_of(name)))
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match="model-00002-of-00003.safetensors"):
        load(name, tmp_path)


def test_names_without_the_root_and_with_old_norms(tmp_path):
    """Names as models without a head, and programs before 2019, wrote them."""
    name = "transformers/gpt2_lm"
    bare = {tensor.removeprefix("transformer."): v for tensor, v in arrays_of(name).items()}
    assert set(bare) != set(arrays_of(name))
    write(tmp_path / "model.safetensors", bare)
    (tmp_path / "config.json").write_text(json.dumps(config_of(name)))
    model = load(name, tmp_path, family=None)
    assert_same_weights(model, load(name))
    playmask.save(model, tmp_path / "saved", "huggingface")
    assert_same(tensors_of(tmp_path / "saved"), bare)


@pytest.mark.parametrize("name", FAMILIES)
def test_playmasks_own_format(name, tmp_path):
    family = FAMILIES[name]
    model = filled(small(name), family.heads)
    playmask.save(model, tmp_path)
    again = playmask.load(tmp_path)
    assert again.architecture == model.architecture
    assert set(again.head_names) == set(family.heads) == set(model.head_names)
    assert_same_weights(again, model)
    inputs: dict[str, Any] = {"tokens": tokens(2, 6)}
    if family.base.decoder:
        inputs["target_tokens"] = tokens(2, 4)
    found, wanted = again(inputs), model(inputs)
    assert all(error(found[key], wanted[key]) == 0 for key in wanted)


@pytest.mark.parametrize(
    ("name", "dialect"), [(name, d) for name in FAMILIES for d in FAMILIES[name].dialects]
)
def test_a_model_that_was_never_loaded(name, dialect, tmp_path):
    """Each family in each dialect, recognised by what is written into it."""
    family = FAMILIES[name]
    made = family.configuration.read(family.configuration.write(small(name), dialect))
    model = filled(made, family.heads)
    playmask.save(model, tmp_path / "x", dialect)
    again = playmask.load(tmp_path / "x", heads=family.heads)
    assert (again.report.family, again.report.dialect) == (name, dialect)
    assert again.architecture == made and not again.report.ignored
    assert_same_weights(again, model)


# Optimizers

ADAM = ["/adam_m", "/adam_v", "/lamb_m", "/lamb_v", "/Adam", "/Adam_1"]
MESH = ["_slot_m", "_slot_v", "_slot_vr", "_slot_vc"]
SLOTS = {
    "bert4keras/bert_pool_nsp_mlm": ADAM,
    "bert4keras/albert": ADAM,
    "bert4keras/t5_1_0": MESH,
    "bert4keras/t5_1_1": MESH,
    "bert4keras/mt5_1_1": MESH,
    "bert4keras/gpt2_ml": [f"/adafactor_{slot}" for slot in ("m", "v", "vr", "vc")],
}
"""What the programs that trained them call the slots of their optimizers."""


@pytest.mark.parametrize("name", SLOTS)
def test_an_optimizers_state_is_ignored(name, tmp_path):
    def add(tensors):
        tensors |= {t + end: array for t, array in [*tensors.items()] for end in SLOTS[name]}
        tensors["global_step"] = np.array(7, "int64")

    model = load(name, rewritten(name, tmp_path / "x", add), family=None)
    assert_same_weights(model, load(name))
    slots = ["optimizer's state"] * len(arrays_of(name)) * len(SLOTS[name])
    assert [i.reason for i in model.report.ignored if i.theirs != "global_step"] == slots
    assert ("global_step", "the training's step counter") in model.report.ignored


@pytest.mark.parametrize("name", ["transformers/t5_v1_1", "bert4keras/mt5_1_1"])
def test_half_of_a_model_is_saved_and_read_as_such(name, tmp_path):
    """The encoder out of a whole T5 is a checkpoint of its own, as `T5EncoderModel` writes it."""
    model = playmask.load(PATHS[name], decoder=None, heads=())
    playmask.save(model, tmp_path / "half", container_of(name))
    again = playmask.load(tmp_path / "half", heads=())
    assert again.architecture.decoder is None and not again.report.fresh
    ids = {"tokens": inputs_of(name)["tokens"]}
    assert error(again(ids)["hidden"], model(ids)["hidden"]) == 0
