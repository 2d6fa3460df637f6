"""Encoding random texts: spans, truncation, windows, batches and threads."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import bert_reference as bert
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playmask.errors import ConfigError, InputError
from playmask.tokenizers import Encoding, Tokenizer
from playmask.tokenizers.truncation import longest_first, truncation_slices
from playmask.tokenizers.wordpiece import specification

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SPELT = "abesuABEé中国野\U00020bb7ａＢ１0９，。!'-[]…ßΣשל😀☺"  # most have their own piece
LOST = "e\u0301\u0327 \u3000\t\n\x00\x7f\u200b\u200d\ufeff\ufffd\u00a0\u0652İ👍🏽👨"
LETTERS = sorted({piece for text in (SPELT, bert.normalised(SPELT)) for piece in text})
PIECES = ["ab", "abe", "##bs", "##ess", "es", "AB", *LETTERS, *(f"##{c}" for c in LETTERS)]
LOWER = Tokenizer(specification([*SPECIAL, *PIECES]))
CASED = Tokenizer(specification([*SPECIAL, *PIECES], lowercase=False))
texts = st.text(st.sampled_from(SPELT + LOST), max_size=40)


@settings(max_examples=400, deadline=None)
@given(texts, st.booleans())
def test_tokens_are_those_of_bert_and_spans_point_at_them(text, lowercase):
    tokenizer = LOWER if lowercase else CASED
    encoding = tokenizer.encode(text, special=False)
    tokens = tokenizer.tokens(encoding.ids)
    assert tokens == bert.tokens(text, set(tokenizer.vocabulary), lowercase)
    end = 0
    for token, (start, stop) in zip(tokens, encoding.offsets, strict=True):
        assert end <= start < stop <= len(text)
        piece = token.removeprefix("##")
        assert token == "[UNK]" or bert.normalised(text[start:stop], lowercase) == piece
        assert not bert.words(text[end:start], lowercase), "no letter lies between two tokens"
        end = stop
    assert not bert.words(text[end:], lowercase)


@given(st.lists(st.tuples(texts, texts), max_size=5), st.sampled_from([None, 4, 9, 20]))
@settings(max_examples=50, deadline=None)
def test_a_batch_is_its_rows(rows, max_length):
    first, second = [a for a, _ in rows], [b for _, b in rows]
    single = [LOWER.encode(text, max_length=max_length) for text in first]
    assert LOWER.encode(first, max_length=max_length) == single
    pairs = [LOWER.encode(a, b, max_length=max_length) for a, b in rows]
    assert LOWER.encode(first, second, max_length=max_length) == pairs


def test_the_four_fields_of_a_pair():
    encoding = LOWER.encode("a 中", "es")
    assert LOWER.tokens(encoding.ids) == ["[CLS]", "a", "中", "[SEP]", "es", "[SEP]"]
    assert encoding.segments == [0, 0, 0, 0, 1, 1]
    assert encoding.sources == [-1, 0, 0, -1, 1, -1]
    assert encoding.offsets == [(0, 0), (0, 1), (2, 3), (0, 0), (0, 2), (0, 0)]
    assert len(encoding) == 6
    assert pickle.loads(pickle.dumps(encoding)) == encoding
    bare = LOWER.encode("a 中", "es", special=False)
    assert (bare.sources, bare.segments) == ([0, 0, 1], [0, 0, 1])


@given(st.lists(st.integers(0, 12), min_size=1, max_size=2), st.integers(1, 20))
def test_the_longest_loses_one_token_at_a_time(lengths, room):
    kept = list(lengths)
    while sum(kept) > room:
        kept[kept.index(max(kept))] -= 1
    assert longest_first(lengths, room) == kept


def test_the_side_that_is_cut():
    values = list(range(10))
    for side, expected in {"right": [0, 1, 2, 3], "left": [6, 7, 8, 9], 1: [0, 7, 8, 9]}.items():
        kept = [value for part in truncation_slices(10, 4, side) for value in values[part]]
        assert kept == expected
    left = LOWER.encode("abeab 中国野", "es 0 es", max_length=8, truncate="left")
    assert LOWER.decode(left.ids) == "国野es 0 es"
    assert left.offsets[1:3] == [(7, 8), (8, 9)]
    assert len(LOWER.encode("中" * 9, max_length=5, truncate=1)) == 5


@settings(max_examples=100, deadline=None)
@given(texts, texts, st.integers(0, 4), st.integers(1, 6), st.booleans())
def test_windows_cover_every_token(text, pair, overlap, step, is_pair):
    whole = LOWER.encode(text, pair if is_pair else None)
    last = int(is_pair)
    kept = whole.sources.count(0) + 3 if is_pair else 2
    parts = (text, pair) if is_pair else (text,)
    windows = LOWER.encode(*parts, max_length=kept + overlap + step, stride=overlap)
    spans = [token_spans(window, last) for window in windows]
    joined = spans[0] + [span for window in spans[1:] for span in window[overlap:]]
    assert joined == token_spans(whole, last)
    for before, after in pairwise(spans):
        assert before[len(before) - overlap :] == after[:overlap]
    assert all(len(window) <= kept + overlap + step for window in windows)
    assert all(len(window) == kept + overlap + step for window in windows[:-1])
    if is_pair:
        assert all(token_spans(window, 0) == token_spans(whole, 0) for window in windows)


def token_spans(encoding: Encoding, source: int) -> list[tuple[int, tuple[int, int]]]:
    rows = zip(encoding.ids, encoding.offsets, encoding.sources, strict=True)
    return [(number, span) for number, span, where in rows if where == source]


def test_threads_share_a_tokenizer():
    rows = ["中国 abess", "é!", "野" * 30, "[SEP]"] * 8

    def run(worker):
        lengths = [4 + (worker + place) % 7 for place in range(len(rows))]
        return [LOWER.encode(t, max_length=n).ids for t, n in zip(rows, lengths, strict=True)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(run, range(64)))
    assert found == [run(worker) for worker in range(64)]


def test_what_users_write_is_text():
    for text in SPECIAL:
        found = {LOWER.encode(text, special=False).ids[0], CASED.encode(text, special=False).ids[0]}
        assert found == {LOWER.token_to_id("[")}


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([None], {}, "text is None"),
        ([b"a"], {}, "of type bytes"),
        ([["a", float("nan")]], {}, r"text 1 \(from 0\) is nan"),
        ([["a", ("b", "c")]], {}, "of type tuple"),
        (["ab\ud800"], {}, "at character 2"),
        (["a", ["b"]], {}, "both be str"),
        ([["a"], ["b", "c"]], {}, "1 texts and 2 pairs"),
        ([["a"], ["b\udc00"]], {}, "pair 0"),
        (["a b", "c"], {"max_length": 5, "stride": 0}, "at least 6"),
        (["a b c d"], {"max_length": 5, "stride": 3}, "at least 6"),
    ],
)
def test_bad_texts_are_refused(arguments, options, message):
    with pytest.raises(InputError, match=message):
        LOWER.encode(*arguments, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 2}, "at least 3"),
        ({"max_length": 2.5}, "integer"),
        ({"max_length": True, "special": False}, "integer"),
        ({"stride": 2}, "give max_length"),
        ({"stride": -1, "max_length": 9}, "stride is -1"),
        ({"stride": 1, "max_length": 9, "truncate": "left"}, "no truncate"),
        ({"truncate": "middle"}, "'middle'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        LOWER.encode("a", **options)


@pytest.mark.parametrize("ids", [[1, 999], [-1], [[1], [2, 3]], [[1]], ["a"], [1.0], [True], 5])
def test_bad_ids_are_refused(ids):
    with pytest.raises(InputError, match="id"):
        LOWER.decode(ids)
