"""Readers of TSV, CSV, JSONL and plain lines: what they take, and how they refuse."""

import gzip
import random
from pathlib import Path

import pytest

from playmask.data.examples import Example, ordered
from playmask.data.readers import read_examples
from playmask.errors import DataError, InputError

REVIEWS = Path(__file__).parents[2] / "data" / "reviews_zh"


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes) -> Path:
        content = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


WANTED = [Example("很好，推荐", None, "1"), Example('他说"差"', None, "0")]


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.tsv", '很好，推荐\t1\n他说"差"\t0\n'),
        ("a.data", '很好，推荐\t1\n他说"差"\t0'),
        ("a.txt", '\ufeff很好，推荐\t1\r\n他说"差"\t0\r\n\r\n'),
        ("a.tsv.gz", 'text\tlabel\n很好，推荐\t1\n他说"差"\t 0 \n'),
        ("a.tsv", 'qid\tlabel\ttext_a\n7\t1\t很好，推荐\n8\t0\t他说"差"\n'),
        ("a.csv", 'label,review\n1,"很好，推荐"\n0,"他说""差"""\n'),
        ("a.csv", '"很好，推荐",1\r\n"他说""差""",0\r\n'),
        ("a.csv", '\ufeff"很好，推荐",1\n他说"差",0\n'),
        ("a.jsonl", '{"text": "很好，推荐", "label": 1}\n'
         '{"sentence": "他说\\"差\\"", "label": "0"}\n'),
        ("a.json.gz", '{"text": "很好，推荐", "label": 1, "pair": null, "id": 3}\n'
         '{"text": "他说\\"差\\"", "label": 0}'),
    ],
)  # fmt: skip
def test_formats(write, name, content):
    examples = read_examples(write(name, content))
    assert examples == WANTED
    assert examples.skipped == []


def test_pairs_columns_and_headers(write):
    assert read_examples(write("a.tsv", "甲\t乙\t是\n")) == [("甲", "乙", "是")]
    header = write("a.tsv", "sentence1\tsentence2\tlabel\n甲\t乙\t是\n")
    assert read_examples(header) == [("甲", "乙", "是")]
    assert read_examples(header, header=False)[0] == ("sentence1", "sentence2", "label")
    odd = write("a.csv", "Title,y\n甲,1\n")
    assert read_examples(odd, header=True, columns=("text", "label")) == [("甲", None, "1")]
    cola = write("a.tsv", "gj04\t1\t\tOur friends\n")
    assert read_examples(cola, columns=("_", "label", "_", "text")) == [("Our friends", None, "1")]
    assert read_examples(write("a.jsonl", '{"text":"甲","text_b":"乙","label":"是"}')) == [
        ("甲", "乙", "是")
    ]


def test_csv_fields_may_span_lines(write):
    path = write("a.csv", '"一\n\n二, ""三""",1\n四,\n')
    with pytest.raises(DataError, match=r"a\.csv:4: The label is missing"):
        read_examples(path)
    assert read_examples(path, skip_bad=True) == [('一\n\n二, "三"', None, "1")]


def test_prediction_input(write):
    plain = read_examples(write("a.txt", "text\n甲\t乙\n"), labelled=False)
    assert [example.text for example in plain] == ["text", "甲\t乙"]
    assert read_examples(write("a.tsv", "甲\t乙\n"), labelled=False) == [("甲", "乙", None)]
    assert read_examples(write("a.csv", "text\n甲\n"), labelled=False) == [("甲", None, None)]
    assert read_examples(write("a.jsonl", '{"text": "甲"}'), labelled=False) == [("甲", None, None)]
    labelled = write("a.tsv", "甲\t1\n")
    columns = ("text", "label")
    assert read_examples(labelled, labelled=False, columns=columns) == [("甲", None, "1")]


@pytest.mark.parametrize(
    "name, bad, reason",
    [
        ("a.tsv", "丙", r"columns is 1, not 2 as before \(text, label\)"),
        ("a.tsv", "丙\t丁\t1", "columns is 3, not 2"),
        ("a.tsv", "丙\t", "label is missing"),
        ("a.tsv", " \t1", "text is empty"),
        ("a.tsv", "", "line is empty"),
        ("a.tsv", "丙\t好评啊", "'好评啊' is not one of the labels. Did you mean '好评'?"),
        ("a.tsv", b"ab\xff\t1", r"Byte 3 of the line is not UTF-8; convert"),
        ("a.tsv", "丙丁\t好评".encode("gbk"), r"Byte 1 .* \(it is valid GB 18030\); convert"),
        ("a.csv", '"丙" x,1', "quoting is broken: ',' expected after"),
        ("a.jsonl", "{'text': 1}", "not JSON"),
        ("a.jsonl", "[" * 99_999, "not JSON"),
        ("a.jsonl", '["丙", "1"]', "A list came"),
        ("a.jsonl", '{"txt": "丙", "label": 1}', r"names \['txt', 'label'\] are none of a text"),
        ("a.jsonl", '{"text": ["丙"], "label": 1}', r"text is \['丙'\]; a string"),
        ("a.jsonl", '{"text": "丙", "label": {"a": 1}}', "label is {'a': 1}; a string or a number"),
        ("a.jsonl", '{"text": "丙", "label": null}', "label is missing"),
        ("a.jsonl", '{"text": "a\\ud83d", "label": "好评"}', "Character 2 of the text is half"),
    ],
)  # fmt: skip
def test_bad_lines(write, name, bad, reason):
    good = {"a.tsv": "甲\t好评", "a.csv": "甲,好评", "a.jsonl": '{"text": "甲", "label": "好评"}'}[
        name
    ]
    bad = bad.encode() if isinstance(bad, str) else bad
    path = write(name, b"\n".join([good.encode(), bad, good.encode(), b""]))
    with pytest.raises(DataError, match=rf"a\.\w+:2: .*{reason}") as caught:
        read_examples(path, labels=["好评", "差评"])
    examples = read_examples(path, labels=["好评", "差评"], skip_bad=True)
    assert examples == [("甲", None, "好评")] * 2
    assert examples.skipped == [str(caught.value)]


def test_files_that_hold_nothing(write, tmp_path):
    with pytest.raises(DataError, match=r"a\.tsv: The file holds no usable text\.$"):
        read_examples(write("a.tsv", "\n\n"))
    with pytest.raises(DataError, match=r"no usable text \(of 2 bad ones the first: .*a\.tsv:1: "):
        read_examples(write("a.tsv", "甲\n乙\n"), skip_bad=True)
    with pytest.raises(DataError, match=r"a\.tsv: The file holds no usable text\.$"):
        read_examples(write("a.tsv", "text\tlabel\n"))
    with pytest.raises(DataError, match="no such file"):
        read_examples(tmp_path / "none")
    with pytest.raises(DataError, match="a folder"):
        read_examples(tmp_path)
    with pytest.raises(DataError, match=r"format '\.xls' is unknown; known are \.tsv"):
        read_examples(write("a.xls", "甲"))
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(random.randbytes(9_999))[:5_000])
    with pytest.raises(DataError, match=r"cut\.tsv\.gz:\d+: "):
        read_examples(tmp_path / "cut.tsv.gz", labelled=False)
    (tmp_path / "not.tsv.gz").write_text("甲\t1\n")
    with pytest.raises(DataError, match=r"not\.tsv\.gz:1: The gzip data is damaged"):
        read_examples(tmp_path / "not.tsv.gz")


def test_bad_arguments(write):
    with pytest.raises(InputError, match=r"names 'txet'\. Did you mean 'text'"):
        read_examples(write("a.tsv", "甲\t1"), columns=("txet", "label"))
    with pytest.raises(InputError, match="not for JSONL"):
        read_examples(write("a.jsonl", '{"text": "甲", "label": 1}'), header=True)


def test_control_characters_and_line_separators_stay_in_the_text(write):
    for text in ("a\0b", "a\x85b", "a\u2028b", "a\rb", "a\x0bb"):
        assert read_examples(write("a.tsv", f"{text}\t1\n")) == [(text, None, "1")]


def test_labels_are_sorted_as_numbers_where_all_are():
    examples = [Example("a", None, label) for label in ("10", "9", "-1", None, "9")]
    assert ordered(e.label for e in examples if e.label) == ["-1", "9", "10"]
    assert ordered(["x", *(e.label for e in examples if e.label)]) == ["-1", "10", "9", "x"]
    assert ordered([]) == []


def test_bundled_reviews():
    counts = {"train": 16_883, "valid": 2_111, "test": 2_111, "test_clean": 1_393}
    for name, count in counts.items():
        examples = read_examples(REVIEWS / f"{name}.tsv.gz", labels=["0", "1"])
        assert len(examples) == count
