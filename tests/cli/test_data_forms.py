"""One reading of a file by all commands, and what is said of what was guessed, cut or left out."""

import json
import re

import pytest

import playmask
from cli.commands import SMALL, call, complaint, reviews, write_table
from playmask.errors import DataError
from playmask.tasks import training


def write(path, *lines):
    text = (
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in lines
    )
    path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return path


def train(kind, file, out, *more, epochs=1):
    result = call("train", kind, file, "--out", out, *SMALL, "--epochs", epochs, *more)
    assert result.exit_code == 0, result.stderr
    return result


def predicted(task, file, *more):
    result = call("predict", task, file, *more)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv"])
def test_the_form_of_training_is_predicted(task, tmp_path, name):
    """The labels beside texts are no part of them."""
    rows = reviews(8)
    file = write_table(tmp_path / name, rows)
    assert [r["text"] for r in predicted(task, file)] == [text for text, _ in rows]
    wrong = write_table(tmp_path / f"b{name}", [("甲", "乙"), ("丙", "丁")])
    assert "a second column that is none of the labels ('乙')" in complaint(
        call("predict", task, wrong)
    )


def test_several_labels_are_predicted_from_the_form_of_training(tmp_path):
    rows = [("这书好", "好|书"), ("这菜差", ""), ("这菜好", "好")] * 4
    file = write_table(tmp_path / "a.txt", rows)
    train("classify", file, tmp_path / "out", "--multiple")
    assert [r["text"] for r in predicted(tmp_path / "out", file)] == [text for text, _ in rows]


def test_pairs_say_the_way_out(tmp_path):
    rows = [("甲", "乙", "1"), ("丙", "丁", "2")] * 4
    file = write_table(tmp_path / "a.txt", rows)
    train("classify", file, tmp_path / "out")
    assert [(r["text"], r["pair"]) for r in predicted(tmp_path / "out", file)] == [
        r[:2] for r in rows
    ]
    lines = write(tmp_path / "b.txt", "甲", "乙")
    said = complaint(call("predict", tmp_path / "out", lines))
    assert "give --pair, or a file of two columns" in said


def test_tags_are_no_texts(tmp_path):
    file = write(tmp_path / "a.txt", "王 B-PER", "芳 I-PER", "在 O", "")
    train("tag", file, tmp_path / "out")
    said = complaint(call("predict", tmp_path / "out", file))
    assert "The file holds tags, not texts" in said
    texts = write(tmp_path / "b.txt", "王芳在", "王芳\t在")
    assert [r["text"] for r in predicted(tmp_path / "out", texts)] == ["王芳在", "王芳\t在"]
    table = write(
        tmp_path / "c.csv", "text,start,end,label", "王芳在,0,2,PER", "王芳在,2,3,X", "在,,,"
    )
    assert [r["text"] for r in predicted(tmp_path / "out", table)] == ["王芳在", "在"]


def test_words_between_spaces_are_no_part_of_the_text(tmp_path):
    file = write(tmp_path / "a.txt", *["张三 在 北京", "我 爱 你"] * 4)
    said = train("tag", file, tmp_path / "out").stderr
    assert "words between spaces" in said
    assert [r["text"] for r in predicted(tmp_path / "out", file)] == ["张三在北京", "我爱你"] * 4
    texts = write(tmp_path / "b.txt", "张三在北京", "I am here")
    assert [r["text"] for r in predicted(tmp_path / "out", texts)] == ["张三在北京", "I am here"]


def test_what_was_guessed_is_said(tmp_path):
    file = write(
        tmp_path / "a.csv",
        "id;review;sentiment",
        *(f"{i};{t};{y}" for i, (t, y) in enumerate(reviews(8))),
    )
    out = tmp_path / "out"
    said = train("classify", file, out, "--validation", file).stderr
    assert said.count(f"{file}: columns are read as separated by ';'") == 2
    assert "columns that are not read: id" in said
    assert "not read: id" in call("evaluate", out, file).stderr
    assert len(predicted(out, file)) == 8
    json_lines = write(tmp_path / "a.jsonl", *({"t": t, "y": y} for t, y in reviews(8)))
    assert "--columns text=NAME" in complaint(call("evaluate", out, json_lines))
    assert call("evaluate", out, json_lines, "--columns", "text=t,label=y").exit_code == 0
    assert len(predicted(out, json_lines, "--columns", "text=t")) == 8


SEVERAL = "seems to be several labels; .*--multiple --separator"
LABELS = {
    "several": (["game,long", "game", "long"] * 4, f"'game,long' {SEVERAL} ','"),
    "several, never alone": (["a、b", "b、c", "a、c", "a、b、c"] * 3, f"{SEVERAL} '、'"),
    "scores": (["0.0", "2.5", "5.0", "4.8"] * 3, "scores, 0.0 to 5.0; playmask train regress"),
    "texts": ([f"第{i}句" for i in range(12)], "the other way round, give --columns label,text"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_are_something_else(tmp_path, kind):
    labels, message = LABELS[kind]
    texts = ["好", "坏"] * 6 if kind == "texts" else [f"这是{i}" for i in range(12)]
    file = write_table(tmp_path / "a.tsv", zip(texts, labels, strict=True))
    result = call("train", "classify", file, "--out", tmp_path / "out", *SMALL)
    assert re.search(message, complaint(result)), result.stderr
    assert not (tmp_path / "out").exists()


def learnt(file, **options):
    """The settings of a classifier after it has read its training data."""
    kind = playmask.TextClassifier
    settings = kind.settings_class.of(**options)
    return kind.learn(settings, kind.parse(settings, file))


def test_the_other_separator_of_several_labels(tmp_path):
    rows = [("甲", "game,long"), ("乙", "game"), ("丙", "long")] * 4
    file = write_table(tmp_path / "a.tsv", rows)
    with pytest.raises(DataError, match="may have several with --separator ','"):
        learnt(file, multiple=True)
    assert learnt(file, multiple=True, separator=",").labels == ("game", "long")


def test_names_that_only_look_like_lists_can_be_named(tmp_path):
    rows = [("甲", "pos"), ("乙", "neg"), ("丙", "pos|neg")] * 4
    names = ("pos", "neg", "pos|neg")
    assert learnt(write_table(tmp_path / "a.tsv", rows), labels=names).labels == names
    rows = [("甲", "0.5"), ("乙", "1.0"), ("丙", "1.5")] * 4
    names = ("0.5", "1.0", "1.5")
    assert learnt(write_table(tmp_path / "a.tsv", rows), labels=names).labels == names


NAMES = [{"start": 0, "end": 2, "label": "PER"}]


def mentions(path, *labels, text="王芳 在家"):
    return write(
        path, *({"text": text, "mentions": [NAMES[0] | {"label": each}]} for each in labels)
    )


def test_a_label_that_only_validation_has(tmp_path):
    """It is measured, as by evaluate, and said; no line is refused or left out."""
    file = mentions(tmp_path / "a.jsonl", *["PER"] * 8)
    valid, out = mentions(tmp_path / "b.jsonl", "PER", "LOC"), tmp_path / "out"
    said = train("tag", file, out, "--validation", valid, "--skip-bad", epochs=12)
    assert "8 examples for training, 2 for validation" in said.stderr
    assert f"{valid}: labels that were not learnt count as missed: 'LOC' (1)" in said.stderr
    history = json.loads((out / "training.json").read_text())
    for more in ((), ("--skip-bad",)):
        result = call("evaluate", out, valid, "--json", *more)
        measured = json.loads(result.stdout)
        assert measured["examples"] == 2 and "not learnt count as missed" in result.stderr
        assert measured["f1"] == pytest.approx(max(history["val_f1"]))


def test_refusals_name_the_way_out(tmp_path):
    over = write(
        tmp_path / "a.jsonl",
        {"text": "王芳在", "mentions": [*NAMES, {"start": 0, "end": 1, "label": "X"}]},
    )
    said = complaint(call("train", "tag", over, "--out", tmp_path / "out", *SMALL))
    assert "playmask train spans" in said and said.endswith("--skip-bad leaves such lines out.")
    many = write_table(tmp_path / "b.tsv", [(f"第{i}句", f"类{i % 20}") for i in range(80)])
    valid = write_table(tmp_path / "c.tsv", [("第一句", "另一个")])
    line = ("train", "classify", many, "--validation", valid, "--out", tmp_path / "out", *SMALL)
    said = complaint(call(*line))
    assert "'另一个' is not one of the labels" in said and "--skip-bad" in said and len(said) < 500


def test_places_are_noted_by_train_and_evaluate(tmp_path):
    file = write(
        tmp_path / "a.jsonl",
        *[{"text": "王芳 在家", "mentions": [{"start": 0, "end": 3, "label": "PER"}]}] * 8,
    )
    said = train("tag", file, tmp_path / "out").stderr
    note = f"{file}: white space at the ends of 8 mentions is no part"
    assert said.count(note) == 1
    assert note in call("evaluate", tmp_path / "out", file).stderr


def test_a_part_of_the_validation_is_said_where_its_measure_is_printed(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "MEASURED", 4)
    file, valid = mentions(tmp_path / "a.jsonl", *["PER"] * 4), tmp_path / "b.jsonl"
    mentions(valid, *["PER"] * 7)
    shown = train("tag", file, tmp_path / "out", "--validation", valid).stdout
    assert "f1 (on 4 of the 7 for validation)" in shown


def test_plain_texts_have_no_second_column(tmp_path):
    file = write_table(tmp_path / "a.tsv", [("今天下雨", "明天天晴")] * 4)
    said = complaint(call("train", "language-model", file, "--out", tmp_path / "out", *SMALL))
    assert "a.tsv:1: There is a second column ('明天天晴')" in said and "--columns text,_" in said
    train("language-model", file, tmp_path / "out", "--columns", "text,_")
    file = write(tmp_path / "a.txt", "今天下雨\t明天", "今天\t天晴")
    train("mask-fill", file, tmp_path / "fill")
    said = complaint(call("predict", tmp_path / "fill", file))
    assert "has no [MASK] to fill: '今天下雨\\t明天'" in said
