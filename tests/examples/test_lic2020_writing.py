"""The two tracks of LIC 2020 that write: dialogue and SQL, on the samples beside them."""

import importlib
import json
import sqlite3
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
ROWS = [
    json.loads(line)
    for line in (FOLDER / "lic2020" / "samples" / "durecdial.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.experiments
@pytest.mark.parametrize("name", ["dialogue", "sql"])
def test_runs(name, tmp_path, capsys):
    example = importlib.import_module(f"lic2020.{name}")
    example.main(None, epochs=1, limit=6, width=32, out=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["loss"] > 0 and results["seconds of training"] > 0
    assert "loss" in capsys.readouterr().out
    assert (tmp_path / "task.json").is_file()
    if name == "sql":
        assert results["invalid, automaton"] == 0 and results["admitted"] == 1
        lines = (tmp_path / "submission.txt").read_text("utf-8").splitlines()
        assert [line.split("\t")[0] for line in lines] == ["qid000001", "qid000006"]
        assert all(line.split("\t")[2] == "书店" for line in lines)


def test_the_sample_of_dialogues():
    """The raw format: goals are numbered, and their numbers stand where they begin."""
    dialogue = importlib.import_module("lic2020.dialogue")
    assert len(ROWS) == 20
    for row in ROWS:
        assert {*row} == {"kg", "user_profile", "conversation", "goals", "situation"}
        begins = [text[1] for text in row["conversation"] if text[0] == "["]
        goals = dialogue.goals_of(row)
        assert begins == [str(i + 1) for i in range(len(goals))] and 3 <= len(goals) <= 5
        assert all(len(triple) == 3 for triple in row["kg"])


def test_a_plan_misses_the_goals_in_the_middle():
    dialogue = importlib.import_module("lic2020.dialogue")
    source, target = dialogue.plan_of({**ROWS[0], "goals": "[1]a-->[2]b-->[3]c-->[4]d-->[5]e"})
    assert source.startswith("a --> d --> e # ") and target == "b --> c"
    assert ROWS[0]["situation"] in source and ROWS[0]["user_profile"]["姓名"] in source
    assert dialogue.plan_of({**ROWS[0], "goals": "[1]a-->[2]b-->[3]c"}) is None


def test_turns_are_the_bots():
    dialogue = importlib.import_module("lic2020.dialogue")
    row = {
        "goals": "[1]问天气-->[2]再见",
        "kg": [["歌", "作者", "顾南"], ["上海", "天气", "晴"]],
        "conversation": ["[1]上海天气好吗", "晴天", "[2]谢谢", "再见", "嗯"],
    }
    first, second = dialogue.turns_of(row)
    assert first.history == ["上海天气好吗"] and first.response == "晴天"
    assert first.goal == "问天气" and first.knowledge[0] == ("上海", "天气", "晴")
    assert second.goal == "再见" and second.history == ["上海天气好吗", "晴天", "谢谢"]
    assert first.source == "问天气 # 上海天气好吗 # 上海 天气 晴 ; 歌 作者 顾南"


def test_turns_of_kdconv_say_something_known():
    dialogue = importlib.import_module("lic2020.dialogue")
    known = [{"name": "清江", "attrname": "长度", "attrvalue": "423千米"}]
    messages = [{"message": "你好", "attrs": known}, {"message": "长吗"}]
    messages.append({"message": "423千米", "attrs": known})
    (turn,) = dialogue.grounded_turns({"name": "清江", "messages": messages})
    assert turn == ("清江", [("清江", "长度", "423千米")], ["你好", "长吗"], "423千米")


def test_the_sample_of_questions():
    """Every query runs, and the automaton admits it."""
    example = importlib.import_module("lic2020.sql")
    track = example.dusql(FOLDER / "lic2020" / "samples" / "dusql")
    asked = [*track.train, *track.test]
    assert len(asked) == 20 and len(track.test) == 4
    assert example.admitted([(q.query, track.bases[q.base].schema) for q in asked]) == 1
    pairs = [*example.spoken_pairs(track)]
    assert len(pairs) == 16
    for question, (_, target) in zip(track.train, pairs, strict=True):
        base = track.bases[question.base]
        symbols = example.heard(target, base.schema, question.text)
        assert base.rows.execute(example.runnable(symbols, base.schema)).fetchall()


def test_strings_of_a_question_are_cells_where_there_are_some():
    example = importlib.import_module("lic2020.sql")
    rows = sqlite3.connect(":memory:")
    rows.executescript("CREATE TABLE A (X); INSERT INTO A VALUES ('New York'), ('北京'), (7)")
    base = example.Base({"A": ["X"]}, rows)
    assert example.values_of("what is in new york", base) == ["new york"]
    assert example.values_of("北京有7家", base) == ["北京", "7"]
    assert example.values_of("in texas", base) == ["in", "in texas", "texas"]


def test_geoquery_is_read(tmp_path):
    example = importlib.import_module("lic2020.sql")
    folder = tmp_path / "geoquery"
    folder.mkdir()
    (folder / "schema.csv").write_text("Table Name, Field Name\nA, X\nA, Y\n-, -\nB, Z\n")
    dump = "CREATE TABLE `a` (\n `x` text\n) ENGINE=I;\nINSERT INTO `a` VALUES ('o\\'hara');\n"
    (folder / "geography-db.sql").write_text("/*!40101 SET x */;\n" + dump)
    row = json.dumps({"question": "which", "sql": "SELECT A.X FROM A"})
    for name in ("train", "test"):
        (folder / f"{name}.json").write_text(row + "\n")
    track = example.geoquery(tmp_path)
    base = track.bases["geography"]
    assert base.schema == {"A": ["X", "Y"], "B": ["Z"]}
    assert base.rows.execute("SELECT X FROM A").fetchall() == [("o'hara",)]
    assert base.rows.execute("SELECT * FROM B").fetchall() == []
    with pytest.raises(sqlite3.Error):
        base.rows.execute("SELECT Q FROM B")
    assert track.train == [("qid000000", "which", "SELECT A.X FROM A", "geography")]
    example.submit(tmp_path / "out" / "file", track, ["SELECT A.X FROM A WHERE A.X = 'a=b'"])
    line = (tmp_path / "out" / "file").read_text()
    assert line == "qid000000\tSELECT A.X FROM A WHERE A.X == 'a=b'\tgeography\n"
