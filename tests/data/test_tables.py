"""Tables: which columns are read, by headers of every kind; delimiters; what is refused."""

import pytest

from playmask.data.inputs import is_table, read_table
from playmask.data.readers import read_examples, read_pairs, read_single
from playmask.errors import DataError, InputError

GOOD, BAD = ("很好", None, "1"), ("坏了", None, "0")


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "name, content, note",
    [
        ("a.csv", "review,sentiment\n很好,1\n坏了,0\n", ""),
        ("a.csv", "text,label,split\n很好,1,x\n坏了,0,y\n", "columns that are not read: split"),
        ("a.csv", "Unnamed: 0,text,label\n0,很好,1\n1,坏了,0\n", "not read: Unnamed: 0"),
        ("a.csv", ",text,label\n0,很好,1\n1,坏了,0\n", ""),
        ("a.csv", "编号,评论内容,情感\n1,很好,1\n2,坏了,0\n", "not read: 编号"),
        ("a.csv", "编号,文本,标签\n1,很好,1\n2,坏了,0\n", "not read: 编号"),
        ("a.csv", " Review Text , LABEL\n很好,1\n坏了,0\n", ""),
        ("a.tsv", '"text"\t"label"\n"很好"\t"1"\n"坏了"\t"0"\n', ""),
        ("a.csv", "label;text\n1;很好\n0;坏了\n", "separated by ';'"),
        ("a.csv", "很好;1\n坏了;0\n", "separated by ';'"),
        ("a.csv", "text\tlabel\n很好\t1\n坏了\t0\n", "separated by '\\t'"),
        ("a.csv", "sep=;\ntext;label\n很好;1\n坏了;0\n", "separated by ';'"),
        ("a.csv", "text,label\r很好,1\r坏了,0", ""),
        ("a.csv", "text,label\r\n很好,1\r\n坏了,0\r\n", ""),
        ("a.txt", "__label__1 很好\n__label__0 坏了\n", ""),
    ],
)
def test_columns_are_found(write, name, content, note):
    examples = read_examples(write(name, content))
    assert examples == [GOOD, BAD]
    assert note in "".join(examples.notes) and bool(note) == bool(examples.notes)


@pytest.mark.parametrize(
    "content, columns",
    [
        ("编号,评语,好坏\n1,很好,1\n2,坏了,0\n", ["text=评语", "label=好坏"]),
        ("编号,评语,好坏\n1,很好,1\n2,坏了,0\n", ["_", "text", "label"]),
        ("编号,text,x,label\n1,很好,a,1\n2,坏了,b,0\n", ["text", "label"]),
        ("label,text\n1,很好\n0,坏了\n", ["text", "label"]),
        ("text,content,label\na,很好,1\nb,坏了,0\n", ["content", "label"]),
        ("1,很好\n0,坏了\n", ["label", "text"]),
    ],
)
def test_columns_are_said(write, content, columns):
    assert read_examples(write("a.csv", content), columns=columns) == [GOOD, BAD]


ROWS = "很好,1\n坏了,0\n"


@pytest.mark.parametrize(
    "content, columns, message",
    [
        ("评语,好坏\n" + ROWS, None, r"'评语', '好坏', of which none .* text=评语,label=好坏\.$"),
        ("编号,评语,好坏\n1,很好,正\n2,坏了,负\n", None, "--columns text=评语,label=好坏"),
        ("comment_x,toxic\n" + ROWS, None, "called 'comment_x', 'toxic'"),
        ("text,toxic\n" + ROWS, None, "none is known as label; .*--columns text=text,label=toxic"),
        ("1,很好,正\n2,坏了,负\n3,一般,负\n", None, "only numbers the lines; .*_,text,label"),
        ("text,text,label\na,b,1\n", None, "Two columns are called 'text'"),
        ("评语,好坏\n" + ROWS, ["text=评论", "label=好坏"], r"'评论'; .*\['评语', '好坏'\]"),
        (ROWS, ["texts=x"], r"FIELD=NAME is due, of the fields text, pair, label"),
        (ROWS, ["评语", "label"], "said as text=NAME"),
    ],
)  # fmt: skip
def test_headers_that_say_too_little(write, content, columns, message):
    with pytest.raises((DataError, InputError), match=message):
        read_examples(write("a.csv", content), columns=columns)


def test_what_looks_like_a_header_and_is_none(write):
    """A class may be called as columns are, and be the only one of its kind."""
    rows = [("问", "question"), ("内容", "question"), ("text", "question")]
    path = write("a.tsv", "".join(f"{text}\t{label}\n" for text, label in rows))
    assert [e[::2] for e in read_examples(path)] == rows
    assert len(read_examples(write("a.tsv", "label\tx\nb\ty\nc\tx\n"))) == 3
    assert len(read_examples(write("a.csv", "标题党，太差了,0\n很好,1\n"))) == 2


def test_words_beside_words_are_no_header(write):
    rows = [("用户", "使用者"), ("时间", "time"), ("text", "文字")]
    for i in range(3):
        turned = rows[i:] + rows[:i]
        path = write("a.tsv", "".join(f"{one}\t{other}\n" for one, other in turned))
        assert [e[:2] for e in read_pairs(path)] == turned


def test_a_rare_class_may_come_first(write):
    rows = [(f"第{i}条新闻的标题", f"类{i % 3}") for i in range(30)]
    rows = [("这是一个很少见的标题", "罕见"), *rows]
    path = write("a.tsv", "".join(f"{text}\t{label}\n" for text, label in rows))
    assert len(read_examples(path)) == 31
    with pytest.raises(DataError, match="'评语', '好坏', of which none"):
        read_examples(
            write(
                "b.tsv", path.read_text("utf-8").replace(rows[0][0], "评语").replace("罕见", "好坏")
            )
        )


def test_a_wrong_label_lists_few_of_many(write):
    labels = [f"类别{i}" for i in range(2000)]
    with pytest.raises(DataError, match="'x' is not one .* and 1976 more") as error:
        read_examples(write("a.tsv", "好\tx\n"), labels=labels)
    assert len(str(error.value)) < 600


def test_a_long_field_and_a_mark_that_is_never_closed(write):
    path = write("a.csv", f'"{"好" * 200_000}",1\n坏,0\n')
    assert [len(e.text) for e in read_examples(path)] == [200_000, 1]
    path = write("a.csv", 'text,label\n好,1\n"坏,0\n差,0\n')
    with pytest.raises(DataError, match=r"a\.csv:3: .* a quotation mark is open up to line 4"):
        read_examples(path)
    assert "up to line 4" in read_examples(path, skip_bad=True).skipped[0]


def test_commas_where_tabs_are_due(write):
    with pytest.raises(DataError, match=r"columns is 1, .*Commas stand where tabs are due"):
        read_examples(write("a.tsv", "好,1\n坏,0\n"))


def test_lines_of_fasttext_have_several_labels(write):
    path = write("a.txt", "__label__a __label__b 很 好\n__label__a 坏\n")
    assert read_examples(path, separator="|") == [("很 好", None, ("a", "b")), ("坏", None, ("a",))]
    with pytest.raises(DataError, match=r"a\.txt:1: .*labels \['a', 'b'\]; .* --multiple"):
        read_examples(path)
    assert is_table(path)


def test_a_table_is_read_alike_for_prediction(write):
    """The labels of a .txt as training reads it are no part of the text."""
    labelled = write("a.txt", "热点\t0\n新闻\t1\n")
    assert is_table(labelled) and not is_table(write("b.txt", "热点\t0\n新闻\n"))
    options = {"pairs": False, "is_label": lambda cell: cell in ("0", "1")}
    assert read_table(labelled, **options) == read_examples(labelled)
    with pytest.raises(DataError, match="a second column that is none of the labels"):
        read_table(write("c.txt", "热点\t甲\n"), **options)
    several = write("d.tsv", "热点\t\n新闻\ta|b\n")
    options = {"pairs": False, "is_label": lambda cell: True, "separator": "|"}
    assert read_table(several, **options) == read_examples(several, separator="|")


def test_single_texts_have_no_second_column(write):
    with pytest.raises(DataError, match=r"a\.tsv:1: There is a second column .*--columns text,_"):
        read_single(write("a.tsv", "甲\t乙\n"))
    assert read_single(write("a.tsv", "甲\t乙\n"), columns=["text", "_"]) == [("甲", None, None)]
    assert read_single(write("a.txt", "甲\t乙\n")) == [("甲\t乙", None, None)]


def test_targets_by_every_name(write):
    wanted = [("甲", "乙", None)]
    assert read_pairs(write("a.csv", "id,原文,译文\n1,甲,乙\n")) == wanted
    assert read_pairs(write("a.jsonl", '{"text": "甲", "label": ["乙"]}')) == wanted
    assert (
        read_pairs(write("a.jsonl", '{"q": "甲", "a": "乙"}'), columns=["source=q", "target=a"])
        == wanted
    )


def test_labels_that_are_the_same_number(write):
    lines = '{"text": "很好", "label": 1.0}\n{"text": "坏了", "label": 0}\n'
    assert read_examples(write("a.jsonl", lines)) == [GOOD, BAD]
    for content in ("很好,1.0\n坏了,0.0\n", "很好,1\n坏了,0\n"):
        assert read_examples(write("a.csv", content), labels=["0", "1"]) == [GOOD, BAD]
    lines = '{"text": "很好", "label": true}\n'
    assert read_examples(write("a.jsonl", lines))[0].label == "true"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label,label_text\n很好,1,positive\n坏了,0,negative\n"),
        ("a.tsv", "标签\t标签名\t文本\n1\tpositive\t很好\n0\tnegative\t坏了\n"),
        (
            "a.jsonl",
            '{"text": "很好", "label": 1, "label_text": "positive"}\n'
            '{"text": "坏了", "label": 0, "label_text": "negative"}\n',
        ),
    ],
)
def test_labels_are_named_in_words_where_a_column_does(write, name, content):
    examples = read_examples(write(name, content))
    assert [each.label for each in examples] == ["positive", "negative"]
    columns = ["text=文本", "label=标签"] if name == "a.tsv" else ["text=text", "label=label"]
    assert [each.label for each in read_examples(write(name, content), columns=columns)] == [
        "1",
        "0",
    ]
