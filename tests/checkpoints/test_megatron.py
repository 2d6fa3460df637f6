"""Megatron's ranks: cut here as its own layers cut, and loaded as the model they were cut from."""

import json
import shutil
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest

import playmask
from cli.commands import call
from comparing import assert_same, error
from playmask.checkpoints import safetensors, torch_zip
from playmask.checkpoints.source import find
from playmask.errors import CheckpointError

pytestmark = pytest.mark.backends

ORACLE = Path(__file__).parents[1] / "oracles" / "transformers" / "gpt2_lm"
HEADS, LAYERS, WIDTH = 4, 2, 32
IDS = {"tokens": np.array([[5, 17, 60, 3], [7, 7, 1, 79]], "int32")}
OUTSIDE = {  # of the layers: Megatron's names and Hugging Face's
    "word_embeddings.weight": "wte.weight",
    "position_embeddings.weight": "wpe.weight",
    "transformer.final_layernorm.weight": "ln_f.weight",
    "transformer.final_layernorm.bias": "ln_f.bias",
}


def of_rank(rank, count, dtype="float32"):
    """One rank's tensors, head by head and neuron by neuron, from Hugging Face's GPT-2."""
    stored = safetensors.read(ORACLE / "model.safetensors")
    whole = {key.removeprefix("transformer."): np.array(stored[key]) for key in stored}
    heads = np.arange(WIDTH).reshape(HEADS, -1)
    mine = heads[rank * HEADS // count : (rank + 1) * HEADS // count].reshape(-1)
    rows = len(whole["wte.weight"]) // count
    inner = whole["h.0.mlp.c_fc.bias"].size // count
    neurons = np.arange(rank * inner, (rank + 1) * inner)
    out = {theirs: whole[name] for theirs, name in OUTSIDE.items()}
    out["word_embeddings.weight"] = out["word_embeddings.weight"][rank * rows : (rank + 1) * rows]
    for i in range(LAYERS):
        at, layer = f"transformer.layers.{i}", {k: whole[f"h.{i}.{k}"] for k in of_layer(whole, i)}
        fused = np.concatenate([part * WIDTH + mine for part in range(3)])
        out[f"{at}.input_layernorm.weight"] = layer["ln_1.weight"]
        out[f"{at}.input_layernorm.bias"] = layer["ln_1.bias"]
        out[f"{at}.attention.query_key_value.weight"] = layer["attn.c_attn.weight"].T[fused]
        out[f"{at}.attention.query_key_value.bias"] = layer["attn.c_attn.bias"][fused]
        out[f"{at}.attention.dense.weight"] = layer["attn.c_proj.weight"].T[:, mine]
        out[f"{at}.attention.dense.bias"] = layer["attn.c_proj.bias"]
        out[f"{at}.post_attention_layernorm.weight"] = layer["ln_2.weight"]
        out[f"{at}.post_attention_layernorm.bias"] = layer["ln_2.bias"]
        out[f"{at}.mlp.dense_h_to_4h.weight"] = layer["mlp.c_fc.weight"].T[neurons]
        out[f"{at}.mlp.dense_h_to_4h.bias"] = layer["mlp.c_fc.bias"][neurons]
        out[f"{at}.mlp.dense_4h_to_h.weight"] = layer["mlp.c_proj.weight"].T[:, neurons]
        out[f"{at}.mlp.dense_4h_to_h.bias"] = layer["mlp.c_proj.bias"]
    return {name: value.astype(dtype) for name, value in out.items()}


def of_layer(whole, i):
    return [key.removeprefix(f"h.{i}.") for key in whole if key.startswith(f"h.{i}.")]


def rank_file(rank):
    return f"mp_rank_{rank:02d}_model_states.pt"


def put(place, count=1, change=None, dtype="float32", folder=""):
    """Write a checkpoint of some ranks; change: (rank, its tensors) -> None."""
    (place / folder).mkdir(parents=True, exist_ok=True)
    for rank in range(count):
        tensors = of_rank(rank, count, dtype)
        if change is not None:
            change(rank, tensors)
        torch_zip.write(place / folder / rank_file(rank), tensors, under="module")
    if folder:
        (place / "latest_checkpointed_iteration.txt").write_text(f"{folder}\n")
    shutil.copy(ORACLE / "config.json", place)
    return place


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_ranks_is_the_model_they_were_cut_from(count, tmp_path):
    wanted = playmask.load(ORACLE)
    model = playmask.load(put(tmp_path, count))
    assert (model.report.family, model.report.dialect) == ("gpt2", "megatron")
    assert len(model.report.loaded) == len(wanted.report.loaded) and not model.report.fresh
    assert not model.report.ignored and model.architecture == wanted.architecture
    for ours, theirs in zip(model.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    limit = 0 if keras.backend.backend() == "jax" else 1e-6  # the others sum turned kernels anew
    assert error(model(IDS)["logits"], wanted(IDS)["logits"]) <= limit


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_a_round_trip_is_exact_and_of_one_rank(dtype, tmp_path):
    put(tmp_path / "in", 2, dtype=dtype)
    playmask.save(playmask.load(tmp_path / "in"), tmp_path / "out", "megatron")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["checksums.json", "config.json", rank_file(0)]
    assert_same(find(tmp_path / "out").tensors, of_rank(0, 1, dtype))
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written == json.loads((ORACLE / "config.json").read_text())


def test_a_model_that_was_never_loaded(tmp_path):
    base = playmask.architecture("gpt2").change(
        vocabulary=50, width=24, depth=1, attention_heads=2, inner=96, dropout=0.25
    )
    model = playmask.build(base)
    playmask.save(model, tmp_path, "megatron")
    again = playmask.load(tmp_path)
    assert again.architecture == base
    assert error(again(IDS | {"tokens": IDS["tokens"] % 50})["logits"],
                 model(IDS | {"tokens": IDS["tokens"] % 50})["logits"]) <= 1e-6  # fmt: skip


@pytest.mark.parametrize("path", ["", "80000", f"80000/{rank_file(1)}"])
@pytest.mark.parametrize("inside", [False, True])
def test_an_iteration_in_a_folder_of_its_own(path, inside, tmp_path):
    put(tmp_path, 2, folder="80000")
    if inside:  # the configuration beside the ranks
        shutil.move(tmp_path / "config.json", tmp_path / "80000" / "cpm_config.json")
    source = find(tmp_path / path)
    assert source.container == "megatron" and source.path == tmp_path / "80000"
    assert source.directory == (tmp_path / "80000" if inside else tmp_path)
    assert playmask.load(tmp_path / path).architecture.attention_heads == HEADS


def test_bert4keras_configuration_means_the_same(tmp_path):
    put(tmp_path)
    config = {
        "vocab_size": 80, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 128, "hidden_act": "gelu", "max_position_embeddings": 40,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert playmask.load(tmp_path).architecture.activation == "gelu_tanh"


def test_without_a_configuration_it_says_what_is_needed(tmp_path):
    put(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(
        CheckpointError, match="do not tell the number of heads; put a config.json"
    ) as e:
        playmask.load(tmp_path)
    example = str(e.value).split("says ")[1].removesuffix(".")
    made = playmask.families.FAMILIES["gpt2"].configuration.read(json.loads(example))
    assert (made.vocabulary, made.width, made.depth, made.attention_heads) == (30000, 2560, 32, 32)
    assert made.position.size == 1024 and made.inner == 10240 and made.activation == "gelu_tanh"
    assert made.attention_norm.before.epsilon == 1e-5


def drop(name):
    return lambda rank, tensors: rank == 1 and tensors.pop(name)


def set_to(name, value):
    return lambda rank, tensors: rank == 1 and tensors.update({name: value(tensors[name])})


DENSE, NORM = "transformer.layers.1.attention.dense.bias", "transformer.final_layernorm.weight"
FUSED = "transformer.layers.0.attention.query_key_value.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop(NORM), f"{rank_file(1)} lacks '{NORM}', which {rank_file(0)} has"),
        (set_to(NORM, lambda v: v + 1), f"{rank_file(1)} has other values in '{NORM}'"),
        (set_to(DENSE, lambda v: -v), f"{rank_file(1)} has other values in '{DENSE}'"),
        (
            set_to(DENSE, lambda v: v[1:]),
            rf"{rank_file(1)} has '{DENSE}' as float32 \(31,\), where",
        ),
        (set_to(FUSED, lambda v: v.astype("float16")), f"{rank_file(1)} has '{FUSED}' as float16"),
        (
            lambda rank, tensors: tensors.update({FUSED: tensors[FUSED][1:]}),
            rf"{rank_file(0)}: '{FUSED}' has the shape \(47, 32\), which is not 3 equal pieces",
        ),
    ],
)
def test_ranks_that_do_not_fit_together(change, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        playmask.load(put(tmp_path, 2, change))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (0, f"holds 1 ranks but not {rank_file(0)}"),
        (1, r"1 of the ranks' files, but of the square 'transformer.layers.0.* has \(32, 16\)"),
    ],
)
def test_a_lost_rank(lost, message, tmp_path):
    (put(tmp_path, 2) / rank_file(lost)).unlink()
    with pytest.raises(CheckpointError, match=message):
        playmask.load(tmp_path)


def test_a_damaged_rank(tmp_path):
    file = put(tmp_path, 2) / rank_file(1)
    content = file.read_bytes()
    file.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match=f"{rank_file(1)} is no PyTorch .*cut short"):
        playmask.load(tmp_path)
    at = content.index(of_rank(1, 2)[FUSED].tobytes())
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(CheckpointError, match=f"{rank_file(1)}: the checksum of tensor '{FUSED}'"):
        playmask.load(tmp_path)
    torch_zip.write(file, of_rank(1, 2))  # at the top, not under "module"
    with pytest.raises(CheckpointError, match=f"{rank_file(1)} .*one under any of module, model"):
        playmask.load(tmp_path)


@pytest.mark.parametrize("text", ["9", "../80000", "", "80000"])
def test_an_iteration_that_is_not_there(text, tmp_path):
    put(tmp_path, 1, folder="80000")  # not in the folder, but beside it
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "latest_checkpointed_iteration.txt").write_text(text)
    with pytest.raises(CheckpointError, match=f"says '{text}', but no folder of that name"):
        playmask.load(tmp_path / "run")


@pytest.mark.parametrize(("count", "folder"), [(2, ""), (1, "80000")])
def test_ranks_are_not_mixed_with_what_is_saved(count, folder, tmp_path):
    model = playmask.load(put(tmp_path, count, folder=folder))
    for dialect in ("megatron", "huggingface", "google", "playmask"):
        with pytest.raises(CheckpointError, match="already holds .*'megatron'"):
            playmask.save(model, tmp_path, dialect)


@pytest.mark.parametrize("to", ["google", "huggingface", "megatron", "playmask"])
def test_convert_and_inspect(to, tmp_path):
    put(tmp_path / "in", 2, dtype="float16", folder="80000")
    told = json.loads(call("inspect", tmp_path / "in", "--json").stdout)
    assert (told["container"], told["family"], told["heads"]) == ("megatron", "gpt2", ["mlm"])
    assert told["stored_bytes"].keys() == {"float16"}
    assert "megatron: the ranks of" in call("inspect", tmp_path / "in").stdout
    result = call("convert", tmp_path / "in", tmp_path / "out", "--to", to)
    assert result.exit_code == 0, result.stderr
    assert "differ by at most 0" in result.stderr and "36 weights loaded" in result.stdout
