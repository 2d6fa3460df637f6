"""Byte-pair encoding against a reference in plain Python, and its files."""

import json
import pickle

import bpe_reference as reference
import piece_models as tiny
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from playmask.errors import ConfigError, DataError, InputError
from playmask.tokenizers import Tokenizer, occurring
from playmask.tokenizers.bpe import BYTES, byte_letters, specification
from playmask.tokenizers.vocabulary_files import present

TEXTS = [
    *tiny.texts(),
    "I'm we'll they'd  it's 'S o'clock",
    "\n\n a\n",
    "a \u3000 b",
    "x\u2028 y",
    "  ",
]
MERGES = reference.learn(tiny.corpus(), 120)
RANKS = {pair: rank for rank, pair in enumerate(MERGES)}
LETTERS = list(reference.LETTER_OF.values())
TOKENS = [*LETTERS, *(left + right for left, right in MERGES)]
GPT2 = {token: n for n, token in enumerate([*TOKENS, "<|endoftext|>"])}
ROBERTA = {t: n for n, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", *TOKENS, "<mask>"])}
PLAIN = Tokenizer(specification(GPT2, MERGES))


def write(directory, vocab=GPT2, merges=MERGES, config=None):
    directory.mkdir(exist_ok=True)
    (directory / "vocab.json").write_text(json.dumps(vocab))
    lines = "".join(f"{left} {right}\n" for left, right in merges)
    (directory / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    if config:
        (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return directory


def expected(text):
    """Name each token with its span, the space before a word left out."""
    rows = []
    for token, start, stop in reference.tokens(text, RANKS):
        if token.startswith("Ġ") and token.strip("Ġ") and text[start:stop].strip():
            start += len(text[start:stop]) - len(text[start:stop].lstrip())
        rows.append((token, (start, stop)))
    return rows


def found(tokenizer, text):
    encoding = tokenizer.encode(text, special=False)
    return list(zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True))


def test_the_letters_of_bytes():
    assert byte_letters() == reference.LETTER_OF and len(BYTES) == 256
    assert byte_letters()[ord(" ")] == "Ġ"


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_spans_and_text(text):
    assert found(PLAIN, text) == expected(text)
    assert PLAIN.decode(PLAIN.encode(text).ids) == text


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab '\n\t1२½é中😀．̀​\x85\x1c\xa0" + "the quick"), max_size=30))
def test_tokens_of_random_texts(text):
    assert found(PLAIN, text) == expected(text)


def test_a_character_of_several_tokens_is_the_span_of_each():
    assert [span for _, span in found(PLAIN, "a😀")] == [(0, 1), *[(1, 2)] * 4]
    ids = PLAIN.encode("😀").ids
    assert PLAIN.decode(ids[:3]) == "\ufffd" and PLAIN.decode(ids) == "😀"


def test_a_space_put_before_a_text_covers_nothing(tmp_path):
    tokenizer = Tokenizer.load(write(tmp_path, config={"add_prefix_space": True}))
    for text in TEXTS:
        if text and not text[0].isspace():
            shifted = [(token, (a - 1, b - 1)) for token, (a, b) in expected(" " + text)]
            if shifted[0][0] == "Ġ":
                shifted[0] = ("Ġ", (0, 0))
            assert found(tokenizer, text) == shifted
        assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text.strip()


def test_frames_of_gpt2_and_roberta(tmp_path):
    gpt2 = Tokenizer.load(write(tmp_path / "gpt2"))
    assert gpt2.special == {"sep": len(TOKENS)} and gpt2.pad is gpt2.unk is gpt2.cls is None
    ids = gpt2.encode("fox").ids
    assert ids == gpt2.encode("fox", special=False).ids
    assert gpt2.decode([*ids, gpt2.sep]) == "fox"
    roberta = Tokenizer.load(write(tmp_path / "roberta", ROBERTA))
    pair = roberta.encode("a", "b")
    assert roberta.tokens(pair.ids) == ["<s>", "a", "</s>", "</s>", "b", "</s>"]
    assert (pair.segments, pair.sources) == ([0] * 6, [-1, 0, -1, -1, 1, -1])
    assert roberta.tokens(roberta.encode("a").ids) == ["<s>", "a", "</s>"]
    assert [roberta.cls, roberta.pad, roberta.sep, roberta.unk] == [0, 1, 2, 3]
    assert roberta.mask == len(ROBERTA) - 1 and roberta.decode(pair.ids) == "ab"
    for token in roberta.special:
        written = roberta.encode(roberta.vocabulary[roberta.special[token]], special=False).ids
        assert not set(written) & set(roberta.special.values())
    cut = roberta.encode("fox " * 9, "dogs", max_length=9)
    assert len(cut) == 9 and roberta.tokens(cut.ids).count("</s>") == 3


@pytest.mark.parametrize("vocab", [GPT2, ROBERTA])
@pytest.mark.parametrize("prefix", [False, True])
def test_saved_is_loaded(tmp_path, vocab, prefix):
    tokenizer = Tokenizer.load(write(tmp_path / "a", vocab, config={"add_prefix_space": prefix}))
    tokenizer.save(tmp_path / "b", vocab=True)
    assert {p.name for p in (tmp_path / "b").iterdir()} == {
        *("tokenizer.json", "vocab.json", "merges.txt")
    }
    saved = Tokenizer.load(tmp_path / "b")
    rows = tokenizer.encode(TEXTS, TEXTS[::-1])
    assert saved.encode(TEXTS, TEXTS[::-1]) == rows
    assert (saved.special, saved.vocabulary) == (tokenizer.special, tokenizer.vocabulary)
    assert pickle.loads(pickle.dumps(tokenizer)).encode(TEXTS, TEXTS[::-1]) == rows
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "b" / "tokenizer.json"))
    theirs = other.encode_batch(list(zip(TEXTS, TEXTS[::-1], strict=True)))
    for ours, row, pair in zip(rows, theirs, zip(TEXTS, TEXTS[::-1], strict=True), strict=True):
        if "<" not in "".join(pair):  # they find special tokens in what users write
            assert (row.ids, row.type_ids) == (ours.ids, ours.segments)
    (tmp_path / "b" / "tokenizer.json").unlink()
    (tmp_path / "b" / "tokenizer_config.json").write_text(json.dumps({"add_prefix_space": prefix}))
    assert Tokenizer.load(tmp_path / "b").encode(TEXTS, TEXTS[::-1]) == rows
    assert Tokenizer.load(tmp_path / "b" / "merges.txt").vocabulary == tokenizer.vocabulary


def test_a_pruned_tokenizer_encodes_to_the_mapped_ids(tmp_path):
    tokenizer = Tokenizer.load(write(tmp_path, ROBERTA))
    some = ["the quick brown fox", "我们 去 hello", "", "1234 dogs"]
    keep_tokens = occurring(tokenizer, some)[::-1]
    pruned = tokenizer.keep(keep_tokens)
    assert 261 < len(pruned) < len(tokenizer)
    for text in some:
        old, new = tokenizer.encode(text), pruned.encode(text)
        assert [keep_tokens[number] for number in new.ids] == old.ids
        assert new.offsets == old.offsets
    assert pruned.decode(pruned.encode("😀 lazy").ids) == "😀 lazy"
    pruned.save(tmp_path / "new", vocab=True)
    (tmp_path / "new" / "tokenizer.json").unlink()
    assert Tokenizer.load(tmp_path / "new").encode(some) == pruned.encode(some)
    vocab = json.loads((tmp_path / "new" / "vocab.json").read_text(encoding="utf-8"))
    merges = (tmp_path / "new" / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert all({*line.split(), "".join(line.split())} <= vocab.keys() for line in merges)
    assert 0 < len(merges) < len(MERGES)
    with pytest.raises(InputError, match=r"lacks ! \(id 4\) and 255 more"):
        tokenizer.keep([0, 1, 2, 3])


def test_a_foreign_tokenizer_json(tmp_path):
    """What Hugging Face writes for RoBERTa: other processors, special tokens, unknown ids."""
    content = specification(ROBERTA, MERGES)
    content["post_processor"] = {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    engine = tokenizers.Tokenizer.from_str(json.dumps(content))
    engine.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    engine.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("fox", "dogs") == Tokenizer(specification(ROBERTA, MERGES)).encode(
        "fox", "dogs"
    )
    assert tokenizer.encode("fox", "dogs").ids == engine.encode("fox", "dogs").ids


WORDS = [
    "<unk>",
    *"thequicko",
    *(f"{c}</w>" for c in "thequicko,"),
    "th",
    "the</w>",
    "qu",
    "中</w>",
]
OPENAI = {token: number for number, token in enumerate(WORDS)}
OPENAI_MERGES = [("t", "h"), ("th", "e</w>"), ("q", "u")]


def test_the_first_gpt_marks_ends_of_words(tmp_path):
    tokenizer = Tokenizer.load(write(tmp_path, OPENAI, OPENAI_MERGES))
    text = "The quíck,  THe 中<unk>"
    assert found(tokenizer, text) == [
        ("the</w>", (0, 3)),
        *[("qu", (4, 6)), ("i", (6, 7)), ("c", (7, 8)), ("k</w>", (8, 9)), (",</w>", (9, 10))],
        *[("the</w>", (12, 15)), ("中</w>", (16, 17)), ("<unk>", (17, 18))],
        *[("u", (18, 19)), ("<unk>", (19, 20)), ("k</w>", (20, 21)), ("<unk>", (21, 22))],
    ]
    assert tokenizer.decode(tokenizer.encode("The quick, the").ids) == "the quick , the"
    assert (tokenizer.special, tokenizer.encode("the").ids) == ({"unk": 0}, [OPENAI["the</w>"]])
    saved = Tokenizer.load(tokenizer.save(tmp_path / "new", vocab=True))
    assert saved.encode(text) == tokenizer.encode(text)
    pruned = tokenizer.keep(occurring(tokenizer, ["the"]))
    assert pruned.vocabulary == ("<unk>", "t", "h", "e</w>", "th", "the</w>")
    assert pruned.tokens(pruned.encode("the q").ids) == ["the</w>", "<unk>"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("merges.txt", b"#version: 0.2\nt h\nt\n", "line 3: 't' must be two tokens"),
        ("merges.txt", b"t h e\n", "line 1: 't h e' must be two tokens"),
        ("merges.txt", b"t h\nt  h\n", "line 2"),
        ("merges.txt", b"t h\n\xff h\n", "line 2: .* not UTF-8"),
        ("merges.txt", b"t h\nx y\n", "line 2: 'x' is not in the vocab.json"),
        ("merges.txt", b"t h\n#version: 0.2\n", "line 2: '#version:' is not in"),
        ("merges.txt", b"t \n", "line 1: '' is not in"),
        ("merges.txt", b"h t\n", "line 1: 'ht' is not in the vocab.json"),
        ("vocab.json", b"{", "line 1: not JSON"),
        ("vocab.json", b"\xff", "not UTF-8 at byte 0"),
        ("vocab.json", b"[1]", "must be a JSON object"),
        ("vocab.json", b'{"a": "b"}', "'a' has the id 'b'"),
        ("vocab.json", b'{"a": -1}', "'a' has the id -1"),
        ("vocab.json", b'{"a": 0, "b": 0}', "'b' and 'a' both have id 0"),
        ("tokenizer_config.json", b'{"add_prefix_space": 1}', "add_prefix_space is 1"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, message):
    write(tmp_path, OPENAI, OPENAI_MERGES)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


def test_one_file_alone_is_no_tokenizer(tmp_path):
    write(tmp_path)
    with pytest.raises(ConfigError, match="leave it out"):
        Tokenizer.load(tmp_path, lowercase=True)
    (tmp_path / "merges.txt").unlink()
    assert not present(tmp_path)
    with pytest.raises(ConfigError, match=r"it holds vocab\.json"):
        Tokenizer.load(tmp_path)
    with pytest.raises(DataError, match="model of type None"):
        Tokenizer.load(tmp_path / "vocab.json")


def test_ids_without_a_token_keep_their_rows():
    tokenizer = Tokenizer(specification({"a": 0, "b": 3}, []))
    assert tokenizer.encode("ab").ids == [0, 3] and len(tokenizer) == 4


WORD = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END = len(TOKENS)
QWEN = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        {
            "id": END + n, "content": content, "special": True, "normalized": False,
            "single_word": False, "lstrip": False, "rstrip": False,
        }
        for n, content in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    ],
    "normalizer": {"type": "NFC"},
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORD}, "behavior": "Isolated", "invert": False},
            {
                "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
                "use_regex": False,
            },
        ],
    },
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}},
                 {"SpecialToken": {"id": "<|endoftext|>", "type_id": 1}}],
        "special_tokens": {"<|endoftext|>": {
            "id": "<|endoftext|>", "ids": [END], "tokens": ["<|endoftext|>"]
        }},
    },
    "decoder": None,
    "model": {
        "type": "BPE", "unk_token": None, "byte_fallback": False, "fuse_unk": False,
        "vocab": {token: n for n, token in enumerate(TOKENS)},
        "merges": [list(pair) for pair in MERGES],
    },
}  # fmt: skip
"""A tokenizer.json of the structure of Qwen3-Embedding's."""


def test_a_tokenizer_with_words_of_its_own(tmp_path):
    """Qwen's: one digit a word, line ends apart, NFC; from tokenizer.json, and without it."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(QWEN))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "Qwen2Tokenizer"}')
    texts = [*TEXTS, "I'M 12345 de\u0301ja\u0300  vu\r\n\r\nfoo(bar)\n", "你好，世界"]
    original = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = [original.encode(text).ids for text in texts]
    loaded = Tokenizer.load(tmp_path)
    assert [loaded.encode(text).ids for text in texts] == ids
    ends = [token for letter in "ab" for token in (letter, "<|endoftext|>")]
    assert loaded.tokens(loaded.encode("a", "b").ids) == ends
    markers = Tokenizer.load(tmp_path, markers=["<|im_start|>"])
    first = [each.encode("<|im_start|>a").ids[0] for each in (markers, loaded)]
    assert first[0] == END + 1 != first[1]  # only who asks for it lets texts reach it
    write(tmp_path / "pair", config={"tokenizer_class": "Qwen2Tokenizer"})
    pair, plain = (Tokenizer.load(path) for path in (tmp_path / "pair", write(tmp_path / "gpt2")))
    bare = [row[:-1] for row in ids]
    assert [pair.encode(text, special=False).ids for text in texts] == bare
    assert [plain.encode(text, special=False).ids for text in texts] != bare
