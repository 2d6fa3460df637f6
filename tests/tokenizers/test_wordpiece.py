"""WordPiece against bert4keras and against the original algorithm."""

import json
import sys
import unicodedata
from pathlib import Path

import bert_reference as bert
import pytest

from playmask.tokenizers import Tokenizer, simplified
from playmask.tokenizers.wordpiece import specification

ORACLES = Path(__file__).parents[1] / "oracles"
ORACLE = json.loads((ORACLES / "bert4keras" / "tokenizer.json").read_text(encoding="utf-8"))
ROWS = {row["text"]: row for row in ORACLE["rows"]}
DIFFERS: dict[str, str] = {}  # text -> reason


@pytest.fixture(scope="module")
def uncased():
    return Tokenizer.load(ORACLES / "vocab_zh.txt")


@pytest.fixture(scope="module")
def cased():
    return Tokenizer.load(ORACLES / "vocab_zh.txt", lowercase=False)


def words_for_unknown(tokenizer, text):
    """Name tokens as bert4keras does, which prints an unknown word instead of [UNK]."""
    encoding = tokenizer.encode(text)
    spans = zip(tokenizer.tokens(encoding.ids), encoding.offsets, strict=True)
    return [text[slice(*span)] if token == "[UNK]" else token for token, span in spans]


def test_ids_equal_bert4keras(uncased):
    differ = {text for text, row in ROWS.items() if uncased.encode(text).ids != row["ids"]}
    assert differ == set(DIFFERS)


@pytest.mark.parametrize("text", ROWS)
def test_tokens_spans_and_text_equal_bert4keras(uncased, cased, text):
    row = ROWS[text]
    assert words_for_unknown(uncased, text) == row["tokens"]
    assert words_for_unknown(cased, text) == row["cased_tokens"]
    spans = [(places[0], places[-1] + 1) if places else (0, 0) for places in row["rematch"]]
    assert uncased.encode(text).offsets == spans
    assert uncased.decode(row["ids"]) == row["decoded"]


def test_pairs_are_cut_as_by_bert4keras(uncased):
    for row in ORACLE["pairs"]:
        encoding = uncased.encode(row["first"], row["second"], max_length=row["maxlen"])
        assert (encoding.ids, encoding.segments) == (row["ids"], row["segments"])


def test_the_simplified_vocabulary_is_that_of_bert4keras(uncased):
    keep_tokens = simplified(uncased)
    assert len(keep_tokens) == ORACLE["simplified_vocab_size"]
    assert keep_tokens[:50] == ORACLE["keep_tokens_head"]
    assert sum(keep_tokens) == ORACLE["keep_tokens_sum"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_old_character_is_split_as_by_bert(uncased, cased, lowercase):
    """Old: in Unicode 3.2 as it is now. Private use is the exception that the module names."""
    old = unicodedata.ucd_3_2_0
    letters = [
        letter
        for letter in map(chr, range(sys.maxunicode + 1))
        if old.category(letter) == unicodedata.category(letter) not in ("Cn", "Co", "Cs")
    ]
    engine = (uncased if lowercase else cased)._engine.raw
    for start in range(0, len(letters), 500):
        text = " ".join(f"a{letter}b" for letter in letters[start : start + 500])
        found = engine.pre_tokenizer.pre_tokenize_str(engine.normalizer.normalize_str(text))
        assert [word for word, _ in found] == bert.words(text, lowercase)


def test_the_named_differences_from_bert(uncased):
    words = {"a\ue000b": ["ab"], "a\U0002b820b": ["a\U0002b820b"], "ΑΣ": ["ας"]}
    for text, expected in words.items():
        normal = uncased._engine.raw.normalizer.normalize_str(text)
        if text == "ΑΣ":
            assert normal == "ασ"
        else:
            assert normal.split() == expected != bert.words(text)


@pytest.mark.parametrize(
    ("text", "tokens", "spans"),
    [
        ("re\u0301sume\u0301", ["re", "##su", "##me"], [(0, 2), (3, 5), (5, 7)]),
        ("İs", ["is"], [(0, 2)]),
        ("a\u200bb  c\x00d", ["ab", "cd"], [(0, 3), (5, 8)]),
        ("한 a", ["ᄒ", "##ᅡ", "##ᆫ", "a"], [(0, 1), (0, 1), (0, 1), (2, 3)]),
        ("👨\u200d👩\u200d👧 ok", ["[UNK]", "ok"], [(0, 5), (6, 8)]),
        ("\U00020bb7a\t……", ["[UNK]", "a", "[UNK]", "[UNK]"], [(0, 1), (1, 2), (3, 4), (4, 5)]),
        ("", [], []),
        (" \u3000\r\n\u200b", [], []),
    ],
)
def test_spans_of_awkward_texts(uncased, text, tokens, spans):
    encoding = uncased.encode(text, special=False)
    assert (uncased.tokens(encoding.ids), encoding.offsets) == (tokens, spans)


def test_a_word_of_200_characters_is_the_longest(uncased):
    assert len(uncased.encode("x" * 200, special=False)) > 1
    assert uncased.encode("x" * 201, special=False).ids == [uncased.unk]


def test_decoding_leaves_out_special_tokens(uncased):
    encoding = uncased.encode("It's 3.14, 对吧？", "Don't [MASK]")
    assert uncased.decode(encoding.ids) == "it's 3.14, 对吧？don't[mask]"
    assert uncased.decode([0, 1, 100, 101, 102, 103]) == uncased.decode([]) == ""


def test_accents_and_ideographs_are_options():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "é", "e", "中", "##国"]
    options = {"strip_accents": False, "ideographs": False}
    tokenizer = Tokenizer(specification(tokens, **options))
    assert tokenizer.tokens(tokenizer.encode("É 中国", special=False).ids) == ["é", "中", "##国"]
    assert tokenizer.mask is None
