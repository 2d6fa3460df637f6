"""Reading questions about passages: SQuAD's form and lines; answers are where they are stated."""

import gzip
import json

import pytest

from playmask.data.passages import PassageQuestion, read_passages
from playmask.errors import DataError, InputError

TEXT = "北京在北方，上海在南方。北京很大。"


def squad(path, *questions, context=TEXT, **top):
    """A file of SQuAD's form with one passage."""
    held = {
        "version": "1",
        **top,
        "data": [{"paragraphs": [{"context": context, "qas": questions}]}],
    }
    text = json.dumps(held, ensure_ascii=False, indent=1)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


def asked(name, *answers, **more):
    listed = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": "哪里在南方？", "answers": listed, **more}


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_squad(tmp_path, name):
    path = squad(
        tmp_path / name,
        asked("1", ("上海", 6)),
        asked("2", ("北京", -1), ("北京", 0)),
        asked("3", is_impossible=True),
        {"id": 4, "question": "谁？"},
    )
    found = read_passages(path)
    assert found[0] == PassageQuestion("哪里在南方？", TEXT, ("上海",), ((6, 8),), "1")
    assert found[1].places == ((0, 2), (12, 14)) and found[1].answers == ("北京", "北京")
    assert found[2].impossible and not found[2].answers
    assert found[3] == PassageQuestion("谁？", TEXT, id="4")
    assert found.skipped == []


def test_an_answer_without_an_offset_is_wherever_its_text_stands(tmp_path):
    path = squad(tmp_path / "a.json", asked("1", ("北京", -1)), asked("2", ("北京", 12)))
    assert [each.places for each in read_passages(path)] == [((0, 2), (12, 14)), ((12, 14),)]


@pytest.mark.parametrize(
    "start, text, message",
    [
        (7, "上海", "a.json:q: text[7:9] is '海在', but '上海' is stated: it stands at 6"),
        (0, "广州", "'广州' is stated: it does not stand in the text"),
        (-1, "广州", "'广州' does not stand in the text '北京在北方"),
        (-1, "", "An answer has '' as `text`"),
        ("6", "上海", "The answer '上海' starts at '6'; a number is due"),
    ],
)
def test_answers_that_are_not_where_they_should_be(tmp_path, start, text, message):
    path = squad(tmp_path / "a.json", asked("q", (text, start)), asked("r", ("上海", 6)))
    with pytest.raises(DataError) as error:
        read_passages(path)
    assert message in str(error.value)
    kept = read_passages(path, skip_bad=True)
    assert len(kept) == len(kept.skipped) == 1 and message in kept.skipped[0]
    if text and start != "6":
        texts = read_passages(path, located=False)
        assert texts[0].answers == (text,) and texts[0].places == ()


def test_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"question": "谁？", "text": TEXT, "answers": ["北京"]},
        {"question": "谁？", "context": TEXT, "answers": [{"text": "上海", "start": 6}], "id": "x"},
        {"question": "谁？", "passage": TEXT, "impossible": True},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_passages(path)
    assert [each.id for each in found] == ["1", "x", "3"]
    assert [each.places for each in found] == [((0, 2), (12, 14)), ((6, 8),), ()]
    assert [each.impossible for each in found] == [False, False, True]
    path = path.rename(tmp_path / "a.json")
    assert read_passages(path) == found


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"question": "", "text": "a"}', "a.jsonl:1: The object has '' as `question`"),
        ('{"question": "a", "text": " "}', "a.jsonl:1: The object has ' ' as `text or context"),
        ('{"question": "a", "text": "b", "answers": "b"}', "`answers` is 'b'; a list is due"),
        ('{"question": "a", "text": "b", "answers": [3]}', "An answer is 3; a text or an object"),
        (
            '{"question": "a", "text": "b", "answers": ["b"], "impossible": true}',
            "called impossible, but it has answers",
        ),
        ("[1]", "a.jsonl:1: The line is '[1]'; an object is due"),
        ("{", "a.jsonl:1: The line is not JSON"),
    ],
)
def test_bad_lines(tmp_path, line, message):
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError) as error:
        read_passages(path)
    assert message in str(error.value)


def test_bad_files(tmp_path):
    path = tmp_path / "a.json"
    for text, message in (
        ("{\n'", "a.json: The file is not JSON"),
        ('{"data": 3}', "a.json: `data` is 3; a list is due"),
        ('{"data": [{}]}', "a.json: data[0] has no list `paragraphs`"),
        ('{"data": [{"paragraphs": [{"qas": [3]}]}]}', "paragraphs[0].qas[0] is 3, no object"),
        ('{"data": []}', "The file holds no usable text"),
        ("", "a.json: The file is not JSON"),
    ):
        path.write_text(text)
        with pytest.raises(DataError) as error:
            read_passages(path)
        assert message in str(error.value)
    with pytest.raises(DataError, match="This is a folder"):
        read_passages(tmp_path)
    with pytest.raises(DataError, match="format is none of .json, .jsonl"):
        read_passages(tmp_path / "a.txt")
    with pytest.raises(InputError, match="columns= is for tables"):
        read_passages(path, columns=["text"])
    with pytest.raises(DataError, match="no such file"):
        read_passages(tmp_path / "b.json")


def test_ids_come_once(tmp_path):
    path = squad(tmp_path / "a.json", asked("1", ("上海", 6)), asked("1", ("上海", 6)))
    with pytest.raises(DataError, match="a.json:1: The id '1' is that of an earlier question"):
        read_passages(path)
    assert len(read_passages(path, skip_bad=True)) == 1


@pytest.mark.parametrize(
    ("broken", "hint"),
    [(b"\xff", ""), ("好".encode("gb18030") + b'",\n"', r" \(it is valid GB 18030\)")],
)
def test_what_is_not_utf8_is_named_by_its_line(tmp_path, broken, hint):
    path = squad(tmp_path / "a.json", asked("1", ("上海", 6)))
    line = path.read_text("utf-8").split("\n").index('     "context": "' + TEXT + '",') + 1
    spoilt = path.read_bytes().replace(b'"context": "', b'"context": "' + broken)
    path.write_bytes(spoilt)
    with pytest.raises(
        DataError, match=rf"a\.json:{line}: Byte 18 of the line is not UTF-8{hint};"
    ):
        read_passages(path)
