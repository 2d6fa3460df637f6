"""Added tokens: read from every file that may name them, matched as by `tokenizers`, and saved."""

import json
import pickle
import shutil
import warnings

import piece_models as tiny
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from playmask.errors import ConfigError, DataError
from playmask.tokenizers import Tokenizer, occurring
from playmask.tokenizers.added_tokens import FLAGS, AddedToken
from playmask.tokenizers.bpe import byte_letters
from playmask.tokenizers.bpe import specification as bpe_specification
from playmask.tokenizers.wordpiece import specification

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a b e 1 [ ] 猫 ##1 ##b ##e new ##x".split()
TEXT = "a[e1]猫"
PLAIN = {"added_tokens.json": {"[e1]": 17}}
FLAGLESS = dict.fromkeys(FLAGS, False)


def written(directory, files, vocab=WORDS):
    directory.mkdir(exist_ok=True)
    (directory / "vocab.txt").write_text("".join(f"{w}\n" for w in vocab), encoding="utf-8")
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content), encoding="utf-8")
    return directory


def row(text, number=None, **flags):
    number = {} if number is None else {"id": number}
    return {"content": text, **FLAGLESS, **flags, **number}


@pytest.mark.parametrize(
    "files",
    [
        PLAIN,
        {"tokenizer_config.json": {"added_tokens_decoder": {"17": row("[e1]")}}},
        {"tokenizer.json": specification(WORDS) | {"added_tokens": [row("[e1]", 17)]}},
        {"tokenizer.json": specification(WORDS), **PLAIN},
        PLAIN | {"tokenizer_config.json": {"added_tokens_decoder": {"17": row("[e1]")}}},
    ],
)
def test_a_token_of_any_file_is_found_in_texts(tmp_path, files):
    tokenizer = Tokenizer.load(written(tmp_path, files))
    encoding = tokenizer.encode(TEXT)
    assert encoding.ids == [2, 5, 17, 11, 3]
    assert encoding.offsets == [(0, 0), (0, 1), (1, 5), (5, 6), (0, 0)]
    assert tokenizer.encode([TEXT, "b"], ["[e1]", TEXT])[1].ids == [2, 6, 3, 5, 17, 11, 3]
    assert tokenizer.decode(encoding.ids) == "a [e1]猫" and len(tokenizer) == 18
    saved = tokenizer.save(tmp_path / "new", vocab=True)
    lines = (saved / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert lines == WORDS and json.loads((saved / "added_tokens.json").read_text()) == {"[e1]": 17}
    for again in (saved, saved / "vocab.txt"):
        assert Tokenizer.load(again).encode(TEXT) == encoding
    assert pickle.loads(pickle.dumps(tokenizer)).encode(TEXT) == encoding
    other = tokenizers.Tokenizer.from_file(str(saved / "tokenizer.json"))
    assert other.encode(TEXT).ids == encoding.ids and other.get_vocab_size() == 18


SPECIAL = [
    {"special_tokens_map.json": {"additional_special_tokens": ["[e1]"]}, **PLAIN},
    {"special_tokens_map.json": {"additional_special_tokens": [row("[e1]")]}, **PLAIN},
    {"tokenizer_config.json": {"additional_special_tokens": ["[e1]"]}, **PLAIN},
    {"tokenizer_config.json": {"extra_special_tokens": {"entity": "[e1]"}}, **PLAIN},
    {"tokenizer_config.json": {"added_tokens_decoder": {"17": row("[e1]", special=True)}}},
    {"tokenizer.json": specification(WORDS) | {"added_tokens": [row("[e1]", 17, special=True)]}},
]


@pytest.mark.parametrize("files", SPECIAL)
def test_a_special_one_is_found_where_it_is_a_marker(tmp_path, files):
    written(tmp_path, files)
    usual = Tokenizer.load(tmp_path)
    assert usual.encode(TEXT).ids == [2, 5, 9, 7, 12, 10, 11, 3]
    assert usual.token_to_id("[e1]") == 17
    tokenizer = Tokenizer.load(tmp_path, markers=["[e1]"])
    assert tokenizer.encode(TEXT).ids == [2, 5, 17, 11, 3]
    assert tokenizer.decode([5, 17, 11]) == "a 猫".replace(" ", "")
    for vocab in (False, True):
        saved = Tokenizer.load(tokenizer.save(tmp_path / "new", vocab=vocab))
        assert saved.encode(TEXT) == tokenizer.encode(TEXT)
    assert Tokenizer.load(tmp_path / "new" / "vocab.txt").encode(TEXT) == usual.encode(TEXT)


def test_any_token_can_be_a_marker(tmp_path):
    written(tmp_path, {}, [*WORDS, "[unused1]"])
    text = "a[unused1]b [MASK]"
    assert Tokenizer.load(tmp_path, markers=["[unused1]", "[MASK]"]).encode(text).ids == [
        *(2, 5, 17, 6, 4, 3)
    ]
    assert not {4, 17} & set(Tokenizer.load(tmp_path).encode(text).ids)
    for markers, message in ((["[E]"], "no token '\\[E\\]' for markers"), ("[e1]", "give a list")):
        with pytest.raises(ConfigError, match=message):
            Tokenizer.load(tmp_path, markers=markers)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"added_tokens.json": {"[e1]": 5}},
            r"added_tokens.json gives '\[e1\]' the id 5, which 'a'",
        ),
        ({"added_tokens.json": {"a": 17}}, r"gives 'a' the id 17, .*vocab.txt gives it 5"),
        ({"added_tokens.json": {"x": 17, "y": 17}}, "gives 'y' the id 17, which 'x' has in"),
        (
            PLAIN | {"tokenizer_config.json": {"added_tokens_decoder": {"18": row("[e1]")}}},
            r"added_tokens.json gives '\[e1\]' the id 17, .*added_tokens_decoder gives it 18",
        ),
        (
            PLAIN | {"tokenizer.json": specification(WORDS) | {"added_tokens": [row("x", 17)]}},
            r"added_tokens.json gives '\[e1\]' the id 17, which 'x' has in .*tokenizer.json",
        ),
        ({"added_tokens.json": {"[e1]": 10**8}}, "18 tokens, but the id 100000000"),
        ({"added_tokens.json": {"[e1]": "17a"}}, r"'\[e1\]' has the id '17a'"),
        ({"added_tokens.json": {"[e1]": 10**30}}, "not a row of an embedding"),
        ({"added_tokens.json": [1]}, "must be a JSON object"),
        ({"special_tokens_map.json": {"cls_token": 3}}, "cls_token is 3"),
        ({"special_tokens_map.json": {"additional_special_tokens": "x"}}, "must be a list"),
        ({"special_tokens_map.json": {"additional_special_tokens": [1]}}, r"tokens\[0\] is 1"),
        ({"tokenizer_config.json": {"added_tokens_decoder": [1]}}, "must be an object"),
        ({"tokenizer_config.json": {"added_tokens_decoder": {"x": row("y")}}}, "has the id 'x'"),
        ({"tokenizer_config.json": {"added_tokens_decoder": {"17": "y"}}}, "must be an object"),
        (
            {"tokenizer_config.json": {"added_tokens_decoder": {"17": row("y", lstrip="no")}}},
            "has lstrip 'no'",
        ),
        ({"tokenizer.json": specification(WORDS) | {"added_tokens": {}}}, "must be a list"),
        ({"tokenizer.json": specification(WORDS) | {"added_tokens": [{"id": 17}]}}, "content None"),
        ({"added_tokens.json": {"a\ud800": 17}}, "half a surrogate pair"),
    ],
)
def test_contradictions_and_damage_are_refused(tmp_path, files, message):
    written(tmp_path, files)
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


def test_two_descriptions_are_said(tmp_path):
    decoder = {"added_tokens_decoder": {"17": row("[e1]", lstrip=True)}}
    content = specification(WORDS) | {"added_tokens": [row("[e1]", 17)]}
    written(tmp_path, {"tokenizer.json": content, "tokenizer_config.json": decoder})
    with pytest.warns(UserWarning, match=r"lstrip=False of '\[e1\]', .*decoder says True"):
        assert Tokenizer.load(tmp_path).encode("a [e1]").ids == [2, 5, 17, 3]
    written(tmp_path, {"special_tokens_map.json": {"additional_special_tokens": ["[e9]"]}})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Tokenizer.load(tmp_path / "vocab.txt")
    assert any("'[e9]', which no file gives an id" in str(one.message) for one in caught)


def test_two_tokens_of_one_role_are_said(tmp_path):
    written(tmp_path, {"tokenizer_config.json": {"mask_token": "a"}})
    written(tmp_path, {"special_tokens_map.json": {"mask_token": "b"}})
    with pytest.warns(UserWarning, match="mask_token is 'b', .*_config.json beside it says 'a'"):
        assert Tokenizer.load(tmp_path).mask == WORDS.index("b")


def test_files_from_before_are_brought_in_line(tmp_path):
    """A tokenizer saved beside the files of another one is read back as it was."""
    files = PLAIN | {"tokenizer_config.json": {"added_tokens_decoder": {"17": row("[e1]")}, "x": 1}}
    tokenizer = Tokenizer.load(written(tmp_path, files))
    pruned = tokenizer.keep([0, 1, 2, 3, 17, 5, 11])
    assert pruned.encode(TEXT).ids == [2, 5, 4, 6, 3]
    pruned.save(tmp_path)
    assert Tokenizer.load(tmp_path).encode(TEXT).ids == [2, 5, 4, 6, 3]
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["x"] == 1
    pruned.keep([0, 1, 2, 3, 5]).save(tmp_path)
    assert len(Tokenizer.load(tmp_path)) == 5
    assert json.loads((tmp_path / "added_tokens.json").read_text()) == {}


def test_roles_that_files_declare(tmp_path):
    """GPT-2 has no padding of its own; who adds one says so in special_tokens_map.json."""
    vocab = {letter: n for n, letter in enumerate([*byte_letters().values(), "<|endoftext|>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "added_tokens.json").write_text('{"[PAD]": 257}')
    eos = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(eos | {"pad_token": "[PAD]"}))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.special == {"sep": 256, "pad": 257} and tokenizer.pad == 257
    assert 257 not in tokenizer.encode("[PAD]").ids
    saved = Tokenizer.load(tokenizer.save(tmp_path / "new", vocab=True))
    assert saved.special == tokenizer.special and saved.keep(range(258)).pad == 257


def test_the_roles_of_a_vocabulary_with_other_names(tmp_path):
    words = ["<pad>", "<unk>", "<s>", "</s>", "a"]
    files = {"special_tokens_map.json": {"pad_token": "<pad>", "unk_token": "<unk>"}}
    written(tmp_path, files, words)
    with pytest.raises(DataError, match=r"not \[CLS\], \[SEP\]"):
        Tokenizer.load(tmp_path)
    roles = {"cls_token": "<s>", "sep_token": {"content": "</s>"}}
    written(tmp_path, {"tokenizer_config.json": roles}, words)
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("a z").ids == [2, 4, 1, 3]
    assert Tokenizer.load(tokenizer.save(tmp_path / "new")).encode("a z").ids == [2, 4, 1, 3]


BYTES = [*byte_letters().values()]
CONTENTS = ["[e1]", "[E1]", "new", "b", "<x y>", "猫b", "é", "NEW", "ne"]
FLAG_SETS = st.fixed_dictionaries({flag: st.booleans() for flag in FLAGS[:4]})
TEXTS = st.lists(
    st.sampled_from([*CONTENTS, "a", "e", "1", "猫", " ", "  ", "é", "É", ".", "newb", "x"]),
    max_size=12,
).map("".join)
KINDS = {
    "WordPiece": specification(WORDS),
    "cased": specification(WORDS, lowercase=False),
    "BPE": bpe_specification({t: n for n, t in enumerate([*BYTES, "ne"])}, [("n", "e")]),
    "spaced": bpe_specification({t: n for n, t in enumerate(BYTES)}, [], prefix_space=True),
}


def added(names, flags, start):
    rows = zip(names, flags, strict=False)
    return [row(name, n, **some) for n, (name, some) in enumerate(rows, start)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from(CONTENTS), unique=True, min_size=1, max_size=4),
    flags=st.lists(FLAG_SETS, min_size=4, max_size=4),
    texts=st.lists(TEXTS, min_size=1, max_size=4),
)
def test_texts_are_cut_as_by_tokenizers(kind, names, flags, texts):
    content = KINDS[kind]
    names = [name for name in names if name not in content["model"]["vocab"]] or ["[e1]"]
    size = len(content["model"]["vocab"])
    rows = added(names, flags, size)
    if {"[e1]", "[E1]"} <= {r["content"] for r in rows if r["normalized"]} and kind == "WordPiece":
        rows = [r | {"normalized": False} for r in rows]  # which one is found is left to chance
    content = content | {"added_tokens": rows}
    reference = tokenizers.Tokenizer.from_str(json.dumps(content))
    tokenizer = Tokenizer(content)
    for text in texts:
        expected = reference.encode(text, add_special_tokens=False)
        encoding = tokenizer.encode(text, special=False)
        assert encoding.ids == expected.ids
        for number, span, theirs in zip(
            encoding.ids, encoding.offsets, expected.offsets, strict=True
        ):
            if number >= size:
                assert text[slice(*span)] == text[slice(*theirs)].strip()
    saved = Tokenizer(json.loads(json.dumps(tokenizer._content())))
    assert saved.encode(texts) == tokenizer.encode(texts)
    assert (
        tokenizers.Tokenizer.from_str(json.dumps(tokenizer._content()))
        .encode(texts[0], add_special_tokens=False)
        .ids
        == tokenizer.encode(texts[0], special=False).ids
    )
    order = [*range(size, len(tokenizer)), *range(size)]
    pruned = tokenizer.keep(order)
    for text in texts:
        ids = pruned.encode(text, special=False).ids
        assert [order[number] for number in ids] == tokenizer.encode(text, special=False).ids


@pytest.mark.parametrize("name", ["t5", "xlnet", "bpe", "mt5", "plain"])
def test_sentencepiece_models(tmp_path, name):
    """Each part of a text between added tokens is a text of its own, as in `tokenizers`."""
    (tmp_path / "spiece.model").write_bytes(tiny.model(name))
    plain = Tokenizer.load(tmp_path)
    size = len(plain)
    tokens = {"[e1]": size, "<X>": size + 1, "the dogs": size + 2}
    (tmp_path / "added_tokens.json").write_text(json.dumps(tokens))
    tokenizer, library = Tokenizer.load(tmp_path), tiny.processor(name)
    assert len(tokenizer) == size + 3 and tokenizer.token_to_id("<X>") == size + 1
    text = "fox[e1]the dogs<X> 今天"
    encoding = tokenizer.encode(text, special=False)
    expected = [*library.encode("fox"), size, size + 2, size + 1, *library.encode(" 今天")]
    assert encoding.ids == expected
    spans = dict(zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True))
    assert (spans["[e1]"], spans["the dogs"], spans["<X>"]) == ((3, 7), (7, 15), (15, 18))
    assert encoding.offsets[-1][1] == len(text)
    assert tokenizer.decode(encoding.ids).replace(" ", "") == text.replace(" ", "")
    saved = tokenizer.save(tmp_path / "new", vocab=True)
    own = plain.save(tmp_path / "plain", vocab=True)
    assert (saved / "spiece.model").read_bytes() == (own / "spiece.model").read_bytes()
    for again in (saved, saved / "spiece.model"):
        assert Tokenizer.load(again).encode([text, "<X>"], [text, "a"]) == tokenizer.encode(
            [text, "<X>"], [text, "a"]
        )
    if name != "bpe":  # there `tokenizers` puts a space before the first part only
        other = tokenizers.Tokenizer.from_file(str(saved / "tokenizer.json"))
        assert other.encode(text, add_special_tokens=False).ids == encoding.ids
    keep_tokens = occurring(tokenizer, [text])[::-1]
    pruned = tokenizer.keep(keep_tokens)
    assert [keep_tokens[n] for n in pruned.encode(text).ids] == tokenizer.encode(text).ids
    assert Tokenizer.load(pruned.save(tmp_path / "pruned")).encode(text) == pruned.encode(text)


def test_a_sentencepiece_tokenizer_json_of_other_programs(tmp_path):
    (tmp_path / "spiece.model").write_bytes(tiny.model("xlnet"))
    size = len(Tokenizer.load(tmp_path))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"[e1]": size}))
    tokenizer = Tokenizer.load(tmp_path)
    content = tokenizer._content()
    del content["model"]["playmask"]
    foreign = Tokenizer(content)
    text = "fox[e1]the dogs 今天"
    assert foreign.encode(text).ids == tokenizer.encode(text).ids
    assert foreign.encode(text).offsets == tokenizer.encode(text).offsets
    again = Tokenizer.load(foreign.save(tmp_path / "new"))
    assert again.encode(text) == foreign.encode(text)
    keep_tokens = occurring(foreign, [text])[::-1]
    ids = foreign.keep(keep_tokens).encode(text).ids
    assert [keep_tokens[n] for n in ids] == foreign.encode(text).ids


def test_ids_between_added_tokens_stay_empty(tmp_path):
    tokenizer = Tokenizer.load(written(tmp_path / "a", {"added_tokens.json": {"x y": 19, "z": 22}}))
    assert tokenizer.vocabulary[17:] == ("", "", "x y", "", "", "z")
    assert tokenizer.encode("ax y z").ids == [2, 5, 19, 22, 3]
    saved = Tokenizer.load(tokenizer.save(tmp_path / "b", vocab=True))
    assert saved.encode("ax y z").ids == [2, 5, 19, 22, 3]
    shutil.copy(tmp_path / "b" / "vocab.txt", tmp_path / "a")
    assert Tokenizer.load(tmp_path / "a").encode("ax y z").ids == [2, 5, 19, 22, 3]
    (tmp_path / "spiece.model").write_bytes(tiny.model("t5"))
    size = len(Tokenizer.load(tmp_path))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"x y": size + 3, "zz": size + 6}))
    pieces = Tokenizer.load(tmp_path)
    assert pieces.encode("x yzz").ids[:-1] == [size + 3, size + 6]
    assert Tokenizer.load(pieces.save(tmp_path / "c")).encode("x yzz") == pieces.encode("x yzz")


def test_a_special_token_that_is_a_word_is_not_found():
    token = AddedToken("new", WORDS.index("new")).json()
    tokenizer = Tokenizer(specification(WORDS) | {"added_tokens": [token]})
    assert tokenizer.encode("new", special=False).ids == [1]
    assert tokenizer.token_to_id("new") == WORDS.index("new")
    assert Tokenizer(tokenizer._content()).encode("new", special=False).ids == [1]


def test_tokens_of_the_same_normalised_text_are_found_as_written():
    rows = [row("[e1]", 17, normalized=True), row("[E1]", 18, normalized=True)]
    for _ in range(5):
        tokenizer = Tokenizer(specification(WORDS) | {"added_tokens": rows})
        assert tokenizer.encode("[E1][e1]", special=False).ids == [18, 17]
    assert tokenizer.extend(["[f]"]).encode("[F][E1]", special=False).ids == [19, 18]


def test_words_are_segmented_between_added_tokens(tmp_path):
    pytest.importorskip("jieba").setLogLevel(60)
    tokenizer = Tokenizer.load(written(tmp_path, PLAIN), words="jieba")
    encoding = tokenizer.encode("猫[e1] a1[E1]", special=False)
    assert encoding.ids == [11, 17, 5, 12, 17]
    assert encoding.offsets == [(0, 1), (1, 5), (6, 7), (7, 8), (8, 12)]
    saved = Tokenizer.load(tokenizer.save(tmp_path / "new"))
    assert saved.encode("猫[e1] a1[E1]", special=False) == encoding


def test_extended(tmp_path):
    tokenizer = Tokenizer(specification(WORDS))
    extended = tokenizer.extend(["[E1]", "猫a"])
    assert extended.encode("[e1]猫a猫", special=False).ids == [17, 18, 11]
    assert len(extended) == 19 and extended.special == tokenizer.special
    assert Tokenizer.load(extended.save(tmp_path)).encode("猫a") == extended.encode("猫a")
    assert tokenizer.extend({"x y": 20}).encode("x y", special=False).ids == [20]
    for tokens, message in (
        (["a"], "'a' is in the vocabulary"),
        (["x", "y", "x"], "'x' is in the vocabulary already, or comes twice"),
        ("[E1]", "give a list"),
        ([["x"]], "give a list"),
    ):
        with pytest.raises(ConfigError, match=message):
            tokenizer.extend(tokens)
    with pytest.raises(DataError, match=r"added_tokens\[5\]"):
        tokenizer.extend([""])


@pytest.mark.parametrize("name", ["t5", "xlnet", "mt5"])
def test_special_tokens_that_no_file_calls_so_are_not_found(tmp_path, name):
    (tmp_path / "spiece.model").write_bytes(tiny.model(name))
    content = Tokenizer.load(tmp_path)._content() | {"added_tokens": []}
    del content["model"]["playmask"]
    tokenizer = Tokenizer(content)
    reached = set(tokenizer.encode("</s> <pad><sep> <mask>", special=False).ids)
    assert not reached & {n for role, n in tokenizer.special.items() if role != "unk"}
