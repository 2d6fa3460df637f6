"""sentence-transformers itself reads what is saved, and makes the same vectors of texts.

PLAYMASK_TRANSFORMERS names the Python of an environment with sentence-transformers.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import playmask
from comparing import error
from tasks.made_up import model, tokenizer
from tasks.test_published_encoders import CASES, ORACLES, OWN, copy_of, oracle

PYTHON = os.environ.get("PLAYMASK_TRANSFORMERS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="PLAYMASK_TRANSFORMERS names no Python of transformers"),
]


def encoders(folder: Path) -> dict[str, playmask.SentenceEncoder]:
    """Those of the oracles, and of what they do not have: steps, poolings, prompts, BERT's own."""
    tasks = {case: playmask.load_task(ORACLES / case) for case in CASES}
    options = {"language_model": 0, "max_length": 16, "empty": True}
    encoder, new = playmask.load(ORACLES / "mean"), playmask.SentenceEncoder.new
    tasks["steps"] = new(encoder, pooling="first+mean_max", steps=OWN, **options)
    for pooling in ("weighted_mean+mean_sqrt_length", "max", "last+weighted_mean"):
        tasks[pooling] = new(encoder, pooling=pooling, steps=[], comparison="dot", **options)
    prompts = {"prompts": {"query": "天：", "passage": ""}, "prompt": "query"}
    tasks["prompts"] = new(encoder, pooling="mean", **prompts, **options)
    words = tokenizer("今天天气很好，适合出门散步。花呗怎么还款？")
    tasks["own"] = new(model(words), pooling="mean", tokenizer=words, **options)
    mixed = copy_of("mean", folder / "mixed")  # pads with 0 and with 1, as e5
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ORACLES / "xlmr_last" / name, mixed / name)
    tasks["pads"] = playmask.load_task(mixed)
    lower = {"do_lower_case": True, "max_seq_length": 40}
    tasks["lower"] = playmask.load_task(
        copy_of("xlmr_mean_normalize", folder / "lower", sentence_bert_config=lower)
    )
    return tasks


def original_vectors(texts: list[str], folders: list[Path], beside: Path) -> list[dict]:
    """What sentence-transformers makes of texts, by each of several folders."""
    beside.write_text(json.dumps(texts), "utf-8")
    script = Path(__file__).with_name("sentence_transformers_vectors.py")
    command = [PYTHON, str(script), str(beside), *map(str, folders)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TRANSFORMERS_VERBOSITY": "error"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / "vectors.npz")) for folder in folders]


def compare(task: playmask.SentenceEncoder, texts: list[str], theirs: dict, bound: float) -> None:
    """The vectors of texts, plain and behind each prompt, and the similarity of two."""
    assert error(task.encode(texts), theirs["own:plain"]) < bound
    for prompt in task.settings.prompts:
        assert error(task.encode(texts, prompt=prompt.name), theirs[prompt.name]) < bound
    assert theirs["own:length"] == task.settings.max_length
    likeness = task.similarity([(texts[0], texts[1])])
    assert likeness == pytest.approx(theirs["own:similarity"][0], rel=1e-4)


def test_sentence_transformers_reads_what_is_saved(tmp_path):
    texts, _ = oracle("mean")
    tasks = encoders(tmp_path)
    folders = [
        task.save(tmp_path / f"saved{number}", "sentence-transformers")
        for number, task in enumerate(tasks.values())
    ]
    theirs = original_vectors(texts, folders, tmp_path / "texts.json")
    for (name, task), vectors in zip(tasks.items(), theirs, strict=True):
        try:
            compare(task, texts, vectors, 1e-5)
        except AssertionError as wrong:
            raise AssertionError(f"{name}: {wrong}") from wrong
