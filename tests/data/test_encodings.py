"""Tables as they come: GB 18030, UTF-16, workbooks; what they are read as is said in one note."""

import datetime
import gzip
import sys
import zipfile

import openpyxl
import pytest

from playmask.data.encodings import encoding_of
from playmask.data.mentions import read_mentions
from playmask.data.passages import read_passages
from playmask.data.readers import read_examples
from playmask.errors import DataError

TABLE = "文本,标签\n这家酒店真的很好,好评\n房间坏了，差,差评\n"
NOTES = {
    "gb18030": "read as GB 18030 (GBK)",
    "gbk": "read as GB 18030 (GBK)",
    "utf-16": "read as UTF-16",
    "utf-16-le": "read as UTF-16 (little-endian, without a byte order mark)",
    "utf-16-be": "read as UTF-16 (big-endian, without a byte order mark)",
}


@pytest.mark.parametrize("encoding", NOTES)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
@pytest.mark.parametrize("lazily", [False, True])
def test_tables(tmp_path, encoding, suffix, lazily):
    text = TABLE.replace(",", "\t") if suffix == ".tsv" else TABLE
    content = text.encode(encoding)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content, mtime=0) if suffix.endswith("gz") else content)
    examples = read_examples(path, lazily=lazily)
    assert [each.label for each in examples] == ["好评", "差评"]
    assert len(examples) == 2 and examples.notes == [NOTES[encoding]]


def test_what_is_no_table(tmp_path):
    (tmp_path / "a.bio").write_bytes("张 B-PER\n三 I-PER\n在 O\n".encode("gbk"))
    assert read_mentions(tmp_path / "a.bio").notes == [NOTES["gbk"]]
    asked = '{"question": "谁在这里", "text": "张三在这里", "answers": ["张三"]}\n'
    (tmp_path / "a.jsonl").write_bytes(asked.encode("utf-16"))
    assert read_passages(tmp_path / "a.jsonl").notes == [NOTES["utf-16"]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        "好".encode()[:2],
        TABLE.encode(),
        "\ufeff".encode() + TABLE.encode(),
        TABLE.encode().replace("家".encode(), b"\xff"),
        TABLE.encode() + "差".encode("gbk"),
        "這家飯店真的很好，房間壞了，差評".encode("big5"),
        "été à Köln, naïve façade\n".encode("latin-1"),
        "これは本です。とても良いホテル".encode("shift-jis"),
        bytes(range(256)) * 4,
        b"text,label\ngo\0od,1\n" * 40,
    ],
)
def test_all_else_is_read_as_utf8_and_refused_where_it_is_none(content):
    assert encoding_of(content) == "utf-8"


def test_a_damaged_line_is_left_out_alone(tmp_path):
    path = tmp_path / "a.csv"
    lines = TABLE.encode("gbk").splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[1].replace(b"\xbe", b"\xff"), lines[2]]))
    with pytest.raises(DataError, match=r"a\.csv:4: Byte 1 of the line is not UTF-8, nor byte 5"):
        read_examples(path)
    examples = read_examples(path, skip_bad=True)
    assert [each.label for each in examples] == ["好评", "差评", "差评"]
    path.write_bytes(TABLE.encode("utf-16-le")[:-2] + b"\x00\xd8\n\0")
    with pytest.raises(DataError, match=r"a\.csv:3: Byte 26 of the line is not UTF-8"):
        read_examples(path)


def workbook(path, *rows, others=0):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for _ in range(others):
        book.create_sheet()
    book.save(path)
    return path


def test_a_workbook(tmp_path):
    day = datetime.datetime(2024, 5, 1)
    rows = [("文本", "标签", "日期"), ("很好", 1, day), ("坏了", 0.5, None), (), (12, True, "x")]
    path = workbook(tmp_path / "a.xlsx", *rows, others=2)
    examples = read_examples(path)
    assert [each[::2] for each in examples] == [("很好", "1"), ("坏了", "0.5"), ("12", "true")]
    assert examples.places == [2, 3, 5]
    assert examples.notes == [
        "of 3 sheets the first is read, 'Sheet'",
        "columns that are not read: 日期",
    ]
    path = workbook(path, ("text", "label"), ("a", "x"), ("b", "x", "odd"), (None, "y"))
    with pytest.raises(DataError, match=r"a\.xlsx:3: The number of columns is 3, not 2 as before"):
        read_examples(path)
    assert len(examples := read_examples(path, skip_bad=True)) == 1
    assert "a.xlsx:4: " in examples.skipped[1]


def test_a_workbook_may_lie_about_its_size(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("text", "label"), ("很好", "1"))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b'ref="A1:B2"' in members[sheet]
    members[sheet] = members[sheet].replace(b'ref="A1:B2"', b'ref="A1:A1"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert read_examples(path) == [("很好", None, "1")]


def test_mentions_of_a_workbook(tmp_path):
    names = ("text", "start", "end", "label", "mention")
    path = workbook(tmp_path / "a.xlsx", names, ("张三在北京", 3, 5, "LOC", "北京"))
    assert read_mentions(path) == [("张三在北京", ((3, 5, "LOC", 1.0),))]


def test_workbooks_that_cannot_be_read(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", ("text", "label"), ("a", "b"))
    content = path.read_bytes()
    for wrong in (b"", content[:-9], content.replace(b"xl/workbook.xml", b"xl/workbook.xmx")):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match=r"a\.xlsx: The file is no workbook that can be read"):
            read_examples(path)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.xlsx: There is no such file"):
        read_examples(path)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"openpyxl: pip install 'playmask\[xlsx\]'; or save"):
        read_examples(path)
