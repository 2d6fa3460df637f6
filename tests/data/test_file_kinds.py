"""Files that are something else: other encodings, packed and binary ones, hostile lines."""

import gzip
import json
import time
from functools import partial

import pytest

from playmask.data.events import read_events
from playmask.data.lines import LONGEST, read_lines
from playmask.data.mentions import read_mentions
from playmask.data.passages import read_passages
from playmask.data.readers import read_examples
from playmask.data.relations import read_relations
from playmask.errors import DataError

TABLE = "文本,标签\n很好,1\n坏了,0\n"
READERS = (read_examples, read_mentions, read_relations, read_events, read_passages)


@pytest.mark.parametrize(
    "content, message",
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "pointer of Git LFS.*git lfs pull",
        ),
        (b"PK\x03\x04\x14\x00", "workbook or a zip archive; .* end in .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", r"old workbook \(.xls\)"),
        (gzip.compress(TABLE.encode(), mtime=0), "is gzipped; let its name end in .gz"),
        (TABLE.encode("utf-16")[:-1], "a.csv:3: The file ends within a character"),
        (b"\x00" * 4096, "NUL bytes"),
        (TABLE.encode() + "坏".encode("gb18030"), r"a.csv:4: Byte 1 .*valid GB 18030\).*iconv"),
        (
            TABLE.encode("gb18030") + b"\xba\xc3\xff,1",
            "a.csv:4: Byte 1 .*, nor byte 3 GB 18030",
        ),
        (b"PAR1\x15\x04", "a Parquet file"),
    ],
)
def test_what_a_file_is(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_examples(tmp_path / "a.csv")


def test_byte_order_marks_and_old_line_ends(tmp_path):
    path = tmp_path / "a.csv"
    for content in (TABLE, "\ufeff" + TABLE, "\ufeff\ufeff" + TABLE, TABLE.replace("\n", "\r")):
        path.write_bytes(content.encode())
        assert [e.label for e in read_examples(path)] == ["1", "0"]
    path.write_bytes(TABLE.encode() + b"\xe5\xa5\xbd\xe5\n")
    with pytest.raises(DataError, match="a.csv:4: Byte 4 of the line is not UTF-8"):
        read_examples(path)


def test_a_workbook_is_named(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(gzip.compress(b"x"))
    with pytest.raises(DataError, match="a.xlsx: The file is no workbook that can be read"):
        read_examples(path)
    path = path.with_suffix(".xls")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1")
    with pytest.raises(DataError, match=r"old workbook \(.xls\); save it as .xlsx or .csv"):
        read_examples(path)


def test_a_line_without_end(tmp_path):
    path = tmp_path / "a.tsv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(LONGEST // (1 << 20) + 1):
            file.write(b"a" * (1 << 20))
    with pytest.raises(DataError, match="a.tsv.gz:1: The line has more than 64 MiB"):
        for _ in read_lines(path):
            pass


DEEP = "[" * 100_000
DIGITS = "9" * 6000
HOSTILE = (
    DEEP,
    '{"a":' * 50_000,
    '[{"a":' * 50_000,
    f'{{"text": {DIGITS}}}',
    f'{{"text": "a", "label": {DIGITS}, "mentions": {DIGITS}}}',
)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("line", HOSTILE)
def test_json_that_is_hostile(tmp_path, read, line):
    (tmp_path / "a.json").write_text(line + "\n")
    with pytest.raises(DataError, match="a.json"):
        read(tmp_path / "a.json")


@pytest.mark.parametrize(
    "read, fields",
    [
        (read_examples, {"text": "好", "label": "\ud83d"}),
        (partial(read_examples, separator="|"), {"text": "好", "label": ["a", "\ud83d"]}),
        (read_mentions, {"text": "好人", "mentions": [[0, 1, "\ud83d"]]}),
        (read_relations, {"text": "甲乙", "triple_list": [["甲", "\ud83d", "乙"]]}),
        (read_events, {"text": "甲乙", "events": [{"type": "\ud83d", "parts": [
            {"start": 0, "end": 1, "role": "r"}]}]}),
        (read_passages, {"question": "谁", "text": "甲乙", "answers": [], "id": "\ud83d"}),
    ],
)  # fmt: skip
def test_half_a_character_anywhere_is_named_by_line(tmp_path, read, fields):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(fields) + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl:1: Character \d of the \w+ is half a surrogate"):
        read(path)


def test_bad_bytes_in_lines_of_json_are_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    good = json.dumps({"text": "ab", "mentions": [[0, 1, "X"]]}).encode()
    path.write_bytes(b"\n".join([good, b'{"text": "\xff"}', good]))
    with pytest.raises(DataError, match="a.jsonl:2: Byte 11"):
        read_mentions(path)
    examples = read_mentions(path, skip_bad=True)
    assert len(examples) == 2 and "a.jsonl:2: " in examples.skipped[0]


def hostile_relations(path):
    path.write_text(f"#doc 1\n0\tA\tO\t{'-' * 200_000}\t[0]\n")
    return read_relations, path


def hostile_tags(path):
    path.write_text(f"#doc 1\n0\tA\tB-{'-' * 200_000} \t['N']\t[0]\n")
    return read_relations, path


def hostile_places(path):
    line = {"text": "a" * 200_000, "triple_list": [["a" * 50_000, "p", "a" * 50_000]]}
    path = path.with_suffix(".json")
    path.write_text(json.dumps(line))
    return read_relations, path


def hostile_combinations(path):
    line = {"text": "a b " * 2000, "triple_list": [["a", "p", "b"]] * 20}
    path = path.with_suffix(".json")
    path.write_text(json.dumps(line))
    return read_relations, path


@pytest.mark.parametrize(
    "hostile", [hostile_relations, hostile_tags, hostile_places, hostile_combinations]
)
def test_hostile_relations_are_refused_at_once(tmp_path, hostile):
    read, path = hostile(tmp_path / "a.txt")
    start = time.perf_counter()
    with pytest.raises(DataError):
        read(path)
    assert time.perf_counter() - start < 5


def test_numbers_beyond_those_of_floats(tmp_path):
    from playmask.tasks.classification.regress import TextRegressor
    from playmask.tasks.classification.settings import RegressorSettings

    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a", "score": 10**400}) + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl:1: "):
        TextRegressor.parse(RegressorSettings(), path)
