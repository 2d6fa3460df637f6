"""`playmask export`: tasks and checkpoints from the command line."""

import json
import subprocess
import sys

import keras
import pytest

import playmask
from cli.commands import call, complaint
from tasks.every_task import MAKE, WORDS
from tasks.made_up import model

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")


LIGHT = """
import atexit, sys
atexit.register(lambda: print(*{"keras", "jax", "torch", "tensorflow", "scipy"} & {*sys.modules}))
from playmask.cli import main
main(sys.argv[1:])
"""


def test_a_task_is_exported_and_predicts_without_keras(tmp_path):
    task = MAKE["tag"]()
    task.save(tmp_path / "task")
    said = call("export", tmp_path / "task", tmp_path / "out", "--json")
    graph = json.loads(said.stdout)["graphs"]["model.onnx"]
    assert graph["difference"] <= 2e-5 and (tmp_path / "out" / "task.json").is_file()
    line = ["predict", str(tmp_path / "out"), "--text", "零一二三"]
    command = [sys.executable, "-c", LIGHT, *line]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    answer, heavy = done.stdout.splitlines()
    assert heavy == "" and json.loads(answer)["text"] == "零一二三"
    assert answer == call("predict", tmp_path / "task", *line[2:]).stdout.strip()


def test_a_checkpoint_is_exported_and_of_a_task_nothing_is_chosen(tmp_path):
    playmask.save(model(WORDS, depth=1), tmp_path / "model", tokenizer=WORDS)
    call("export", tmp_path / "model", tmp_path / "out", "--mask", "lm", "--cached")
    said = json.loads((tmp_path / "out" / "export.json").read_text("utf-8"))
    assert "past/order" in said["graphs"]["model.onnx"]["inputs"]
    MAKE["tag"]().save(tmp_path / "task")
    message = complaint(call("export", tmp_path / "task", tmp_path / "no", "--cached"))
    assert "is a task" in message and not (tmp_path / "no").exists()


def test_weights_in_8_bits_are_measured(tmp_path):
    MAKE["tag"]().save(tmp_path / "task")
    (tmp_path / "valid.jsonl").write_text(
        json.dumps({"text": "零一二", "entities": [[0, 1, "甲"]]}) + "\n", "utf-8"
    )
    bits = ("--quantize", "int8", "--evaluate", tmp_path / "valid.jsonl", "--max-loss", "0.5")
    said = call("export", tmp_path / "task", tmp_path / "out", *bits, "--json")
    assert json.loads(said.stdout)["quantization"]["comparison"]["measure"] == "f1"
    shown = call("export", tmp_path / "task", tmp_path / "out", "--quantize", "int8").stdout
    assert "weights in float32" in shown and "activations" in shown
    message = complaint(call("export", tmp_path / "task", tmp_path / "no", *bits[2:]))
    assert "--evaluate is about weights in 8 bits; give --quantize int8" in message
