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


def test_gaps_are_filled_better_than_by_the_most_frequent_token():
    model = playmask.load("zh-small", heads="mlm")
    assert not model.report.fresh
    texts = ["图书馆每天上午九点开门，周末也可以借书。", "他在大学学习数学，毕业以后当了老师。"] * 8
    training = playmask.Pretraining.new("mlm", model, max_length=64)
    assert training.evaluate(texts)["accuracy"] > 0.1  # 0.048 of the most frequent one


def test_a_local_folder_of_the_name_comes_first(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("zh-small").mkdir()
    with pytest.raises(CheckpointError, match="zh-small holds no checkpoint"):
        playmask.load("zh-small")
    with pytest.raises(CheckpointError, match="no task in zh-small"):
        playmask.load_task("zh-small")


def test_a_misspelt_name_is_answered_with_the_right_one():
    for load in (playmask.load, playmask.load_task):
        with pytest.raises(
            CheckpointError, match="(in|at) zh-smal: .* Did you mean the built-in 'zh-small'"
        ):
            load("zh-smal")
    with pytest.raises(CheckpointError, match=r"at runs/none/there: .*data-…\)\.$"):
        playmask.load("runs/none/there")


def test_a_task_starts_from_it_and_is_saved(tmp_path):
    model = playmask.load("zh-small")
    task = playmask.TextClassifier.new(model, ["bad", "good"], max_length=8, pooling="mean")
    again = playmask.load_task(task.save(tmp_path / "saved"))
    assert again.predict("味道不错") == task.predict("味道不错")
