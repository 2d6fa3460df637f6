"""Finding mentions from the command line: train, evaluate, predict."""

import json

import pytest

from cli.commands import SMALL, call, complaint


def columns(path, count):
    lines = []
    for i in range(count):
        name = "高勇李明"[i % 3 : i % 3 + 2]
        lines += [f"{name[0]} B-NAME", f"{name[1]} I-NAME", "在 O", "家 O", ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind, more", [("tag", ("--scheme", "bmes")), ("spans", ())])
def test_from_columns_to_json(tmp_path, kind, more):
    out, file = tmp_path / "out", columns(tmp_path / "a.bio", 64)
    options = (*SMALL, "--epochs", 8, "--learning-rate", 0.01, *more)
    result = call("train", kind, file, "--validation", file, "--out", out, *options)
    assert result.exit_code == 0, result.stderr
    assert "64 examples for training, 64 for validation; labels NAME (64)" in result.stderr
    assert f"playmask annotate {out}" in result.stderr
    result = call("evaluate", out, file, "--json")
    assert json.loads(result.stdout)["f1"] > 0.9, result.stdout
    result = call("predict", out, "--text", "高勇在家")
    (mention,) = json.loads(result.stdout)["mentions"]
    result = call("annotate", out, "--text", "高勇在家", "--text", "李明在家")
    assert result.stdout.splitlines() == ["高勇[NAME]在家", "李明[NAME]在家"]
    write = tmp_path / "texts.txt"
    write.write_text("高勇在家\n\n李明在家\n", encoding="utf-8")
    assert "texts.txt:2: The line is empty" in complaint(call("annotate", out, write))
    page = tmp_path / "page.html"
    result = call("annotate", out, write, "--out", page, "--skip-bad")
    assert "1 bad line" in result.stderr and f"The page is {page}" in result.stderr
    assert "2 mentions in 2 texts" in page.read_text(encoding="utf-8")
    for wrong, said in ((("--out", "a.pdf"), "is an .html"), ((write,), "not both")):
        assert said in complaint(call("annotate", out, "--text", "高", *wrong))
    assert 0.5 < mention.pop("score") <= 1
    assert mention == {"start": 0, "end": 2, "label": "NAME", "text": "高勇"}


def test_what_is_refused(tmp_path):
    out, file = tmp_path / "out", tmp_path / "a.bio"
    file.write_text("在 O\n家 O\n", encoding="utf-8")
    result = call("train", "tag", file, "--new", "--out", out)
    assert "1 texts and nothing to find in them" in complaint(result)
    result = call("train", "tag", columns(file, 4), "--new", "--out", out, "--tagger", "crff")
    assert "no tagger 'crff'. Did you mean 'crf'?" in complaint(result)
    result = call("train", "tag", file, "--new", "--out", out, "--labels", "ORG")
    assert "a.bio:1: The label 'NAME' is not one of the labels" in complaint(result)
    result = call("train", "tag", file, "--new", "--out", out, "--columns", "text")
    assert "columns= is for a table" in complaint(result)
    assert not out.exists()
