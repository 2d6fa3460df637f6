"""The model that comes along: small, offline, loaded by its name, for every kind of task."""

from pathlib import Path

import pytest

import playmask
from playmask.checkpoints import built_in
from playmask.errors import CheckpointError
from playmask.experiments import demo

FOLDER = built_in.folder_of("zh-small")
MEGABYTES = 20


@pytest.fixture(scope="module")
def encoder():
    return playmask.load_task("zh-small")


def test_every_model_is_there_with_its_card_and_its_notice():
    for name in built_in.MODELS:
        files = {file.name: file.stat().st_size for file in built_in.folder_of(name).iterdir()}
        assert {"README.md", "NOTICE", "weights.safetensors", "tokenizer.json"} <= set(files)
        assert sum(files.values()) < MEGABYTES * 1e6


def test_similar_sentences_are_closer_than_others(encoder):
    scores = encoder.similarity([(demo.QUESTION, answer) for answer in demo.ANSWERS])
    assert scores.argmax() == 0
    assert scores[0] > scores[1:].max() + 0.02


def test_gaps_are_filled_with_what_fits(encoder):
    model = playmask.load("zh-small", heads="mlm")
    assert not model.report.fresh
    (fills,) = playmask.MaskFill.new(model).predict("我每天早上[MASK]点起床。", best=20)
    assert {fill.text for fill in fills} & set("五六七八九")


def test_a_local_folder_of_the_name_comes_first(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("zh-small").mkdir()
    with pytest.raises(CheckpointError, match="zh-small holds no checkpoint"):
        playmask.load("zh-small")
    with pytest.raises(CheckpointError, match="no task in zh-small"):
        playmask.load_task("zh-small")
    with pytest.raises(CheckpointError, match="There is no checkpoint at zh-tiny"):
        playmask.load("zh-tiny")


def test_a_task_starts_from_it_and_is_saved(tmp_path):
    model = playmask.load("zh-small")
    task = playmask.TextClassifier.new(model, ["bad", "good"], max_length=8, pooling="mean")
    again = playmask.load_task(task.save(tmp_path / "saved"))
    assert again.predict("味道不错") == task.predict("味道不错")
