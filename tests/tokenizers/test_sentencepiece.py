"""SentencePiece models of several families against the library `sentencepiece` itself."""

import json
import pickle
import struct
import unicodedata
from typing import Any

import piece_models as tiny
import pytest
import sentencepiece
import tokenizers

from playmask.errors import ConfigError, DataError, InputError
from playmask.protobuf import BYTES, FIXED32, VARINT, field, fields
from playmask.tokenizers import Tokenizer, occurring
from playmask.tokenizers.pieces import BYTE, Piece, Pieces
from playmask.tokenizers.sentencepiece_model import PIECES, read, write
from playmask.tokenizers.vocabulary_files import present

TEXTS = tiny.texts()
FRAMES = {
    "albert": ("[CLS] a [SEP]", "[CLS] a [SEP] b [SEP]"),
    "t5": ("a </s>", "a </s> b </s>"),
    "mt5": ("a </s>", "a </s> b </s>"),
    "xlnet": ("a <sep> <cls>", "a <sep> b <sep> <cls>"),
    "cpm": ("a", "a b"),
    "bpe": ("a", "a b"),
    "plain": ("a", "a b"),
    "fairseq": ("a", "a b"),
    "suffix": ("a", "a b"),
    "phrases": ("a", "a b"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name in tiny.OPTIONS:
        (root / name).mkdir()
        (root / name / "spiece.model").write_bytes(tiny.model(name))
    (root / "albert" / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    return root


@pytest.fixture(scope="module")
def load(folder):
    made = {name: Tokenizer.load(folder / name) for name in tiny.OPTIONS}
    return made.__getitem__


def as_albert(text):
    """Change a text as ALBERT's `preprocess_text` does, but for its spaces."""
    text = unicodedata.normalize("NFKD", text.replace("``", '"').replace("''", '"'))
    return "".join(c for c in text if not unicodedata.combining(c)).lower()


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_ids_and_text_are_those_of_sentencepiece(load, name):
    tokenizer, reference = load(name), tiny.processor(name)
    rows = tokenizer.encode(TEXTS, special=False)
    for text, row in zip(TEXTS, rows, strict=True):
        expected = reference.encode(as_albert(text) if name == "albert" else text)
        assert row.ids == expected, text
        assert tokenizer.encode(text, special=False) == row
        known = [n for n in expected if n != tokenizer.unk]
        decoded = reference.decode(known)  # a byte alone is one U+FFFD there, and some are one here
        assert tokenizer.decode(expected).strip("\ufffd ") == decoded.strip("\ufffd ")


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_frames_and_special_tokens(load, name):
    tokenizer = load(name)
    for texts, tokens in zip((["a"], ["a", "b"]), FRAMES[name], strict=True):
        encoding = tokenizer.encode(*texts)
        assert tokenizer.tokens(encoding.ids) == [
            piece for token in tokens.split() for piece in pieces(tokenizer, token)
        ]
        assert encoding.sources.count(-1) == len(tokens.split()) - len(texts)
    assert tokenizer.decode(encoding.ids).replace(" ", "") == "ab"


def pieces(tokenizer, token):
    if len(token) > 1:
        return [token]
    return tokenizer.tokens(tokenizer.encode(token, special=False).ids)


def theirs(reference, text):
    """Read each token and its span, in characters, out of the proto that the library writes."""
    message = reference.encode(text, out_type="serialized_proto")
    rows = [dict((n, v) for n, _, v in fields(v)) for n, _, v in fields(message) if n == 2]
    content = text.encode()
    return [
        (row[1].decode(), *(len(content[: row.get(key, 0)].decode()) for key in (4, 5)))
        for row in rows
    ]


def is_lost(letter, name):
    """Tell whether the rules of nmt_nfkc make it a space or drop it; "bpe" has no rules."""
    if name == "bpe":
        return letter == " "
    return letter in "\u200b\ufeff▁" or letter.isspace() or letter in "\x01\x7f"


@pytest.mark.parametrize("name", [name for name in tiny.OPTIONS if name != "albert"])
def test_spans_are_those_of_sentencepiece_without_spaces(load, name):
    """Where a character becomes several, theirs has all but one token cover nothing."""
    tokenizer, reference = load(name), tiny.processor(name)
    compared = 0
    for text in TEXTS:
        found = tokenizer.encode(text, special=False).offsets
        for (token, start, stop), span in zip(theirs(reference, text), found, strict=True):
            covered = text[start:stop]
            kept = [place for place in range(start, stop) if not is_lost(text[place], name)]
            assert 0 <= span[0] <= span[1] <= len(text)
            if covered and kept:
                if token.startswith("<0x") or any(map(expands, text[start : stop + 1])):
                    assert span[0] <= kept[-1] < span[1]
                else:
                    assert span == (kept[0], kept[-1] + 1), (text, token)
                    compared += 1
            elif token == "▁" and not covered:
                assert span[0] == span[1]
    assert compared > 1000


def expands(letter):
    """Tell whether a character becomes several, so that a token may end inside of it."""
    return len(unicodedata.normalize("NFKC", letter)) > 1


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("t5", "  玩  the ", [("▁玩", (2, 3)), ("▁the", (5, 8))]),
        ("t5", "㎞", [("▁", (0, 0)), ("k", (0, 1)), ("m", (0, 1))]),
        ("t5", "玩\x01玩", [("▁玩", (0, 1)), ("玩", (2, 3))]),
        ("mt5", "玩😀", [("▁玩", (0, 1)), *((f"<0x{b:02X}>", (1, 2)) for b in "😀".encode())]),
        ("mt5", "cafe\u0301\n", [("▁café", (0, 5))]),
        ("bpe", " 玩", [("▁", (0, 0)), ("▁玩", (1, 2))]),
        ("suffix", "the\tfox", [("the▁", (0, 3)), ("fox", (4, 7))]),
        ("t5", "", []),
    ],
)
def test_spans_of_awkward_texts(load, name, text, rows):
    tokenizer = load(name)
    encoding = tokenizer.encode(text, special=False)
    found = list(zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True))
    assert found == rows


def test_albert_folds_its_texts_and_spans_stay(folder, load):
    tokenizer = load("albert")
    text = "  ``The'' CAFE\u0301 ÉÀ"
    encoding = tokenizer.encode(text, special=False)
    found = list(zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True))
    assert found == [
        *[("▁", (2, 2)), ("<unk>", (2, 4)), ("t", (4, 5)), ("h", (5, 6)), ("e", (6, 7))],
        *[("<unk>", (7, 9)), ("▁", (9, 10)), ("c", (10, 11)), ("a", (11, 12)), ("f", (12, 13))],
        *[("e", (13, 14)), ("▁", (15, 16)), ("e", (16, 17)), ("a", (17, 18))],
    ]
    cased = Tokenizer.load(folder / "albert", lowercase=False)
    assert cased.encode("THE", special=False).ids != cased.encode("the", special=False).ids
    assert tokenizer.encode("THE").ids == tokenizer.encode("thé").ids == cased.encode("the").ids


def test_the_configuration_says_what_is_folded(folder, tmp_path):
    (tmp_path / "any.model").write_bytes(tiny.model("albert"))
    (tmp_path / "tokenizer_config.json").write_text(
        '{"do_lower_case": false, "keep_accents": true}'
    )
    kept = Tokenizer.load(tmp_path)
    assert kept.encode("é", special=False).ids == tiny.processor("albert").encode("é")
    assert kept.encode("É").ids != kept.encode("é").ids != kept.encode("e").ids
    lower = Tokenizer.load(tmp_path, lowercase=True)
    assert lower.encode("É").ids == kept.encode("é").ids


def test_extra_ids_lie_above_the_pieces_of_t5(folder, load, tmp_path):
    tokenizer, size = load("t5"), tiny.processor("t5").get_piece_size()
    assert len(tokenizer) == size + 100
    assert tokenizer.token_to_id("<extra_id_0>") == len(tokenizer) - 1
    assert tokenizer.token_to_id("<extra_id_99>") == size
    assert tokenizer.decode([size, len(tokenizer) - 1]) == ""
    assert len(load("mt5")) == tiny.processor("mt5").get_piece_size()
    assert load("mt5").token_to_id("▁<extra_id_0>") in load("mt5").encode("a <extra_id_0>").ids
    tokenizer.save(tmp_path, vocab=True)
    assert (tmp_path / "spiece.model").read_bytes() == tiny.model("t5")
    (tmp_path / "tokenizer_config.json").write_text('{"extra_ids": 3}')
    few = Tokenizer.load(tmp_path / "spiece.model")
    assert few.vocabulary[size:] == ("<extra_id_2>", "<extra_id_1>", "<extra_id_0>")
    (tmp_path / "tokenizer_config.json").write_text('{"extra_ids": "many"}')
    with pytest.raises(DataError, match="extra_ids is 'many'"):
        Tokenizer.load(tmp_path / "spiece.model")


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_saved_is_loaded(load, name, tmp_path):
    tokenizer = load(name)
    tokenizer.save(tmp_path, vocab=True)
    saved = Tokenizer.load(tmp_path)
    rows = tokenizer.encode(TEXTS, TEXTS[::-1])
    assert saved.encode(TEXTS, TEXTS[::-1]) == rows
    assert (saved.vocabulary, saved.special) == (tokenizer.vocabulary, tokenizer.special)
    again = Tokenizer.load(tmp_path / "spiece.model")
    assert again.vocabulary == tokenizer.vocabulary
    assert again.encode(TEXTS[:50]) == tokenizer.encode(TEXTS[:50])
    assert pickle.loads(pickle.dumps(tokenizer)).encode(TEXTS[:50]) == tokenizer.encode(TEXTS[:50])


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_other_programs_read_the_same(load, name, tmp_path):
    """On texts of words; the module's docstring says where they differ on others."""
    tokenizer = load(name)
    tokenizer.save(tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ordinary = [text.strip() for text in TEXTS if text.strip() and text.isprintable()]
    ordinary = [t for t in ordinary if not set(t) & set("<>[]▁▂▃\u0301\u0308\u200b\u00ad")]
    ordinary = [text for text in ordinary if "`" not in text and "''" not in text]
    ours = [tokenizer.encode(text, "the") for text in ordinary]
    found = other.encode_batch([(text, "the") for text in ordinary])
    differ = [t for t, a, b in zip(ordinary, ours, found, strict=True) if a.ids != b.ids]
    assert len(ordinary) > 150 and not differ
    assert [row.type_ids for row in found] == [row.segments for row in ours]
    if name == "bpe":
        cut = "the<|x|>the"
        assert (
            other.encode(cut).ids
            == tokenizer.encode(cut).ids
            == [*tiny.processor(name).encode(cut)]
        )


def test_a_file_of_other_programs_is_read_as_they_do(load, tmp_path):
    load("t5").save(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    del content["model"]["playmask"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.special == load("t5").special
    text = "the 今天 café x玩"
    assert tokenizer.encode(text, text).ids == load("t5").encode(text, text).ids
    assert tokenizer.encode(text, text).offsets == load("t5").encode(text, text).offsets
    written = tokenizer.encode("</s> <extra_id_0>", special=False).ids
    assert tokenizer.sep not in written and len(tokenizer) - 1 not in written
    assert tokenizer.decode(tokenizer.encode("the 今天").ids) == "the 今天"
    saved = Tokenizer.load(tokenizer.save(tmp_path / "again", vocab=True))
    names = json.loads((tmp_path / "again" / "tokenizer.json").read_text(encoding="utf-8"))
    wanted = [name for name, _ in content["model"]["vocab"]]
    assert [name for name, _ in names["model"]["vocab"]] == wanted
    assert saved.encode([text, "</s>"]) == tokenizer.encode([text, "</s>"])
    kept = tokenizer.keep(occurring(tokenizer, [text]))
    assert kept.tokens(kept.encode(text).ids) == tokenizer.tokens(tokenizer.encode(text).ids)


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_a_pruned_model_encodes_to_the_mapped_ids(load, name, tmp_path):
    tokenizer = load(name)
    some = TEXTS[::7] + tiny.corpus()[:20]
    keep_tokens = occurring(tokenizer, some)[::-1]
    pruned = tokenizer.keep(keep_tokens)
    assert len(pruned) == len(keep_tokens) < len(tokenizer)
    for text in some:
        old, new = tokenizer.encode(text, "the"), pruned.encode(text, "the")
        if "the" in text:
            assert [keep_tokens[number] for number in new.ids] == old.ids
            assert new.offsets == old.offsets
    saved = Tokenizer.load(pruned.save(tmp_path, vocab=True))
    assert saved.encode(some) == pruned.encode(some)
    rebuilt = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    if name != "albert":
        rows = pruned.encode(some, special=False)
        assert [row.ids for row in rows] == rebuilt.encode(some)


def test_mt5_is_cut_to_its_first_and_last_and_frequent_pieces(load):
    tokenizer = load("mt5")
    frequent = set(occurring(tokenizer, tiny.corpus()[:5]))
    first, last = range(359), range(len(tokenizer) - 10, len(tokenizer))
    pruned = tokenizer.keep(sorted({*first, *frequent, *last}))
    assert pruned.vocabulary[:359] == tokenizer.vocabulary[:359]
    assert pruned.tokens(pruned.encode("😀").ids)[-5:] == [
        *("<0xF0>", "<0x9F>", "<0x98>", "<0x80>"),
        "</s>",
    ]
    with pytest.raises(InputError, match=r"lacks <0x00> \(id 103\) and 255 more"):
        tokenizer.keep([0, 1, 2, *range(359, len(tokenizer))])
    with pytest.raises(InputError, match="lacks </s>"):
        load("t5").keep([0, 2, 3, 4])


def test_a_model_is_written_as_it_was_without_its_self_test():
    content = tiny.model("mt5")
    assert write(read(content)) == content
    assert write(read(content + field(4, BYTES, b"\x0a\x00"))) == content


@pytest.mark.parametrize(
    ("name", "text"),
    [("mt5", "<0x41>"), ("t5", "</s>"), ("mt5", "１\u0301")],
)
def test_the_named_differences_of_other_programs(load, tmp_path, name, text):
    load(name).save(tmp_path)
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ours = load(name).encode(text, special=False).ids
    assert other.encode(text, add_special_tokens=False).ids != ours
    assert ours == tiny.processor(name).encode(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it ends after its 0 pieces"),
        (b"no model at all", "not a whole SentencePiece model"),
        (tiny.model("t5")[:1000], "not a whole SentencePiece model: it ends inside"),
        (tiny.model("t5")[:50], "not a whole SentencePiece model"),
        (tiny.model("t5")[: len(tiny.model("t5")) // 2], "it ends inside a field"),
        (write(read(tiny.model("t5"))._replace(rest=b"")), "ends after its 107 pieces"),
    ],
)
def test_damaged_models_are_refused(tmp_path, content, message):
    (tmp_path / "spiece.model").write_bytes(content)
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


def test_the_order_of_files(tmp_path):
    assert not present(tmp_path) and not present(tmp_path / "nothing")
    (tmp_path / "a.model").write_bytes(tiny.model("t5"))
    assert present(tmp_path) and Tokenizer.load(tmp_path).sep == 1
    (tmp_path / "b.model").write_bytes(tiny.model("cpm"))
    assert not present(tmp_path)
    with pytest.raises(ConfigError, match=r"it holds a\.model, b\.model"):
        Tokenizer.load(tmp_path)
    (tmp_path / "chinese_vocab.model").write_bytes(tiny.model("cpm"))
    assert Tokenizer.load(tmp_path).sep == 4
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    assert Tokenizer.load(tmp_path).sep == 3
    Tokenizer.load(tmp_path / "a.model").save(tmp_path)
    assert Tokenizer.load(tmp_path).sep == 1


@pytest.mark.parametrize(
    ("family", "name", "first"),
    [
        ("xlm-roberta", "XLMRobertaTokenizer", ["<s>", "<pad>", "</s>", "<unk>"]),
        ("xlm-roberta", "XLMRobertaTokenizerFast", ["<s>", "<pad>", "</s>", "<unk>"]),
        (
            "camembert",
            "CamembertTokenizer",
            ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"],
        ),
    ],
)
@pytest.mark.parametrize("by_class", [True, False])
def test_ids_that_fairseq_numbers_anew(tmp_path, family, name, first, by_class):
    """Their ids are not the file's; transformers has them as here, in `convert_slow_tokenizer`."""
    (tmp_path / "sentencepiece.bpe.model").write_bytes(tiny.model("fairseq"))
    if by_class:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    else:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": family}))
    tokenizer, library = Tokenizer.load(tmp_path), tiny.processor("fairseq")
    own = [library.id_to_piece(n) for n in range(3, library.get_piece_size())]
    assert tokenizer.vocabulary == (*first, *own, "<mask>")
    shift = len(first) - 3
    for text in TEXTS:
        ids = [n + shift if n > 0 else 3 for n in library.encode(text)]
        assert tokenizer.encode(text, special=False).ids == ids
    pair = tokenizer.encode("fox", "the")
    assert tokenizer.tokens(pair.ids)[0] == "<s>" and pair.segments == [0] * len(pair)
    assert tokenizer.tokens(pair.ids).count("</s>") == 3
    assert tokenizer.mask == len(tokenizer) - 1 and tokenizer.pad == 1 and tokenizer.unk == 3
    saved = tokenizer.save(tmp_path / "new", vocab=True)
    (saved / "config.json").write_text(json.dumps({"model_type": family}))
    for again in (saved, saved / "spiece.model"):
        assert Tokenizer.load(again).encode(TEXTS) == tokenizer.encode(TEXTS)


def test_whose_ids_are_guessed_is_said(tmp_path):
    (tmp_path / "sentencepiece.bpe.model").write_bytes(tiny.model("fairseq"))
    with pytest.warns(UserWarning, match="read with the ids of xlm-roberta"):
        assert Tokenizer.load(tmp_path).pad == 1


def unigram(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json as other programs write it, whose special tokens nobody declares."""
    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁好", "<mask>"]
    model = {"type": "Unigram", "unk_id": 3, "vocab": [[name, -1.0] for name in names]}
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": space,
            "post_processor": None, "decoder": None, "model": model | changes}  # fmt: skip


def test_a_large_vocabulary_is_not_written_out_to_be_read_again(monkeypatch):
    """The rows go to the library as they are, when the first text comes; no JSON holds them."""
    texts: list[str] = []
    dumps = json.dumps
    monkeypatch.setattr(
        json,
        "dumps",
        lambda value, **o: texts.append(dumps(value, ensure_ascii=False)) or texts[-1],
    )
    tokenizer = Tokenizer(unigram())
    built = vars(tokenizer._engine)
    assert "raw" not in built
    assert tokenizer.encode("好 a").ids == [0, 7, 4, 5, 2]
    assert "raw" in built and not any("好" in text for text in texts)
    assert tokenizer.encode("好<mask>").ids.count(8) == 0 and tokenizer.mask == 8
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.vocabulary == tokenizer.vocabulary and again.encode("好").ids == [0, 7, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"unk_id": 9}, "its unk_id is 9"), ({"unk_id": True}, "its unk_id is True"),
     ({"byte_fallback": 1}, "its byte_fallback is 1"), ({"vocab": [["a", 1.0], "ab"]}, "row 1 of"),
     ({"vocab": [["a", 1.0], ["b", True]]}, "row 1 of"),
     ({"vocab": [["a\ud800", 1.0]]}, "half a surrogate pair")],
)  # fmt: skip
def test_a_unigram_model_that_cannot_be_is_refused_at_once(changes, message):
    with pytest.raises(DataError, match=message):
        Tokenizer(unigram(**changes))


LONG = "长" * 60
FORMS = {  # the fields of a piece, and what they are read as
    "as usual": ([(1, BYTES, "好".encode()), (2, FIXED32, b"\0\0\x80\xbf")], Piece("好", -1.0)),
    "no text": ([(1, BYTES, b""), (2, FIXED32, b"\0\0\x80?")], Piece("", 1.0)),
    "no score": ([(1, BYTES, b"seven77")], Piece("seven77")),
    "nothing": ([], Piece("")),
    "score first": ([(2, FIXED32, b"\0\0\x80?"), (1, BYTES, b"b")], Piece("b", 1.0)),
    "a type": ([(1, BYTES, b"c"), (3, VARINT, BYTE)], Piece("c", 0.0, BYTE)),
    "more": ([(1, BYTES, b"d"), (9, FIXED32, b"abcd")], Piece("d")),
    "another text": ([(9, BYTES, b"e"), (2, FIXED32, b"\0\0\x80?")], Piece("", 1.0)),
    "long": ([(1, BYTES, LONG.encode()), (2, FIXED32, b"\0\0\x80?")], Piece(LONG, 1.0)),
}


def test_pieces_of_every_form_are_read_beside_each_other():
    whole = tiny.model("plain")
    expected = read(whole)
    forms = [(b"".join(field(*one) for one in form), piece) for form, piece in FORMS.values()]
    for rows in (forms, forms[::-1]):
        added = b"".join(field(PIECES, BYTES, message) for message, _ in rows)
        pieces = [piece for _, piece in rows]
        before, after = read(added + whole), read(whole + added)
        assert [*before.pieces] == [*pieces, *expected.pieces]
        assert [*after.pieces] == [*expected.pieces, *pieces]
        assert before[1:] == after[1:] == expected[1:]
    for stop in range(len(added)):
        with pytest.raises(ValueError):
            read(added[:stop])


def test_what_only_looks_like_a_short_piece_is_none():
    """An empty message with a score's key three bytes before it, and a size of 249 behind it."""
    score = struct.unpack("<f", b"\0\x15\x80\xbf")[0]
    pieces = [Piece("好", score), Piece("x" * 241, 1.0)]
    one, other = (
        write(read(tiny.model("plain"))._replace(pieces=Pieces.of([p]), rest=b"")) for p in pieces
    )
    assert other[1:3] == bytes([249, 1]) and one[-3] == other[-5] == 0x15
    found = read(one + field(PIECES, BYTES, b"") + other + tiny.model("plain")).pieces
    assert [*found][:3] == [pieces[0], Piece(""), pieces[1]]


def test_pieces_are_written_field_by_field():
    model = read(tiny.model("plain"))
    pieces = [*(piece for _, piece in FORMS.values()), Piece(LONG * 3, -2.5, BYTE)]
    written = [*fields(write(model._replace(pieces=Pieces.of(pieces))))][: len(pieces)]
    for (number, wire, message), piece in zip(written, pieces, strict=True):
        assert (number, wire) == (PIECES, BYTES)
        score = next(value for n, _, value in fields(message) if n == 2)
        kind = [] if piece.type == 1 else [(3, VARINT, piece.type)]
        assert [*fields(message)] == [
            (1, BYTES, piece.text.encode()),
            (2, FIXED32, score),
            *kind,
        ]
    whole = model._replace(pieces=Pieces.of(pieces) + model.pieces)
    assert [*read(write(whole)).pieces] == [*pieces, *model.pieces]
