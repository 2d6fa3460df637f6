"""Tied tensors, copies and wrapped names: what the tensors say is believed, not a flag."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from stored import PATHS, arrays_of, config_of, inputs_of, load, rewritten, tensors_of, torch_bin

import playmask
from comparing import error, numpy_of
from oracles import CASES, CLOSE
from playmask.cli.actions.inspect import describe_checkpoint
from playmask.errors import CheckpointError
from playmask.model.transformer import weights_by_name

pytestmark = pytest.mark.backends

TIED = {"tie_word_embeddings": True}
OUTPUTS = {
    "transformers/bert_mlm": "cls.predictions.decoder.weight",
    "transformers/roberta_mlm": "lm_head.decoder.weight",
    "transformers/electra_generator": "generator_lm_head.weight",
    "transformers/albert_mlm": "predictions.decoder.weight",
    "transformers/roformer_mlm": "cls.predictions.decoder.weight",
    "transformers/openai_gpt_lm": "lm_head.weight",
    "transformers/gpt2_lm": "lm_head.weight",
    "transformers/t5_v1_0": "lm_head.weight",
    "transformers5/modernbert_mlm": "decoder.weight",
    "transformers5/qwen3_lm": "lm_head.weight",
}
"""Families whose output layer is tied as a rule, and what it is called where it is stored."""
TABLES = {
    "transformers/bert_mlm": "bert.embeddings.word_embeddings.weight",
    "transformers/roberta_mlm": "roberta.embeddings.word_embeddings.weight",
    "transformers/electra_generator": "electra.embeddings.word_embeddings.weight",
    "transformers/albert_mlm": "albert.embeddings.word_embeddings.weight",
    "transformers/roformer_mlm": "roformer.embeddings.word_embeddings.weight",
    "transformers/openai_gpt_lm": "transformer.tokens_embed.weight",
    "transformers/gpt2_lm": "transformer.wte.weight",
    "transformers/t5_v1_0": "shared.weight",
    "transformers5/modernbert_mlm": "model.embeddings.tok_embeddings.weight",
    "transformers5/qwen3_lm": "model.embed_tokens.weight",
}
COPIES = {
    "transformers/bert_mlm": ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "transformers/roberta_mlm": ("lm_head.bias", "lm_head.decoder.bias"),
    "transformers/albert_mlm": ("predictions.bias", "predictions.decoder.bias"),
    "transformers/t5_v1_1": ("shared.weight", "decoder.embed_tokens.weight"),
}
"""A tensor, and what programs call it besides."""


def reasons(model) -> dict[str, str]:
    return {item.theirs: item.reason for item in model.report.ignored}


def own(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype("float32")


@pytest.mark.parametrize("name", ["transformers/mt5", "transformers/t5_v1_1"])
def test_an_output_layer_is_its_own_whatever_the_flag_says(name, tmp_path):
    """As transformers 5 writes T5 1.1 and mT5; neither head nor scale follow the flag."""
    case = CASES[name]
    config = {key: value for key, value in config_of(name).items() if key[:5] != "scale"}
    place = rewritten(name, tmp_path / "x", **TIED)
    (place / "config.json").write_text(json.dumps(config | TIED))
    model = playmask.load(place)
    assert max(case.errors(model).values()) < CLOSE
    assert "lm_head.weight is a layer of its own" in str(model.report)
    assert not any("tied" in reason for reason in reasons(model).values())


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("flag", [TIED, {}])
def test_an_output_layer_that_differs_is_used(name, flag, tmp_path):
    output = own(arrays_of(name)[TABLES[name]].shape)
    place = rewritten(name, tmp_path / "x", lambda tensors: tensors.update({OUTPUTS[name]: output}))
    config = {k: v for k, v in config_of(name).items() if "tie_word" not in k and k[:5] != "scale"}
    (place / "config.json").write_text(json.dumps(config | flag))
    model, inputs = load(name, place), inputs_of(name)
    kernel = numpy_of(weights_by_name(model)["mlm/output/kernel"].value)
    assert np.array_equal(kernel, output.T)
    if "t5" in name:
        hidden = numpy_of(model(inputs)["hidden"])
        assert error(model(inputs)["logits"], hidden @ output.T) < CLOSE
    assert error(model(inputs)["logits"], load(name)(inputs)["logits"]) > 1e-2
    assert OUTPUTS[name] not in reasons(model)
    again = playmask.load(playmask.save(model, tmp_path / "y", "huggingface"), heads=["mlm"])
    assert error(again(inputs)["logits"], model(inputs)["logits"]) == 0


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_copy_is_compared_before_it_is_called_one(name, tmp_path):
    def copy(tensors):
        tensors[OUTPUTS[name]] = tensors[TABLES[name]]

    model = load(name, rewritten(name, tmp_path / "x", copy, **TIED))
    assert reasons(model)[OUTPUTS[name]] == "tied: a copy of the token embedding"
    assert error(model(inputs_of(name))["logits"], load(name)(inputs_of(name))["logits"]) == 0
    encoder = load(name, tmp_path / "x", heads=())
    assert reasons(encoder)[OUTPUTS[name]] == "tied: a copy of the token embedding"


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("container", ["safetensors", "bin"])
def test_a_tied_table_may_be_stored_under_its_other_name(name, container, tmp_path):
    """safetensors' `save_model` leaves one of two tensors of the same memory."""

    def rename(tensors):
        tensors[OUTPUTS[name]] = tensors.pop(TABLES[name])

    place = rewritten(name, tmp_path / "x", rename)
    if container == "bin":
        torch_bin(tensors_of(place), place)
        (place / "model.safetensors").unlink()
    model = load(name, place)
    assert not model.report.fresh and OUTPUTS[name] in str(model.report)
    assert error(model(inputs_of(name))["logits"], load(name)(inputs_of(name))["logits"]) == 0
    saved = tensors_of(playmask.save(model, tmp_path / "y", "huggingface"))
    assert set(saved) == set(tensors_of(place)) - set(reasons(model))
    assert np.array_equal(saved[OUTPUTS[name]], tensors_of(place)[OUTPUTS[name]])


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_compared_and_stand_in_for_each_other(name, tmp_path):
    usual, other = COPIES[name]

    def both(tensors):
        tensors[other] = tensors[usual].copy()

    model = load(name, rewritten(name, tmp_path / "both", both))
    assert reasons(model)[other] == f"a copy of {usual}"
    assert error(model(inputs_of(name))["logits"], load(name)(inputs_of(name))["logits"]) == 0

    def differ(tensors):
        tensors[other] = own(tensors[usual].shape)

    with pytest.raises(CheckpointError, match=f"{other} and {usual} are both .* other values"):
        load(name, rewritten(name, tmp_path / "differ", differ))

    def rename(tensors):
        tensors[other] = tensors.pop(usual)

    alone = load(name, rewritten(name, tmp_path / "alone", rename))
    assert error(alone(inputs_of(name))["logits"], load(name)(inputs_of(name))["logits"]) == 0


def test_two_spellings_of_one_tensor_must_agree(tmp_path):
    name, usual = "transformers/bert_mlm", "bert.embeddings.LayerNorm.weight"

    def add(tensors):
        tensors["bert.embeddings.LayerNorm.gamma"] = tensors[usual] + 1

    with pytest.raises(CheckpointError, match=r"LayerNorm.gamma and bert.* but with other values"):
        load(name, rewritten(name, tmp_path / "x", add))


def test_a_tensor_of_a_part_that_the_configuration_denies_is_refused(tmp_path):
    place = rewritten("transformers/bert_mlm", tmp_path / "x", type_vocab_size=0)
    with pytest.raises(CheckpointError, match=r"token_type_embeddings.weight .* no weight of it"):
        playmask.load(place)


CONSTANTS = [
    ("transformers/bert_mlm", "bert.embeddings.position_ids", np.arange(40)[None]),
    ("transformers/bert_mlm", "bert.embeddings.token_type_ids", np.zeros((1, 40), int)),
    ("transformers/gpt2_lm", "transformer.h.0.attn.bias", np.tri(40, dtype=bool)[None, None]),
]


@pytest.mark.parametrize(("name", "theirs", "value"), CONSTANTS)
def test_a_constant_is_compared_too(name, theirs, value, tmp_path):
    def add(value):
        return lambda tensors: tensors.update({theirs: value})

    model = load(name, rewritten(name, tmp_path / "x", add(value)))
    assert reasons(model)[theirs].startswith("a constant")
    other = value[..., ::-1].copy() if value.any() else value + 1
    with pytest.raises(CheckpointError, match=f"{theirs} has other values than the constant"):
        load(name, rewritten(name, tmp_path / "y", add(other)))


# Heads that are not there


@pytest.mark.parametrize("name", ["transformers/t5_v1_1", "transformers/mt5"])
@pytest.mark.parametrize("heads", [{}, {"heads": ["mlm"]}])
def test_a_missing_output_layer_is_warned_of(name, heads, tmp_path):
    place = rewritten(name, tmp_path / "x", lambda tensors: tensors.pop("lm_head.weight"))
    with pytest.warns(UserWarning, match=r"no 'mlm' head.*drawn at random"):
        assert playmask.load(place, **heads).report.fresh
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not playmask.load(place, heads=[]).report.fresh
        tied = playmask.load(place, vocabulary_head=tied_head(name))
    assert not tied.report.fresh


def tied_head(name: str) -> playmask.VocabularyHead:
    head = playmask.architecture(PATHS[name]).vocabulary_head
    return playmask.VocabularyHead(**{**vars(head), "tied": True})


def test_a_head_that_nobody_named_is_warned_of():
    with pytest.warns(UserWarning, match=r"no 'mlm' head"):
        playmask.load(PATHS["bert4keras/bert_encoder"], mask="lm")


# Wrapped names


WRAPPERS = ("module.", "_orig_mod.", "module._orig_mod.", "model.", "0.auto_model.")
WRAPPED = ("transformers/bert_mlm", "transformers/gpt2_lm", "transformers/t5_v1_0")


def wrap(place: Path, name: str, *prefixes: str) -> Path:
    def rename(tensors):
        stored = dict(tensors)
        tensors.clear()
        tensors.update({p + n: value for p in prefixes for n, value in stored.items()})

    return rewritten(name, place, rename)


@pytest.mark.parametrize("prefix", WRAPPERS)
@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrappers_prefix_is_taken_off(name, prefix, tmp_path):
    model = load(name, wrap(tmp_path / "x", name, prefix))
    assert f"began with {prefix!r}" in str(model.report) and not model.report.fresh
    assert error(model(inputs_of(name))["logits"], load(name)(inputs_of(name))["logits"]) == 0
    saved = tensors_of(playmask.save(model, tmp_path / "y", "huggingface"))
    assert set(saved) <= set(arrays_of(name))


def test_a_prefix_before_nothing_but_the_encoder(tmp_path):
    """As a class of one's own names it: self.bert_model and self.out."""
    name = "bert4keras/bert_encoder"
    place = wrap(tmp_path / "x", name, "wrapped/")
    model = playmask.load(place)
    assert error(model(inputs_of(name))["hidden"], load(name)(inputs_of(name))["hidden"]) == 0


def test_two_models_in_one_file_are_named(tmp_path):
    place = wrap(tmp_path / "x", "transformers/bert_mlm", "question.", "passage.")
    with pytest.raises(CheckpointError, match=r"2 models.*'passage.' \(\d+ tensors\), 'question.'"):
        playmask.load(place)


def test_a_model_and_one_under_a_prefix_are_named(tmp_path):
    place = wrap(tmp_path / "x", "transformers/bert_mlm", "", "teacher.")
    with pytest.raises(CheckpointError, match="another model, under the prefix 'teacher.'"):
        playmask.load(place)


def test_a_name_with_and_without_the_prefix(tmp_path):
    name = "transformers/bert_mlm"

    def add(tensors):
        for tensor in list(tensors):
            tensors[f"module.{tensor}"] = tensors.pop(tensor)
        tensors["bert.embeddings.LayerNorm.bias"] = own((32,))

    with pytest.raises(CheckpointError, match="both .*'bert.embeddings.LayerNorm.bias'"):
        playmask.load(rewritten(name, tmp_path / "x", add))


def test_inspect_shows_what_was_decided(tmp_path):
    place = wrap(tmp_path / "x", "transformers/gpt2_lm", "module.")
    (note,) = describe_checkpoint(place).to_json()["notes"]
    assert note == "the tensors' names began with 'module.', which was taken off"
