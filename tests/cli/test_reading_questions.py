"""Questions about passages from the command line: train, evaluate by a rule, predict, hand in."""

import json

import pytest

from cli.commands import SMALL, call, complaint, write_table

NAMES = "高勇李明王芳"
READER = [*SMALL, "--max-length", 32, "--max-answer", 4, "--epochs", 10]


def squad(path, count, shift=0, **more):
    """Who lives in which town; the answers' places are off by a shift."""
    paragraphs = []
    for i in range(count):
        name, town = NAMES[i % 5 : i % 5 + 2], "京沪津"[i % 3]
        asked = {"id": f"Q{i}", "question": "谁？", **more}
        answer = {"text": name, "answer_start": 2 + shift}
        paragraphs.append(
            {"context": f"{town}有{name}在。", "qas": [asked | {"answers": [answer]}]}
        )
    held = {"data": [{"paragraphs": paragraphs}]}
    path.write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["read", "read-copying"])
def test_from_passages_to_a_submission(tmp_path, kind):
    out, file = tmp_path / "out", squad(tmp_path / "a.json", 48)
    result = call("train", kind, file, "--validation", file, "--out", out, *READER)
    assert result.exit_code == 0, result.stderr
    assert "48 examples for training, 48 for validation" in result.stderr
    assert f"playmask predict {out} --text QUESTION --pair PASSAGE" in result.stderr
    scores = json.loads(call("evaluate", out, file, "--metric", "cmrc", "--json").stdout)
    assert 0.6 < scores["f1"] <= 1 and scores["examples"] == 48 and scores["skipped"] == 0, scores
    wrong = call("evaluate", out, file, "--metric", "bleu")
    assert f"a task {kind!r} knows dureader, cmrc, squad" in complaint(wrong)
    result = call("predict", out, "--text", "谁？", "--pair", "京有高勇在。")
    answer = json.loads(result.stdout)
    assert list(answer) == ["question", "answer", "start", "end", "score"]
    assert "京有高勇在。"[answer["start"] : answer["end"]] == answer["answer"]
    assert "not (question, passage)" in complaint(call("predict", out, "--text", "谁？"))
    lines = call("predict", out, file).stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"Q{i}" for i in range(48)]
    table = write_table(tmp_path / "a.tsv", [("谁？", "京有高勇在。")])
    assert json.loads(call("predict", out, table).stdout) == answer
    handed = tmp_path / "answers.json"
    result = call("predict", out, file, "--submission", handed)
    assert result.stdout == "" and f"48 answers are in {handed}" in result.stderr
    answers = json.loads(handed.read_text(encoding="utf-8"))
    assert answers == {each["id"]: each["answer"] for each in map(json.loads, lines)}


def test_what_is_refused(tmp_path):
    out, good = tmp_path / "out", squad(tmp_path / "good.json", 8)
    bad = squad(tmp_path / "bad.json", 8, shift=1)
    result = call("train", "read", bad, "--out", out, *READER)
    assert "bad.json:Q0: text[3:5] is '勇在', but '高勇' is stated: it stands at 2" in complaint(
        result
    )
    result = call("train", "read", bad, "--out", out, *READER, "--skip-bad")
    assert "of 8 bad ones the first" in complaint(result)
    result = call("train", "read", good, "--out", out, *READER, "--method", "pointing")
    assert "no method 'pointing'" in complaint(result)
    result = call("train", "read", good, "--out", out, *READER, "--max-answer", 20)
    assert "Answers may have 20 tokens; windows of 32 share 7" in complaint(result)
    result = call("train", "read", tmp_path / "a.tsv", "--out", out, *READER)
    assert "The format is none of .json, .jsonl" in complaint(result)
    assert not out.exists()
