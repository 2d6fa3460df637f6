"""Relations and events from the command line: train, evaluate, predict, hand in, annotate."""

import json

import pytest

import playmask
from cli.commands import SMALL, call, complaint
from playmask.errors import DataError
from tasks.made_up import model, tokenizer

PEOPLE = ["高勇", "李明", "王芳"]


def relations(path, count):
    """DuIE's lines: who is the director of what."""
    lines = []
    for i in range(count):
        who, film = PEOPLE[i % 3], f"《{PEOPLE[(i + 1) % 3]}》"
        spo = {"subject": film, "predicate": "导演", "object": {"@value": who}}
        lines.append({"text": f"{who}拍了{film}", "spo_list": [spo]})
    return write(path, lines)


def events(path, count):
    """DuEE's lines: who lays somebody off."""
    lines = []
    for i in range(count):
        who = PEOPLE[i % 3]
        argument = {"role": "裁员方", "argument": who, "argument_start_index": 0}
        event = {
            "event_type": "裁员",
            "trigger": "裁员",
            "trigger_start_index": 2,
            "arguments": [argument],
        }
        lines.append({"text": f"{who}裁员了", "id": f"e{i}", "event_list": [event]})
    return write(path, lines)


UNTAUGHT = {
    "relations": (playmask.RelationExtractor, ["导演"]),
    "events": (playmask.EventExtractor, ["裁员@trigger", "裁员@裁员方"]),
}


def write(path, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def learn(kind, file, out, *more):
    options = (*SMALL, "--epochs", 24, "--batch-size", 16, "--learning-rate", 0.01, *more)
    check = out.with_name("check.json")  # of few lines, since each epoch is measured
    check.write_text("".join(file.read_text("utf-8").splitlines(True)[:16]), encoding="utf-8")
    result = call("train", kind, file, "--validation", check, "--out", out, *options)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize(
    "method",
    [  # the methods themselves are in tests/tasks/test_relations.py
        "gplinker",
        pytest.param("casrel", marks=pytest.mark.whole),
    ],
)
def test_relations(tmp_path, method):
    out, file = tmp_path / "out", relations(tmp_path / "a.json", 192)
    told = learn("relations", file, out, "--method", method).stdout
    history = json.loads((out / "training.json").read_text())["val_f1"]
    last = max(i for i, f1 in enumerate(history) if f1 == max(history))
    assert f"kept: epoch {last + 1} of 24" in told and f"{max(history):.4f}" in told
    result = call("evaluate", out, file, "--json", "--metric", "duie")
    assert json.loads(result.stdout)["f1"] > 0.9, result.stdout
    assert "knows exact, duie" in complaint(call("evaluate", out, file, "--metric", "duee"))
    (relation,) = json.loads(call("predict", out, "--text", "李明拍了《王芳》").stdout)["relations"]
    assert relation.pop("score") > 0.4
    assert relation == {
        "subject": {"start": 4, "end": 8, "text": "《王芳》"},
        "predicate": "导演",
        "object": {"@value": {"start": 0, "end": 2, "text": "李明"}},
    }
    handed = tmp_path / "duie.json"
    result = call("predict", out, file, "--submission", handed)
    assert result.exit_code == 0 and "192 answers are in" in result.stderr
    assert handed.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")
    shown = call("annotate", out, "--text", "李明拍了《王芳》").stdout.splitlines()
    assert shown[0] == "李明[导演]拍了《王芳》[subject]"
    assert shown[1].startswith("  《王芳》 – 导演 – 李明 ")
    own = tmp_path / "own.json"
    own.write_text(call("predict", out, "--text", "李明拍了《王芳》").stdout, encoding="utf-8")
    assert json.loads(call("evaluate", out, own, "--json").stdout)["f1"] == 1


def test_events(tmp_path):
    out, file = tmp_path / "out", events(tmp_path / "a.json", 192)
    learn("events", file, out)
    result = call("evaluate", out, file, "--json", "--metric", "duee")
    assert json.loads(result.stdout)["f1"] > 0.9, result.stdout
    (event,) = json.loads(call("predict", out, "--text", "李明裁员了").stdout)["events"]
    assert event.pop("score") > 0.5
    assert event == {
        "type": "裁员",
        "parts": [
            {"start": 0, "end": 2, "text": "李明", "role": "裁员方"},
            {"start": 2, "end": 4, "text": "裁员", "role": "trigger"},
        ],
    }
    handed = tmp_path / "duee.json"
    assert call("predict", out, file, "--submission", handed).exit_code == 0
    first = json.loads(handed.read_text(encoding="utf-8").splitlines()[0])
    argument = {"role": "裁员方", "argument": "高勇"}
    assert first == {"id": "e0", "event_list": [{"event_type": "裁员", "arguments": [argument]}]}
    page = tmp_path / "page.html"
    call("annotate", out, "--text", "李明裁员了", "--out", page)
    assert "<li>裁员: 裁员方 李明, trigger 裁员" in page.read_text(encoding="utf-8")


def test_what_is_refused(tmp_path):
    out, file = tmp_path / "out", relations(tmp_path / "a.json", 4)
    result = call("train", "relations", file, "--new", "--out", out, "--columns", "text")
    assert "columns= in order is for tables" in complaint(result)
    result = call("train", "relations", file, "--new", "--out", out, "--method", "link")
    assert "no method 'link'. Did you mean 'gplinker'?" in complaint(result)
    result = call("train", "events", file, "--new", "--out", out)
    assert "a.json:1: It has ['spo_list', 'text']; `event_list` or `events` is due" in complaint(
        result
    )
    empty = write(tmp_path / "b.json", [{"text": "好", "spo_list": []}])
    result = call("train", "relations", empty, "--new", "--out", out)
    assert "1 texts and nothing to find in them" in complaint(result)
    assert not out.exists()


@pytest.mark.parametrize("kind, make", [("relations", relations), ("events", events)])
def test_what_was_not_learnt_is_missed(tmp_path, kind, make):
    """Texts of other labels are measured on too, with all that is wanted of them."""
    out, file = tmp_path / "out", make(tmp_path / "a.json", 4)
    words, known = tokenizer(file.read_text(encoding="utf-8")), ("导演", "裁员方")
    options = {"tokenizer": words, "max_length": 16, "size": 16}
    task = UNTAUGHT[kind][0].new(model(words), UNTAUGHT[kind][1], **options)
    task.save(out)
    other = tmp_path / "b.json"
    text = file.read_text(encoding="utf-8").replace(known[0], "编剧").replace(known[1], "员工")
    other.write_text(text, encoding="utf-8")
    label = "编剧" if kind == "relations" else "裁员@员工"
    with pytest.raises(DataError, match=f"{label}' is not one of the labels"):
        task.read(other)
    wanted = task.read_references(other)
    task.predict = lambda texts: [each[1] for each in wanted]
    assert task.evaluate(wanted)["f1"] == task.evaluate(other)["f1"] == 1
    task.predict = lambda texts: [() for _ in texts]
    assert task.evaluate(other)["recall"] == 0
    found = json.loads(call("evaluate", out, other, "--json").stdout)
    assert found["examples"] == 4 and found["skipped"] == 0
