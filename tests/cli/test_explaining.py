"""`playmask explain`: in the terminal, as JSON, as a picture and as a page."""

import json
import re

import pytest

from cli.commands import call, complaint

TEXT = "这书真好 不"


def test_a_table_where_there_is_no_colour(task):
    result = call("explain", task, TEXT)
    assert result.exit_code == 0, result.stderr
    assert re.match(r"好评, probability 0\.\d+ \(log-odds [+-]\d", result.stdout)
    scores = dict(re.findall(r"^ *(\S) +([+-]\d\.\d{4})$", result.stdout, re.MULTILINE))
    assert set(scores) == set("这书真好不")
    assert "Integrated gradients, " in result.stdout and "%." in result.stdout


def test_colours_in_a_terminal(task, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    printed = call("explain", task, "这书真好\x1b]0;evil\x07").stdout
    assert re.search(r"\x1b\[38;2;31;42;58;48;2;239;125;107m.", printed)  # the strongest, in full
    assert "against -" in printed and "\x1b]" not in printed
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call("explain", task, "这书真好").stdout


def test_json(task):
    found = json.loads(call("explain", task, TEXT, "--answer", "差评", "--json").stdout)
    assert (found["text"], found["answer"], found["baseline"]) == (TEXT, "差评", "mask")
    total = sum(token["score"] for token in found["tokens"])
    assert total - (found["value"] - found["baseline_value"]) == pytest.approx(
        found["gap"], abs=1e-5
    )
    assert found["relative_gap"] <= 0.01 and found["steps"] >= 16
    parts = [token["of"] for token in found["tokens"]]
    assert parts == ["special", *["text"] * 5, "special"]
    assert [TEXT[slice(*token["span"])] for token in found["tokens"][1:-1]] == list("这书真好不")


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.html"])
def test_files(task, tmp_path, name):
    result = call("explain", task, TEXT, "--out", tmp_path / name, "--steps", 32)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    assert name in result.stderr and [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("",), "The text has no tokens"),
        (("好", "--answer", "好平"), "no answer '好平'. Known: '好评', '差评'"),
        (("好", "--baseline", "nothing"), "no baseline 'nothing'"),
        (("好", "--pair", "乙"), "trained on single texts"),
        (("好", "--steps", "0"), "--steps"),
        (("好", "--out", "a.gif"), "format is 'gif'"),
        (("好", "--out", "nowhere/a.html"), "cannot be written"),
    ],
)
def test_what_is_refused(task, arguments, said):
    assert said in complaint(call("explain", task, *arguments))


def test_no_task(tmp_path):
    assert "There is no task in" in complaint(call("explain", tmp_path, "好"))


def test_help():
    result = call("explain", "--help")
    assert result.exit_code == 0 and "Usage: playmask explain" in result.stdout
