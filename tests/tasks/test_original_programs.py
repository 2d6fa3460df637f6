"""The original programs read what is saved, with the same outputs.

PLAYMASK_TRANSFORMERS names the Python of an environment with transformers, sentence-transformers
and PyTorch.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import playmask
from comparing import error, filled, tokens
from families.small import small
from playmask.model.masks import Ordered, Window
from playmask.model.parts import ByBlock, LlamaScaling, Rotary, YarnScaling
from tasks.made_up import model, tokenizer
from tasks.published_cases import CASES, FOLDER, RERANKERS, inputs_of, logits_of

PYTHON = os.environ.get("PLAYMASK_TRANSFORMERS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="PLAYMASK_TRANSFORMERS names no Python of transformers"),
]
NUMPY = {"tokens": "input_ids", "segments": "token_type_ids", "valid": "attention_mask"}


def original(*folders: Path) -> list[dict[str, list]]:
    """What the original programs compute."""
    script = Path(__file__).with_name("original_programs.py")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TRANSFORMERS_VERBOSITY": "error"}
    command = [PYTHON, str(script), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_inputs(folder: Path, inputs: dict[str, np.ndarray]) -> Path:
    """A folder that has the inputs beside it."""
    named = {NUMPY[name]: array.astype("int64") for name, array in inputs.items()}
    np.savez(folder / "inputs.npz", **named)
    return folder


def test_transformers_reads_every_head(tmp_path):
    tasks = {case: playmask.load_task(FOLDER / case) for case in CASES}
    folders = [
        with_inputs(task.save(tmp_path / case, "huggingface"), inputs_of(case))
        for case, task in tasks.items()
    ]
    for (case, task), theirs in zip(tasks.items(), original(*folders), strict=True):
        logits = [np.array(value, "float32") for value in theirs.values()]
        whole = logits[0] if len(logits) == 1 else np.stack(logits, -1)
        whole = whole if whole.ndim == 2 else whole[inputs_of(case)["valid"]]
        assert error(logits_of(task.network, case), whole) < 2e-5, case


def test_sentence_transformers_reads_rerankers(tmp_path):
    words = tokenizer()
    raw = playmask.build(model(words).architecture, "pool")
    own = playmask.Reranker.new(
        raw, tokenizer=words, pooling="pooled", activation="identity", max_length=20
    )
    tasks = [*map(playmask.load_task, RERANKERS.values()), own]
    pairs = [("一二三", "四五"), ("一", "二" * 40), ("七八", "九")]
    folders = [task.save(tmp_path / str(i), "huggingface") for i, task in enumerate(tasks)]
    for folder in folders:
        (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    for task, theirs in zip(tasks, original(*folders), strict=True):
        assert error(np.array(task.predict(pairs)), np.array(theirs["scores"])) < 1e-5
        assert theirs["length"] == [task.settings.max_length]


def test_transformers_reads_a_task_that_was_trained(tmp_path):
    words = tokenizer("好坏")
    raw = playmask.build(model(words).architecture, "pool")
    task = playmask.TextClassifier.new(
        raw, ["好评", "差评"], tokenizer=words, pooling="pooled", max_length=16
    )
    task.fit([("一好", "好评"), ("二坏", "差评")] * 4, epochs=1, batch_size=8, verbose=0)
    inputs = {"tokens": np.array([[2, 5, 6, 3]], "int32")}
    folder = with_inputs(task.save(tmp_path / "task", "huggingface"), inputs)
    ((logits,),) = (each.values() for each in original(folder))
    assert error(task.network(inputs)["logits"], np.array(logits)) < 2e-5


NEWER = {
    "modernbert": {},
    "gte": {},
    "nomic_bert": {},
    "llama": {"position": Rotary(500.0, halves=True, scaling=LlamaScaling(4.0, 4))},
    "qwen2": {"mask": ByBlock(((0, Ordered()),), Ordered() & Window(3))},
    "qwen3": {"position": Rotary(50.0, halves=True, scaling=YarnScaling(4.0, 16))},
}


def test_transformers_reads_families_that_were_never_loaded(tmp_path):
    """Windows, scaled positions and two kinds of blocks, by configurations that are ours."""
    models = [filled(small(name, pad=0, **own), ("mlm",)) for name, own in NEWER.items()]
    inputs = {"tokens": tokens(2, 9) % 37 + 2}
    folders = [
        with_inputs(playmask.save(each, tmp_path / each.architecture.family, "huggingface"), inputs)
        for each in models
    ]
    for each, theirs in zip(models, original(*folders), strict=True):
        right = np.array(theirs["logits"], "float32")
        assert error(each(inputs)["logits"], right) < 2e-5, each.architecture.family
