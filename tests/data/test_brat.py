"""brat's files: a folder of them is one data set of mentions, relations or events."""

import pytest

from playmask.data.annotated import Annotated, Mention
from playmask.data.events import Event, Part, Report, read_events
from playmask.data.mentions import read_mentions
from playmask.data.relations import Related, Relation, Slot, read_relations
from playmask.data.samples import sample_of
from playmask.errors import DataError

FIRST = """T1\tPER 0 2\t张三
T2\tLOC 3 5\t北京
T3\tMove 5 7\t工作
R1\tlives Arg1:T1 Arg2:T2
*\tEquiv T1 T2
E1\tMove:T3 Who:T1 Where2:T2
A1\tNegation E1
#1\tAnnotatorNotes T1\t?
"""
PER, LOC, MOVE = Mention(0, 2, "PER"), Mention(3, 5, "LOC"), Mention(5, 7, "Move")
LIVES = Relation((0, 2), "lives", (Slot("@value", 3, 5),))
MOVED = Event("Move", (Part(0, 2, "Who"), Part(3, 5, "Where"), Part(5, 7, "trigger")))


@pytest.fixture
def folder(tmp_path):
    held = tmp_path / "brat"
    (held / "inner").mkdir(parents=True)
    for name, text, lines in (("a", "张三在北京工作", FIRST), ("inner/b", "李四在家", "")):
        (held / f"{name}.txt").write_text(text, encoding="utf-8")
        (held / f"{name}.ann").write_text(lines, encoding="utf-8")
    return held


def test_a_folder(folder):
    first, second = read_mentions(folder)
    assert first == Annotated("张三在北京工作", (PER, LOC, MOVE)) and second == ("李四在家", ())
    assert read_relations(folder) == [Related(first.text, (LIVES,)), Related("李四在家")]
    assert read_events(folder) == [Report(first.text, (MOVED,), "a"), Report("李四在家", (), "b")]
    for read in (read_mentions, read_relations, read_events):
        assert read(folder / "a.ann") == read(folder)[:1]
    assert read(folder).place_of(1) == f"{folder}/inner/b.ann:1"
    assert sample_of(folder, 9) == "张三在北京工作李四在家"


def test_an_event_within_another(folder):
    (folder / "a.ann").write_text(FIRST + "E2\tMove:T2 Why:E1\n", encoding="utf-8")
    _, other = sorted(read_events(folder / "a.ann")[0].events, key=len, reverse=True)
    assert other == Event("Move", (Part(3, 5, "trigger"), Part(5, 7, "Why")))


@pytest.mark.parametrize(
    ("read", "line", "reason"),
    [
        (read_mentions, "T4\tPER 0 9\t张三", r"a\.ann:9: text\[0:9\] is"),
        (read_relations, "R2\tlives Arg1:T1", "'R2.*' is no line of brat's"),
        (read_relations, "R2\tlives Arg1:T1 Arg2:T9", "There is no line 'T9'"),
        (read_relations, "R2\tknows Arg1:T1 Arg2:T2", "The relation 'knows' is not one"),
        (read_events, "E2\tMove T1", "'E2.*' is no line of brat's"),
        (read_events, "E2\tMove:T1 Who:E9", "There is no line 'E9'"),
        (read_events, "E2\tMove:T1 Then:T2", "The role 'Move@Then' is not one"),
    ],
)
def test_a_bad_line_is_named_or_left_out_alone(folder, read, line, reason):
    labels = ["PER", "LOC", "Move", "lives", "Move@Who", "Move@Where", "Move@trigger"]
    right = read(folder)
    (folder / "a.ann").write_text(f"{FIRST}{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        read(folder, labels=labels)
    examples = read(folder, labels=labels, skip_bad=True)
    assert examples == right and len(examples.skipped) == 1
    assert examples.skipped[0].startswith(f"{folder}/a.ann:9: ")


def test_what_is_missing(folder):
    (folder / "c.txt").write_text("好", encoding="utf-8")
    assert read_mentions(folder).notes == ["texts without an .ann are left out: 1, c.txt first"]
    (folder / "inner/b.txt").write_text(" ", encoding="utf-8")
    with pytest.raises(DataError, match=rf"{folder}/inner/b\.ann:1: The text is ' '"):
        read_relations(folder, skip_bad=False)
    (folder / "a.txt").unlink()
    with pytest.raises(DataError, match=r"a\.txt: There is no such file"):
        read_mentions(folder)


def test_texts_in_gbk(folder):
    (folder / "a.txt").write_bytes("张三在北京工作".encode("gbk"))
    assert read_mentions(folder)[0].text == "张三在北京工作"
    assert read_mentions(folder).notes == ["read as GB 18030 (GBK)"]
