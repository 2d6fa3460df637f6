"""inspect and convert on the checkpoints of the original programs; doctor and demo."""

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import playmask
from cli.commands import call, complaint
from comparing import tiny
from playmask.cli.actions.matmul_speed import advice

GOOGLE = "bert4keras/bert_pool_nsp_mlm"
HUGGINGFACE = "transformers/bert_mlm"
CLASSIFIER = "transformers/bert_classifier"


@pytest.fixture
def oracles(request) -> Path:
    return request.config.rootpath / "tests/oracles"


def described(*arguments):
    result = call("inspect", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("name", "container", "heads"),
    [
        (GOOGLE, "google", ["mlm", "pool", "nsp"]),
        (CLASSIFIER, "huggingface", ["pool"]),
    ],
)
def test_inspect_tells_what_it_is(oracles, name, container, heads):
    found = described(oracles / name)
    assert (found["container"], found["family"], found["heads"]) == (container, "bert", heads)
    model = playmask.load(oracles / name, heads=heads)
    if found["task"]:  # with the head that it was published with
        model = playmask.load_task(oracles / name).network
    assert bool(found["task"]) == (name == CLASSIFIER)
    assert found["parameters"] == model.count_params()
    assert found["memory_bytes"]["float32"] == 4 * model.count_params()
    assert found["architecture"]["width"] == 32 and found["tokenizer"] is None
    assert found["stored_bytes"].keys() == {"float32"}


def test_inspect_draws_tables(oracles):
    result = call("inspect", oracles / GOOGLE, "--tensors")
    assert result.exit_code == 0
    for words in ("google: a TensorFlow checkpoint", "Learned(size=40)", "none found"):
        assert words in result.stdout
    assert "bert/encoder/layer_0/attention/self/query/kernel" in result.stdout
    assert "\x1b" not in result.stdout


def test_inspect_lists_every_tensor(oracles):
    found = described(oracles / HUGGINGFACE, "--tensors")
    named = [item["theirs"] for item in (*found["loaded"], *found["ignored"])]
    source = playmask.load(oracles / HUGGINGFACE).report
    assert sorted(named) == sorted(i.theirs for i in (*source.loaded, *source.ignored))


def test_inspect_knows_a_task(task):
    found = described(task, "--tensors")
    assert found["container"] == "playmask" and found["task"]["task"] == "classify"
    assert found["parameters"] == playmask.load_task(task).network.count_params()
    assert found["tokenizer"]["kind"] == "WordPiece"
    assert {item["reason"] for item in found["ignored"]} == {"part of the task: classify"}
    assert "classify: labels 好评, 差评" in call("inspect", task).stdout


def test_convert_there_and_back(oracles, tmp_path):
    paths = [oracles / GOOGLE]
    for to in ("playmask", "huggingface", "google"):
        paths.append(tmp_path / to)
        result = call("convert", paths[-2], paths[-1], "--to", to)
        assert result.exit_code == 0, result.stderr
        assert "differ by at most 0" in result.stderr and "46 weights loaded" in result.stdout
    first, last = (playmask.load(p, heads=("nsp", "mlm")) for p in (paths[0], paths[-1]))
    for a, b in zip(first.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_convert_to_half_the_size(oracles, tmp_path):
    result = call(
        "convert", oracles / HUGGINGFACE, tmp_path / "half", "--to", "huggingface",
        "--dtype", "bfloat16",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert described(tmp_path / "half")["stored_bytes"].keys() == {"bfloat16"}
    assert "from float32" in result.stdout


def test_convert_to_8_bits_says_by_how_much_outputs_differ(tmp_path):
    model = playmask.save(tiny(width=64, inner=128, vocabulary=100), tmp_path / "model")
    result = call("convert", model, tmp_path / "small", "--container", "int8")
    assert result.exit_code == 0, result.stderr
    assert 0 < float(result.stderr.split("differ by at most ")[1].split()[0]) < 1
    assert "int8" in described(tmp_path / "small")["stored_bytes"]


def test_convert_without_heads(oracles, tmp_path):
    result = call("convert", oracles / GOOGLE, tmp_path / "x", "--to", "playmask", "--heads", "")
    assert result.exit_code == 0, result.stderr
    assert "the head 'mlm' was not asked for" in result.stdout
    assert described(tmp_path / "x")["heads"] == []


def test_what_convert_refuses(oracles, tmp_path, task):
    def refused(target, *more, to="playmask"):
        return complaint(call("convert", oracles / GOOGLE, target, "--to", to, *more))

    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    assert "is not empty (it holds notes.txt)" in refused(full)
    assert "no format 'gogle'. Did you mean 'google'?" in refused(tmp_path / "x", to="gogle")
    assert "is where the checkpoint lies" in refused(oracles / GOOGLE, "--force")
    assert "holds a trained task" in refused(task, "--force")
    assert "Did you mean 'bfloat16'?" in refused(tmp_path / "x", "--dtype", "bflot16")
    assert call("convert", oracles / GOOGLE, full, "--to", "google", "--force").exit_code == 0
    assert call("convert", oracles / GOOGLE, full, "--to", "google", "--force").exit_code == 0
    assert "holds a checkpoint of the format 'google'" in refused(full, "--force")


def test_doctor(monkeypatch):
    monkeypatch.setattr("playmask.cli.actions.doctor.SECONDS", 0.01)
    monkeypatch.setenv("PLAYMASK_DATA", "/nowhere")
    result = call("doctor", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["findings"]["backend"].startswith(("jax (", "tensorflow (", "torch ("))
    speed = told["findings"][f"speed of {told['findings']['backend'].split()[0]}"]
    assert re.match(r"[\d,]+ in float32, [\d,]+ in bfloat16 \(GFLOP/s", speed)
    assert "Playmask Sans SC" in told["findings"]["fonts"]
    assert any("PLAYMASK_DATA names /nowhere" in hint for hint in told["hints"])
    table = call("doctor")
    assert table.exit_code == 0 and "hint: PLAYMASK_DATA" in table.stderr


def test_the_faster_choice_is_told_of():
    even = {"jax": {"float32": 200.0, "bfloat16": 190.0}}
    assert advice(even, "jax") == []
    wide = even | {"tensorflow": {"float32": 190.0, "bfloat16": 380.0}}
    (hint,) = advice(wide, "jax")
    assert "bfloat16 on tensorflow" in hint and "1.9 times" in hint
    assert advice(wide | {"jax": {"float32": 200.0, "bfloat16": 400.0}}, "jax")[0].startswith(
        "In bfloat16 on jax"
    )
    (hint,) = advice(wide | {"torch": {"float32": 400.0, "bfloat16": 410.0}}, "jax")
    assert hint.startswith("KERAS_BACKEND=torch multiplies matrices 2.0 times")


def test_doctor_survives_what_it_finds(monkeypatch):
    def broken(findings, hints):
        raise RuntimeError("out of order")

    monkeypatch.setattr("playmask.cli.actions.doctor._backend", broken)
    told = json.loads(call("doctor", "--json").stdout)
    assert any("out of order" in hint for hint in told["hints"])


def test_demo_passes_its_options_on(monkeypatch, tmp_path):
    seen = {}
    fake = types.ModuleType("playmask.experiments.demo")

    def run(directory, *, data=None, say):
        seen.update(at=directory, data=data)
        say("hi")

    fake.run = run
    monkeypatch.setitem(sys.modules, "playmask.experiments.demo", fake)
    result = call("demo", "--out", tmp_path / "d", "--data", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "hi\n")
    assert seen == {"at": tmp_path / "d", "data": tmp_path}


def test_a_task_is_pruned_to_texts_and_blocks(trained, tmp_path):
    """Of those texts it says the very same; with fewer blocks it is smaller still."""
    out, _ = trained
    texts = tmp_path / "texts.txt"
    texts.write_text("这书真好\n这菜真差\n", encoding="utf-8")
    result = call("prune", out, tmp_path / "fewer", "--texts", texts)
    assert result.exit_code == 0, result.stderr
    before, after = playmask.load_task(out), playmask.load_task(tmp_path / "fewer")
    assert len(after.tokenizer) == after.transformer.architecture.vocabulary == 11
    assert f"tokens: {len(before.tokenizer)} → 11 (" in result.stderr and "MB" in result.stderr
    before.transformer.tokenizer = None  # as of a model that was built, not loaded
    ids = [number for number in range(len(before.tokenizer))][::-1]
    turned = playmask.keep_tokens(before, ids)
    for text in ("这书真好", "这菜真差"):
        assert after.predict(text) == turned.predict(text) == before.predict(text)
    assert "not empty" in complaint(call("prune", out, tmp_path / "fewer", "--texts", texts))
    assert "whose tokens stay" in complaint(call("prune", out, tmp_path / "more"))
    assert "such as 0,4,8" in complaint(call("prune", out, tmp_path / "more", "--blocks", "a"))


def test_a_checkpoint_is_pruned_to_some_blocks(oracles, tmp_path):
    result = call("prune", oracles / GOOGLE, tmp_path / "short", "--blocks", "1")
    assert result.exit_code == 0, result.stderr
    assert "blocks: 2 → 1 (50%)" in result.stderr
    short = playmask.load(tmp_path / "short")
    assert short.head_names == ("mlm", "pool", "nsp") and short.architecture.depth == 1
    both = "numbers from 0 to 1 in rising order"
    assert both in complaint(call("prune", oracles / GOOGLE, tmp_path / "x", "--blocks", "1,0"))
