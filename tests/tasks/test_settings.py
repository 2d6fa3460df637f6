"""Settings that cannot be are refused, and what only the data say is learnt as it is."""

import json

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY
from playmask.errors import CheckpointError, ConfigError, DataError
from playmask.model.parts import Learned
from tasks.made_up import tokenizer

WORDS = tokenizer("很好差，")
PATTERN = {"labels": ["good", "bad"], "words": ["好", "差"]}


def new_task(name, *values, heads=(), **options):
    keras.utils.set_random_seed(3)
    body = TINY.change(vocabulary=len(WORDS), pad=WORDS.pad, position=Learned(32))
    options = {"tokenizer": WORDS, "max_length": 16, **options}
    return getattr(playmask, name).new(playmask.build(body, heads), *values, **options)


def pattern(text, **options):
    return new_task("PatternClassifier", heads="mlm", **{**PATTERN, "pattern": text, **options})


def test_labels_may_be_an_array():
    assert new_task("TextClassifier", np.array(["a", "b"])).labels == ("a", "b")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("TextClassifier", {"labels": ["a", ""]}, "Each label needs a name"),
        ("TextClassifier", {"labels": ["a", "b"], "separator": ""}, "The separator is empty"),
        ("TextRegressor", {"separator": ""}, "The separator is empty"),
        ("TextRegressor", {"numbers": 2, "mean": (1.0,)}, "mean is .*; 2 finite numbers are due"),
        ("TextRegressor", {"deviation": (float("inf"),)}, "1 finite numbers are due"),
        ("TextRegressor", {"deviation": (0.0,)}, "A deviation is above 0"),
        ("SentencePair", {"scale": (0, 1, 2)}, "the lowest and the highest score are due"),
        ("SentencePair", {"scale": (1, 1)}, "the lowest and the highest score are due"),
    ],
)
def test_settings_that_cannot_be(name, options, message):
    with pytest.raises(ConfigError, match=message):
        new_task(name, **options)


def test_labels_are_whole_characters():
    with pytest.raises(ConfigError, match="half a character"):
        new_task("TextClassifier", ["a", "\ud83d"])


def test_words_are_those_of_named_labels():
    with pytest.raises(ConfigError, match="name the labels too"):
        pattern("{text}[MASK]", labels=[])


def test_a_pattern_without_a_place_for_it_takes_no_second_text():
    task = pattern("{text}[MASK]")
    with pytest.raises(DataError, match="Text 0: The pattern has no place for a {pair}"):
        task.predict(("一", "二"))
    with pytest.raises(DataError, match="Example 0: The pattern has no place for a {pair}"):
        task.fit([("一", "二", "good"), ("二", "一", "bad")], epochs=1, verbose=0)
    with pytest.raises(DataError, match="Example 0: The pattern has a place for a {pair}"):
        pattern("{text}[MASK]{pair}").evaluate([("一", "good")])


def test_a_pattern_leaves_room_for_a_text():
    with pytest.raises(ConfigError, match="max_length is 16, but the pattern alone has 17 tokens"):
        pattern("{text}[MASK]" + "很" * 14)


def test_equal_scores_are_nothing_to_learn_however_their_mean_is_rounded():
    with pytest.raises(DataError, match="nothing to learn"):
        new_task("TextRegressor").fit([("一", 0.1)] * 7, epochs=1, verbose=0)


def test_large_scores_are_not_rounded_before_their_mean_is_taken_out():
    task = new_task("TextRegressor", mean=(1e9,), deviation=(1.0,))
    assert task.space.targets([(1e9 - 1,), (1e9 + 1,)]).tolist() == [[-1], [1]]


def test_a_pair_without_a_score_is_named_or_left_out(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"text": "一", "pair": "二", "score": i} for i in (0, None, 1)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = new_task("SentencePair")
    with pytest.raises(DataError, match=r"a\.jsonl:2: It has no score; all pairs need one"):
        task.parse(task.settings, file)
    examples = task.parse(task.settings, file, skip_bad=True)
    assert [example.label for example in examples] == [0, 1] and len(examples.skipped) == 1


def test_texts_of_no_label_at_all(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("text\tlabel\n一\t\n二\t\n", encoding="utf-8")
    kind = playmask.TextClassifier
    settings = kind.settings_class(multiple=True)
    with pytest.raises(DataError, match=r"a\.tsv: No text has a label"):
        kind.learn(settings, kind.parse(settings, file))


@pytest.mark.parametrize(
    ("name", "options", "cells"),
    [
        ("TextClassifier", {"labels": ["a|b", "c"]}, ["a|b", " c"]),
        ("TextClassifier", {"labels": ["a", "b"], "multiple": True}, ["a|b", "|b|", "a"]),
        ("TextRegressor", {}, ["0.5", "-3"]),
        ("TextRegressor", {"numbers": 2, "separator": ";"}, ["0.5;1", "-3; 2"]),
    ],
)
def test_a_labelled_table_can_be_predicted(tmp_path, name, options, cells):
    """Its second column holds labels as the task has them, and no texts of pairs."""
    file = tmp_path / "a.tsv"
    file.write_text("".join(f"一\t{cell}\n" for cell in cells), encoding="utf-8")
    task = new_task(name, **options)
    assert [task.input_of(example) for example in task.read_inputs(file)] == ["一"] * len(cells)
    file.write_text("一\t二\n", encoding="utf-8")
    task.settings = task.settings.change(pairs=False)
    with pytest.raises(DataError, match="none of the labels"):
        task.read_inputs(file)


def test_a_space_is_made_once_for_its_settings():
    task = new_task("SentencePair")
    before = task.space
    assert before is task.space
    task.settings = task.settings.change(scale=(0, 5))
    assert task.space is not before and task.space.high == 5


def test_what_is_measured_is_checked_once(monkeypatch):
    task = new_task("MaskFill", heads="mlm")
    examples = task.read_references(["一二"])
    monkeypatch.setattr(type(task), "check", None)
    assert task.evaluate(examples)["examples"] == 1


def test_an_encoder_ignores_no_option():
    task = new_task("SentenceEncoder", language_model=0)
    with pytest.raises(TypeError, match="best"):
        task.predict("一", best=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": ["classify"]}, "holds a task \"\\['classify'\\]\""),
        ({"training": 5}, "`training` is 5"),
        ({"format": 1}, "of format 1; this playmask reads format 2.$"),
    ],
)
def test_a_task_json_that_cannot_be(tmp_path, change, message):
    new_task("TextClassifier", ["a", "b"]).save(tmp_path)
    file = tmp_path / "task.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        playmask.load_task(tmp_path)


def test_a_label_that_is_no_number_is_no_name(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"text": "一", "label": label} for label in (float("nan"), 1.5, 2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    kind = playmask.TextClassifier
    with pytest.raises(DataError, match=r"a\.jsonl:1: The label is nan; a string or a number"):
        kind.parse(kind.settings_class(), file)
    examples = kind.parse(kind.settings_class(), file, skip_bad=True)
    assert [example.label for example in examples] == ["1.5", "2"]


def test_a_training_that_is_refused_changes_no_settings():
    """A regressor that forgot its mean would answer in other units than before."""
    task = new_task("TextRegressor")
    task.fit([("一", 1), ("二", 3)], epochs=1, verbose=0)
    before = task.settings
    with pytest.raises(DataError, match="which is no number"):
        task.fit([("一", 100), ("二", 300)], [("一", "many")], epochs=1, verbose=0)
    assert task.settings == before and task.settings.mean == (2,)
