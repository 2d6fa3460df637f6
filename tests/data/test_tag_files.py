"""Files of tokens and tags: how tokens join, where documents begin, bare letters, words."""

import pytest

from playmask.data.annotated import Annotated, Mention
from playmask.data.mentions import read_mentions
from playmask.data.relations import read_relations
from playmask.errors import DataError


def read(tmp_path, content, name="a.bio", **options):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return read_mentions(path, **options)


def tagged(*tokens, between=" "):
    """Tokens of one mention, each on a line."""
    tags = ["B-X", *["I-X"] * (len(tokens) - 1)]
    return "".join(f"{token}{between}{tag}\n" for token, tag in zip(tokens, tags, strict=True))


@pytest.mark.parametrize("between", [" ", "\t"])
@pytest.mark.parametrize(
    "tokens, text",
    [
        (("i", "O", "S", " ", "1", "7"), "iOS 17"),
        (("A", "3", "2", "1", "7"), "A 3 2 1 7"),
        (("买", "iPhone", "15", "了"), "买iPhone 15了"),
        (("A", "3", "买", "了", "，", "x"), "A3买了，x"),
        (("Ann", "Lee", "saw", "."), "Ann Lee saw ."),
        (("中", "国", "ＶＩＰ"), "中国ＶＩＰ"),
        (("서울", "에서"), "서울 에서"),
    ],
)
def test_tokens_join_by_their_script(tmp_path, tokens, text, between):
    """And what was tagged is found again."""
    assert read(tmp_path, tagged(*tokens, between=between)) == [
        Annotated(text, (Mention(0, len(text), "X"),))
    ]


def test_the_whole_file_tells_what_tokens_are(tmp_path):
    """Of characters, those of a text without Chinese join too."""
    first, second = read(tmp_path, tagged("O", "K") + "\n" + tagged("中", "国"))
    assert (first.text, second.text) == ("OK", "中国")
    first, second = read(tmp_path, tagged("O", "K") + "\n" + tagged("中", "国", "OK"))
    assert (first.text, second.text) == ("O K", "中国OK")


def test_how_tokens_join_can_be_said(tmp_path):
    content = tagged("买", "iPhone", "15")
    assert read(tmp_path, content, join="nothing")[0].text == "买iPhone15"
    assert read(tmp_path, content, join="space")[0].text == "买 iPhone 15"


def test_a_token_that_is_a_space_beside_more_columns(tmp_path):
    [example] = read(tmp_path, "i N B-X\n  N I-X\n1 N I-X\n")
    assert example == Annotated("i 1", (Mention(0, 3, "X"),))
    [example] = read(tmp_path, "i\tB-X\n\tI-X\n1\tI-X\n")
    assert example.text == "i 1"


@pytest.mark.parametrize("token", ["#docs", "#doctorwho", "-DOCSTART-ish", "#doc"])
def test_tokens_that_look_like_the_beginning_of_a_document(tmp_path, token):
    [example] = read(tmp_path, f"at O\n{token} B-X\n")
    assert [example.text[m.start : m.end] for m in example.mentions] == [token]


def test_documents(tmp_path):
    lines = ("-DOCSTART- -X- O O\n", "-DOCSTART-\n", "#doc 7\n", "#doc\n", "\n")
    for line in lines:
        assert [e.text for e in read(tmp_path, f"{line}a O\n{line}b O\n")] == ["a", "b"], line
    with pytest.raises(DataError, match="a.bio:2: The line is '#docs'"):
        read(tmp_path, "a O\n#docs\n")


def test_relations_keep_their_tags_with_a_mark(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("#doc 7\n0\t#docs\tB-Org\t['N']\t[0]\n", encoding="utf-8")
    assert [each.text for each in read_relations(path)] == ["#docs"]


def test_a_column_that_numbers_the_tokens_is_none_of_them(tmp_path):
    lines = "1\t张\tB-P\n2\t三\tI-P\n\n1\t在\tO\n"
    assert [e.text for e in read(tmp_path, lines)] == ["张三", "在"]
    assert [e.text for e in read(tmp_path, lines.replace("2\t三", "3\t三"))] == ["1 3", "1"]
    assert [e.text for e in read(tmp_path, "1 B-N\n2 I-N\n")] == ["1 2"]


def test_letters_alone_mark_words(tmp_path):
    [example] = read(tmp_path, "张 B\n三 E\n在 S\n北 B\n京 M\n市 E\n", "a.bmes")
    assert [example.text[m.start : m.end] for m in example.mentions] == ["张三", "在", "北京市"]
    assert {m.label for m in example.mentions} == {"word"}


@pytest.mark.parametrize("name", ["a.txt", "a.utf8", "a.seg"])
def test_words_between_spaces(tmp_path, name):
    examples = read(tmp_path, "张三  在  北京 。\n\n他 用 iPhone 15 ！\n", name)
    assert [each.text for each in examples] == ["张三在北京。", "他用iPhone 15！"]
    assert [m[:2] for m in examples[0].mentions] == [(0, 2), (2, 3), (3, 5), (5, 6)]
    assert "words between spaces" in examples.notes[0]


@pytest.mark.parametrize(
    "text", ["张三在北京。\n我爱你\n", "He saw her .\nI ran .\n", "张 B-X\n三 四 五\n"]
)
def test_texts_that_are_neither_tags_nor_words(tmp_path, text):
    with pytest.raises(DataError, match=r"a\.txt:\d: The line is .*a token and a tag"):
        read(tmp_path, text, "a.txt")
