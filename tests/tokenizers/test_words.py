"""Words by jieba before pieces: WoBERT and RoFormer on WordPiece, CPM on SentencePiece."""

import json
import subprocess
import sys
import unicodedata

import bert_reference as bert
import piece_models as tiny
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playmask.errors import ConfigError
from playmask.tokenizers import Tokenizer, occurring
from playmask.tokenizers.bpe import specification as bpe_specification

jieba = pytest.importorskip("jieba")
jieba.setLogLevel(60)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "杭研 北京 清华大学 我们 天气 cafe hello is 2024".split()
LETTERS = [
    *"我来到北京清华大学今天气人民。，abcefhilostz0247[]#- ",
    "##o",
    "##s",
    "##a",
    "##b",
    "ß",
]
TOKENS = [*SPECIAL, *WORDS, *(letter for letter in LETTERS if letter.strip())]
TEXT = "我来到北京 清华大学，CAFE\u0301 hello İs\x00 [SEP]#北京"
texts = st.lists(
    st.sampled_from([*WORDS, *LETTERS, *tiny.ODD, "\u0301", "人民", "Hello", "İs"]), max_size=12
).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("words")
    (directory / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def by_words(folder):
    return Tokenizer.load(folder, words="jieba")


def tokenised(text, vocabulary):
    """Do what bert4keras does with `pre_tokenize`: words of the vocabulary, else as usual."""
    folded = unicodedata.normalize("NFD", "".join(letter.lower() for letter in text))
    folded = "".join(letter for letter in folded if unicodedata.category(letter) != "Mn")
    found = []
    for word in jieba.cut(folded, HMM=False):
        found += [word] if word in vocabulary else bert.tokens(word, vocabulary)
    return found


@settings(max_examples=300, deadline=None)
@given(texts)
def test_tokens_are_those_of_bert4keras_and_spans_point_at_them(by_words, text):
    encoding = by_words.encode(text, special=False)
    tokens = by_words.tokens(encoding.ids)
    assert tokens == tokenised(text, set(by_words.vocabulary))
    end, before = 0, None
    for token, (start, stop) in zip(tokens, encoding.offsets, strict=True):
        assert 0 <= start < stop <= len(text)
        assert end <= start or (start, stop) == before, "the letters of a Hangul syllable share it"
        before = start, stop
        covered = bert.normalised(text[start:stop])
        assert token == "[UNK]" or covered == token.removeprefix("##")
        assert not bert.words(text[end:start])
        end = stop


def test_words_and_their_spans(by_words, folder):
    encoding = by_words.encode(TEXT, special=False)
    found = zip(by_words.tokens(encoding.ids), encoding.offsets, strict=True)
    wanted = {
        "北京": (3, 5),
        "清华大学": (6, 10),
        "cafe": (11, 15),
        "hello": (17, 22),
        "is": (23, 25),
    }
    rows = list(found)
    for token, span in wanted.items():
        assert (token, span) in rows
    assert by_words.sep not in encoding.ids and rows[-1] == ("北京", (len(TEXT) - 2, len(TEXT)))
    plain = Tokenizer.load(folder)
    assert "北京" not in plain.tokens(plain.encode(TEXT).ids)
    guessed = by_words.encode(
        "他来到了网易杭研大厦"
    ).ids  # a word to jieba's model, not its dictionary
    assert by_words.token_to_id("杭研") not in guessed
    assert by_words.encode([TEXT, ""], ["a", TEXT]) == [
        by_words.encode(TEXT, "a"),
        by_words.encode("", TEXT),
    ]
    cut = by_words.encode(TEXT, max_length=6, stride=1)
    assert [len(window) for window in cut[:-1]] == [6] * (len(cut) - 1)


def test_saved_pruned_and_turned_off(by_words, tmp_path):
    saved = Tokenizer.load(by_words.save(tmp_path, vocab=True))
    assert saved.encode(TEXT, TEXT) == by_words.encode(TEXT, TEXT)
    assert (tmp_path / "vocab.txt").read_text(encoding="utf-8").split() == TOKENS
    off = Tokenizer.load(tmp_path, words=False)
    assert off.encode(TEXT) == Tokenizer.load(tmp_path / "vocab.txt").encode(TEXT)
    assert Tokenizer.load(off.save(tmp_path / "off")).encode(TEXT) == off.encode(TEXT)
    keep_tokens = occurring(by_words, [TEXT])
    pruned = by_words.keep(keep_tokens)
    assert [keep_tokens[n] for n in pruned.encode(TEXT).ids] == by_words.encode(TEXT).ids


@pytest.mark.parametrize("name", ["RoFormerTokenizer", "T5PegasusTokenizer"])
def test_the_configuration_asks_for_words(by_words, folder, tmp_path, name):
    (tmp_path / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    assert Tokenizer.load(tmp_path).encode(TEXT) == by_words.encode(TEXT)
    plain = Tokenizer.load(tmp_path, words=False)
    assert plain.encode(TEXT) == Tokenizer.load(folder).encode(TEXT)


def test_cased_words(folder):
    cased = Tokenizer.load(folder, words="jieba", lowercase=False)
    tokens = cased.tokens(cased.encode("cafe CAFE 北京", special=False).ids)
    assert tokens == ["cafe", "[UNK]", "北京"]


def test_words_for_other_kinds_are_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match="words is 'spaces'; known: 'jieba'"):
        Tokenizer.load(folder, words="spaces")
    content = bpe_specification({"a": 0}, [])
    content["model"]["playmask"] = {"words": "jieba"}
    with pytest.raises(ConfigError, match="is byte-level BPE; words='jieba' is for WordPiece and"):
        Tokenizer(content, "that file")


def test_without_jieba_one_sentence_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ConfigError, match=r"pip install playmask\[words\]"):
        Tokenizer.load(folder, words="jieba")


def test_jieba_is_quiet_lazy_and_safe_in_threads(folder):
    code = f"""
import sys, threading
from playmask.tokenizers import Tokenizer
assert "jieba" not in sys.modules and "sentencepiece" not in sys.modules
tokenizer = Tokenizer.load({str(folder)!r}, words="jieba")
found = []
def run(): found.append(tokenizer.encode({TEXT!r}).ids)
threads = [threading.Thread(target=run) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert len(found) == 8 and all(row == found[0] for row in found)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def cpm(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cpm")
    (directory / "chinese_vocab.model").write_bytes(tiny.model("cpm"))
    return Tokenizer.load(directory, words="jieba")


def as_cpm(text):
    """Do what bert4keras' script for CPM does, with `token_translate`."""
    signs = str.maketrans(" \n", "\u2582\u2583")
    words = " ".join(word.translate(signs) for word in jieba.cut(text))
    library = tiny.processor("cpm")
    pieces = zip(library.encode(words, out_type=str), library.encode(words), strict=True)
    return [3 if piece == "\u2583" else number for piece, number in pieces]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_ids_of_cpm(cpm, text):
    encoding = cpm.encode(text, special=False)
    assert encoding.ids == as_cpm(text) == cpm.encode(text).ids
    end = 0
    for start, stop in encoding.offsets:
        assert 0 <= start <= stop <= len(text) and end <= stop
        end = stop


def test_spans_and_text_of_cpm(cpm, tmp_path):
    text = "今天 天气\n我们the公园"
    encoding = cpm.encode(text)
    found = list(zip(cpm.tokens(encoding.ids), encoding.offsets, strict=True))
    assert found == [
        *[("▁今天", (0, 2)), ("▁", (2, 2)), ("▂", (2, 3)), ("▁天气", (3, 5)), ("▁", (5, 5))],
        *[("<cls>", (5, 6)), ("▁我们", (6, 8)), ("▁the", (8, 11)), ("▁公园", (11, 13))],
    ]
    assert cpm.decode(encoding.ids) == text
    saved = Tokenizer.load(cpm.save(tmp_path, vocab=True))
    assert saved.encode(text) == encoding and saved.decode(encoding.ids) == text
    pruned = cpm.keep(occurring(cpm, [text]))
    assert pruned.decode(pruned.encode(text).ids) == text
