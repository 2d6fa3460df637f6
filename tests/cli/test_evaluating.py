"""What `playmask evaluate` shows: scores by class, confusions, every answer beside its target."""

import json

import pytest

from cli.commands import SMALL, call, complaint, write_table


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A tagger, and the file it was trained on."""
    folder = tmp_path_factory.mktemp("tagger")
    file = folder / "train.jsonl"
    rows = [
        {"text": text, "mentions": [{"start": 0, "end": 2, "label": label}]}
        for text, label in [("王芳在家", "PER"), ("北京很大", "LOC")] * 8
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = call("train", "tag", file, "--out", folder / "out", *SMALL, "--epochs", 25)
    assert result.exit_code == 0, result.stderr
    return folder / "out", file


def test_scores_by_class_and_a_matrix(task, data):
    shown = call("evaluate", task, data / "valid.tsv").stdout
    head, rows = shown.split("by class")
    assert "accuracy" in head and "macro_f1" in head
    assert "precision" in rows and "support" in rows and "rows: targets" in rows
    good = next(line for line in rows.splitlines() if line.strip().startswith("好评"))
    assert good.split()[1:] == ["1.0000", "1.0000", "1.0000", "10"]
    measured = json.loads(call("evaluate", task, data / "valid.tsv", "--json").stdout)
    assert measured["by_class"]["差评"]["support"] == 10


def test_wrong_answers_stand_beside_the_right_ones(task, tmp_path):
    file = write_table(tmp_path / "wrong.tsv", [("这书真好", "差评"), ("这书真差", "差评")])
    out, picture = tmp_path / "answers.jsonl", tmp_path / "confusion.png"
    result = call("evaluate", task, file, "--output", out, "--confusion", picture)
    assert result.exit_code == 0, result.stderr
    assert "2 answers, each beside the right one" in result.stderr
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["这书真好", "这书真差"]
    assert [line["target"] for line in lines] == [{"label": "差评"}] * 2
    assert [line["answer"]["label"] for line in lines] == ["好评", "差评"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    bad = next(line for line in result.stdout.split("by class")[1].splitlines() if "差评" in line)
    assert bad.split()[1:] == ["1.0000", "0.5000", "0.6667", "2"]


def test_extractions_too(tagger, tmp_path):
    task, file = tagger
    out = tmp_path / "answers.jsonl"
    result = call("evaluate", task, file, "--output", out, "--confusion", tmp_path / "a.svg")
    assert result.exit_code == 0, result.stderr
    rows = result.stdout.split("by class")[1]
    assert "PER" in rows and "LOC" in rows and "–" in rows
    line = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    assert line["target"]["mentions"][0]["label"] == "PER"
    assert line["answer"]["mentions"][0]["text"] == "王芳"
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_the_title_is_whole(task, data):
    """However long it is beside the table."""
    title, blank, *_ = call("evaluate", task, data / "valid.tsv").stdout.splitlines()
    assert (title, blank) == (f"{task} on {data / 'valid.tsv'}", "")


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--confusion", "a.gif", "format is 'gif'"),
        ("--confusion", "none/a.png", "cannot be written"),
        ("--output", "none/a.jsonl", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_read(
    task, tmp_path, option, name, said
):
    nowhere = tmp_path / "nowhere.tsv"
    assert said in complaint(call("evaluate", task, nowhere, option, tmp_path / name))


def test_tasks_without_answers_or_classes_say_so(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("今天下雨\n明天天晴\n" * 8, encoding="utf-8")
    out = tmp_path / "out"
    result = call("train", "language-model", texts, "--out", out, *SMALL, "--epochs", 1)
    assert result.exit_code == 0, result.stderr
    said = "compares no answers; --output is not for it"
    assert said in complaint(call("evaluate", out, texts, "--output", tmp_path / "a.jsonl"))
    pairs = write_table(tmp_path / "a.tsv", [("一", "二", "1"), ("三", "四", "2")] * 4)
    result = call("train", "pair", pairs, "--out", tmp_path / "pair", *SMALL, "--epochs", 1)
    assert result.exit_code == 0, result.stderr
    result = call("evaluate", tmp_path / "pair", pairs, "--output", tmp_path / "b.jsonl")
    assert "by class" not in result.stdout
    line = json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert line["target"] == {"score": 1.0} and 1 <= line["answer"]["score"] <= 2
    nowhere = tmp_path / "nowhere.tsv"  # it is refused before anything is read
    wrong = call("evaluate", tmp_path / "pair", nowhere, "--confusion", tmp_path / "c.png")
    assert "has no classes; --confusion is not for it" in complaint(wrong)
