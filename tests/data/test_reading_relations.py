"""Files of relations: DuIE, WebNLG, CoNLL04 and playmask's own; what is wrong is named."""

import json

import pytest

from playmask.data.offsets import places_of
from playmask.data.relations import VALUE, Related, Relation, Slot, labels_of, read_relations
from playmask.errors import DataError

ACTOR = "谢霆锋饰演花无缺，《小鱼儿与花无缺》由王晶导演"
DUIE = {
    "text": ACTOR,
    "spo_list": [
        {"predicate": "导演", "object": {"@value": "王晶"}, "subject": "小鱼儿与花无缺"},
        {
            "predicate": "饰演",
            "object": {"inWork": "小鱼儿与花无缺", "@value": "花无缺"},
            "subject": "谢霆锋",
        },
    ],
}


def place(name, start=0):
    begin = ACTOR.index(name, start)
    return begin, begin + len(name)


def write(path, *objects):
    path.write_text("".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects), "utf-8")
    return path


def test_duie(tmp_path):
    """A name that stands twice is located twice."""
    [example] = read_relations(write(tmp_path / "a.json", DUIE))
    film = Slot("inWork", *place("小鱼儿与花无缺"))
    assert set(example.relations) == {
        Relation(place("小鱼儿与花无缺"), "导演", (Slot(VALUE, *place("王晶")),)),
        Relation(place("谢霆锋"), "饰演", (film, Slot(VALUE, *place("花无缺")))),
        Relation(place("谢霆锋"), "饰演", (film, Slot(VALUE, *place("花无缺", 8)))),
    }
    assert {label for r in example.relations for label in labels_of(r)} == {
        "导演", "饰演", "饰演@inWork",
    }  # fmt: skip
    older = {"text": "a b", "spo_list": [{"subject": "a", "predicate": "p", "object": "b"}]}
    [example] = read_relations(write(tmp_path / "b.json", older))
    assert example.relations == (Relation((0, 1), "p", (Slot(VALUE, 2, 3),)),)


def test_triples_of_words(tmp_path):
    line = {"text": "Ajax 2 in 2014", "triple_list": [["ajax", "number", "2"]]}
    [example] = read_relations(write(tmp_path / "a.jsonl", line))
    assert example == Related(line["text"], (Relation((0, 4), "number", (Slot(VALUE, 5, 6),)),))


def test_own_objects(tmp_path):
    relation = {
        "subject": {"start": 0, "end": 3, "text": "谢霆锋"},
        "predicate": "饰演",
        "object": {VALUE: {"start": 5, "end": 8}},
    }
    [example] = read_relations(write(tmp_path / "a.json", {"text": ACTOR, "relations": [relation]}))
    assert example.relations == (Relation((0, 3), "饰演", (Slot(VALUE, 5, 8),)),)


CONLL = """#doc 7
0\tAnn\tB-Peop\t['N']\t[0]
1\tLee\tI-Peop\t['Live_In', 'Work_For']\t[3, 5]
2\tof\tO\t['N']\t[2]
3\tOslo\tB-Loc\t['N']\t[3]
4\tat\tO\t['N']\t[4]
5\tIBM\tB-Org\t['OrgBased_In']\t[3]
#doc 8
0\tNo\tO\t['N']\t[0]
"""


def test_conll04(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(CONLL, "utf-8")
    first, second = read_relations(path)
    assert first.text == "Ann Lee of Oslo at IBM" and second == Related("No")
    found = {
        (first.text[slice(*r.subject)], r.predicate, first.text[slice(*r.object[0][1:])])
        for r in first.relations
    }
    assert found == {
        ("Ann Lee", "Live_In", "Oslo"),
        ("Ann Lee", "Work_For", "IBM"),
        ("IBM", "OrgBased_In", "Oslo"),
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{}\n", "1: The object has None as `text`"),
        ("a.json", '{"text": "甲"}\n', "of relations, spo_list, triple_list one is due"),
        ("a.json", '{"text": "甲", "spo_list": [3]}\n', "A triple is 3"),
        (
            "a.json",
            '{"text": "甲乙", "spo_list": []}\n{"text": "甲乙", "spo_list": '
            '[{"subject": "丙", "predicate": "p", "object": "乙"}]}\n',
            "a.json:2: '丙' does not stand in the text '甲乙'",
        ),
        ("a.json", '{"text": "甲", "triple_list": [["甲", "p"]]}\n', "not [subject, predicate"),
        (
            "a.json",
            '{"text": "甲乙", "relations": [{"subject": {"start": 0, "end": 0, "text": "甲"}, '
            '"predicate": "p", "object": {"@value": {"start": 1, "end": 2}}}]}\n',
            "the end seems to be the last character",
        ),
        ("a.txt", "#doc 1\n0\tA\tO\n", "a.txt:2: The line is '0 A O'"),
        ("a.txt", "#doc 1\n0\tA\tO\t['p']\t[4]\n", "a.txt:2: The line joins the token with 4"),
        (
            "a.txt",
            "#doc 1\n0\tA\tO\t['N']\t[0]\n1\tB\tbad\t['N']\t[1]\n",
            "a.txt:3: The tag is 'bad'",
        ),
        ("a.txt", "#doc 1\n0\tA\tO\t['p']\t[0]\n", "no mention ends at 0"),
        ("a.csv", "", "The format '.csv' is unknown"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(DataError) as error:
        read_relations(path)
    assert message in str(error.value)


def test_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="This is a folder; name one of its files"):
        read_relations(tmp_path)


def test_names_that_come_often(tmp_path):
    """All pairs of subject and value; further slots only where they are nearest to the value."""
    thing = {VALUE: "乙", "inWork": "丙", "onDate": "丁", "period": "戊"}
    triple = {"subject": "甲", "predicate": "获奖", "object": thing}
    line = {"text": "甲乙丙丁戊" * 16, "spo_list": [triple]}
    [example] = read_relations(write(tmp_path / "a.json", line))
    assert len(example.relations) == 16 * 16
    for _, _, (value, *slots), _ in example.relations:
        assert [slot.start - value.start for slot in slots] == [1, 2, 3 if value.start < 4 else -2]
    assert {(r.subject, r.object[0][1:]) for r in example.relations} == {
        ((5 * i, 5 * i + 1), (5 * k + 1, 5 * k + 2)) for i in range(16) for k in range(16)
    }


def test_bad_lines_are_counted(tmp_path):
    bad = DUIE | {"spo_list": [{"subject": "谁", "predicate": "p", "object": "王晶"}]}
    found = read_relations(write(tmp_path / "a.json", DUIE, bad), skip_bad=True)
    assert len(found) == 1 and "a.json:2" in found.skipped[0]
    with pytest.raises(DataError, match="'饰演@inWork' is not one of the labels"):
        read_relations(tmp_path / "a.json", labels=["饰演"])


def test_places():
    assert places_of("aaa", "aa") == [(0, 2), (1, 3)]
    assert places_of("2014 and 2", "2") == [(9, 10)]
    assert places_of("2014", "2") == [(0, 1)]  # better than none
