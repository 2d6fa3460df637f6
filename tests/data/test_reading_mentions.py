"""Files of mentions: what each format says, and what is wrong with bad ones."""

import gzip
import json

import pytest

from playmask.data.annotated import Annotated, Mention
from playmask.data.formats.tag_columns import tags_to_mentions
from playmask.data.mentions import read_mentions
from playmask.errors import DataError, InputError

TEXT = "高勇在中国北京"
NAME, PLACE = Mention(0, 2, "NAME"), Mention(3, 7, "LOC")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def columns(text, tags, between=" "):
    return "".join(f"{c}{between}{t}\n" for c, t in zip(text, tags.split(), strict=True)) + "\n"


@pytest.mark.parametrize(
    "name, tags",
    [
        ("a.bio", "B-NAME I-NAME O B-LOC I-LOC I-LOC I-LOC"),
        ("a.bmes", "B-NAME E-NAME O B-LOC M-LOC M-LOC E-LOC"),
        ("a.txt", "B-NAME L-NAME O B-LOC I-LOC I-LOC L-LOC"),
        ("a.iob", "I-NAME I-NAME O I-LOC I-LOC I-LOC I-LOC"),
    ],
)
@pytest.mark.parametrize("between", [" ", "\t", " _ "])
def test_columns(tmp_path, name, tags, between):
    path = write(tmp_path / name, columns(TEXT, tags, between) + "\n" + columns("好", "O"))
    assert read_mentions(path) == [Annotated(TEXT, (NAME, PLACE)), Annotated("好")]


def test_words_are_joined_by_spaces(tmp_path):
    path = write(tmp_path / "a.conll", "Ann B-PER\nSmith I-PER\nsees O\nRome S-LOC\n")
    (found,) = read_mentions(path)
    assert found.text == "Ann Smith sees Rome"
    assert [found.text[m.start : m.end] for m in found.mentions] == ["Ann Smith", "Rome"]


@pytest.mark.parametrize(
    "tags, wanted",
    [
        ("O O", []),
        ("B-A B-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A I-B", [(0, 1, "A"), (1, 2, "B")]),
        ("I-A I-A O", [(0, 2, "A")]),
        ("S-A I-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A E-A E-A", [(0, 2, "A"), (2, 3, "A")]),
        ("B-A M-A O E-A", [(0, 2, "A"), (3, 4, "A")]),
    ],
)
def test_tags(tags, wanted):
    assert [m[:3] for m in tags_to_mentions(tags.split())] == wanted


OBJECTS = {
    "mentions": {
        "text": TEXT,
        "mentions": [
            {"start": 3, "end": 7, "label": "LOC", "text": "中国北京"},
            {"start": 0, "end": 2, "label": "NAME"},
        ],
    },
    "entities": {
        "text": TEXT,
        "entities": [
            {"start_idx": 0, "end_idx": 2, "type": "NAME", "entity": "高勇"}, [3, 7, "LOC"]
        ],
    },
    "cluener": {"text": TEXT, "label": {"NAME": {"高勇": [[0, 1]]}, "LOC": {"中国北京": [[3, 6]]}}},
}  # fmt: skip


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects(tmp_path, kind):
    line = json.dumps(OBJECTS[kind], ensure_ascii=False) + "\n"
    assert read_mentions(write(tmp_path / "a.json", line)) == [Annotated(TEXT, (NAME, PLACE))]
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(line)
    assert read_mentions(tmp_path / "a.jsonl.gz") == [Annotated(TEXT, (NAME, PLACE))]


def test_brat(tmp_path):
    write(tmp_path / "a.txt", TEXT)
    lines = "T1\tNAME 0 2\t高勇\nR1\tlives Arg1:T1 Arg2:T2\nT2\tLOC 3 5;5 7\t中国 北京\n"
    path = write(tmp_path / "a.ann", lines)
    assert read_mentions(path) == [Annotated(TEXT, (NAME, PLACE))]
    with gzip.open(tmp_path / "a.ann.gz", "wt", encoding="utf-8") as file:
        file.write(lines)
    assert read_mentions(tmp_path / "a.ann.gz") == read_mentions(path)


def brat(folder, text, *lines):
    """A text as bytes, and an .ann of lines."""
    (folder / "a.txt").write_bytes(text)
    return write(folder / "a.ann", "".join(f"{line}\n" for line in lines))


CITY = b"He lives in New York City now.\n"


def test_brat_sees_that_mentions_are_at_their_places(tmp_path):
    good, bad = "T1\tLOC 12 25\tNew York City", "T2\tLOC 0 13\tNew York City"
    path = brat(tmp_path, CITY, good, bad, "T3 LOC 3")
    with pytest.raises(DataError, match=r"a\.ann:2: text\[0:13\] is 'He lives in N'"):
        read_mentions(path)
    [found] = kept = read_mentions(path, skip_bad=True)
    assert found.mentions == (Mention(12, 25, "LOC"),)
    assert [": 'T3 LOC 3' is no line" in each for each in kept.skipped] == [False, True]
    assert "a.ann:3: " in kept.skipped[1]
    with pytest.raises(DataError, match="no usable text"):
        read_mentions(brat(tmp_path, CITY, bad), skip_bad=True)
    with pytest.raises(DataError, match="a.ann:2: The label 'LOC' is not one"):
        read_mentions(brat(tmp_path, CITY, "R1\tat Arg1:T1 Arg2:T1", good), labels=["PER"])
    assert read_mentions(brat(tmp_path, CITY)) == [Annotated(CITY.decode())]


def test_brat_counts_line_ends(tmp_path):
    text = b"In Paris\r\nhe saw Bob\r\nLee and New\nYork.\r\n"
    path = brat(tmp_path, text, "T1\tPER 17 25\tBob  Lee", "T2\tLOC 30 38\tNew York")
    [found] = read_mentions(path)
    assert found.text == text.decode()
    assert [found.text[m.start : m.end] for m in found.mentions] == ["Bob\r\nLee", "New\nYork"]


def test_texts_of_brat_that_cannot_be_read(tmp_path):
    path = brat(tmp_path, "我们他们\n".encode() + "在北京".encode("gb18030"), "T1\tLOC 2 4\t北京")
    with pytest.raises(DataError, match=r"a\.txt:2: Byte 1 .* not UTF-8 \(it is valid GB 18030\)"):
        read_mentions(path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(DataError, match=r"a\.txt: There is no such file"):
        read_mentions(path)


def test_line_ends_in_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'text,start,end,label,mention\r\n"a\r\n \r\nParis",6,11,LOC,Paris\r\n\r\n')
    assert read_mentions(path) == [Annotated("a\r\n \r\nParis", (Mention(6, 11, "LOC"),))]


@pytest.mark.parametrize("row", ["1,2,LOC,国", "x,2,LOC,", "1,9,LOC,", "3,5,LOG,", "3,5"])
def test_a_bad_row_of_a_text_is_named(tmp_path, row):
    rows = f"text,start,end,label,mention\n{TEXT},0,2,NAME,\n{TEXT},{row}\n好,,,,\n"
    path = write(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=r"a\.csv:3: "):
        read_mentions(path, labels=["NAME", "LOC"])
    assert read_mentions(path, labels=["NAME", "LOC"], skip_bad=True) == [Annotated("好")]


def test_table(tmp_path):
    rows = f'text,start,end,label,mention\n{TEXT},3,7,LOC,中国北京\n{TEXT},0,2,NAME,\n"好,啊",,,,\n'
    wanted = [Annotated(TEXT, (NAME, PLACE)), Annotated("好,啊")]
    assert read_mentions(write(tmp_path / "a.csv", rows)) == wanted
    names, rest = rows.split("\n", 1)
    assert read_mentions(write(tmp_path / "b.csv", rest), columns=names.split(",")) == wanted
    with pytest.raises(InputError, match="is for a table"):
        read_mentions(write(tmp_path / "a.bio", "好 O\n"), columns=["text"])


BIG = "9" * 5000

BAD = {
    "inclusive end": (
        {"mentions": [{"start": 0, "end": 1, "label": "NAME", "text": "高勇"}]},
        r"text\[0:1\] is '高', but '高勇' is stated: the end seems to be the last character",
    ),
    "exclusive end where the last counts": (
        {"label": {"NAME": {"高勇": [[0, 2]]}}}, r"at \[0, 2\], where '高勇在' .* \[0, 1\] would",
    ),
    "elsewhere": (
        {"mentions": [{"start": 1, "end": 3, "label": "LOC", "text": "北京"}]}, "it stands at 5",
    ),
    "nowhere": (
        {"mentions": [{"start": 1, "end": 3, "label": "LOC", "text": "上海"}]}, "does not stand",
    ),
    "behind the end": ({"mentions": [[5, 9, "LOC"]]}, "from 5 to 9, but the text has 7"),
    "empty": ({"mentions": [[5, 5, "LOC"]]}, "from 5 to 5"),
    "no numbers": ({"mentions": [["5", 6, "LOC"]]}, "from '5' to 6; whole numbers"),
    "unknown label": ({"mentions": [[0, 2, "NAMES"]]}, "'NAMES' is not one .* mean 'NAME'"),
    "no label": ({"mentions": [{"start": 0, "end": 2}]}, "not a name"),
    "no list": ({}, "Of mentions, entities, spans there is none"),
    "a number": ({"mentions": 5}, "`mentions` is 5; a list of mentions is due"),
    "no places": ({"label": {"NAME": ["高勇"]}}, r"'NAME' has \['高勇'\]; {mention: \[\[first"),
    "one place": ({"label": {"NAME": {"高勇": [0, 1]}}}, r"'NAME' has {'高勇': \[0, 1\]};"),
    "a place of strings": ({"label": {"NAME": {"高勇": [["0", 1]]}}}, r"'NAME' has {'高勇': \[\["),
    "CLUENER's from the end": ({"label": {"NAME": {"高勇": [[-7, -6]]}}}, r"at \[-7, -6\]"),
    "too many digits": ({"mentions": [], "more": BIG}, "It is not of the form that is due"),
    "no object": ({"mentions": ["高勇"]}, "A mention is '高勇', not an object"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_lines_are_named(tmp_path, kind):
    fields, message = BAD[kind]
    good = json.dumps({"text": TEXT, "mentions": [[0, 2, "NAME"]]})
    bad = json.dumps({"text": TEXT, **fields}, ensure_ascii=False).replace(f'"{BIG}"', BIG)
    path = write(tmp_path / "a.jsonl", f"{good}\n{bad}\n{good}\n")
    labels = ["NAME", "LOC"]
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{message}"):
        read_mentions(path, labels=labels)
    kept = read_mentions(path, labels=labels, skip_bad=True)
    assert len(kept) == 2 and len(kept.skipped) == 1 and ":2: " in kept.skipped[0]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.bio", "高 B-NAME\n勇\n", r"a\.bio:2: The line is '勇'"),
        ("a.bio", "高 X-NAME\n", r"a\.bio:1: The line is '高 X-NAME'"),
        ("a.jsonl", "{\n", "a.jsonl:1: The line is not JSON"),
        ("a.jsonl", "[1]\n", "an object is due"),
        ("a.bio", "", "no usable text"),
        ("a.csv", "text,start\n好,0\n", r"a\.csv:1: The columns are \['text', 'start'\]"),
        ("a.csv", "text,start,end,label\n好人,0,1\n", r"a\.csv:2: The line has 3 columns"),
        ("a.csv", "text,start,end,label\n好人,x,1,A\n", r"from 'x' to 1; whole numbers"),
        ("a.csv", 'text,start,end,label\n"好"人,0,1,A\n', r"a\.csv:2: The CSV quoting is broken"),
        ("a.xml", "<a/>", "format '.xml' is unknown"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_mentions(write(tmp_path / name, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_mentions(tmp_path / "a.bio")


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="This is a folder; name one of its files"):
        read_mentions(tmp_path)
