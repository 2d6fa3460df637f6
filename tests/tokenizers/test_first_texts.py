"""The first texts by the few pieces that they can have: the same ids as by the whole vocabulary."""

import json
import pickle
from itertools import product

import numpy as np
import piece_models as tiny
import pytest

from playmask.errors import DataError, InputError
from playmask.tokenizers import Tokenizer, first_texts
from playmask.tokenizers.pieces import BYTE, CONTROL, Piece, Pieces
from playmask.tokenizers.sentencepiece_json import specification
from playmask.tokenizers.sentencepiece_model import read

TEXTS = [
    *tiny.texts(count=160, seed=3),
    "a\0b",
    "<mask>\0",
    "  x  <new>  <NEW>y",
    "the<sep>fox<new>",
]
NEW = {"content": "<new>", "single_word": False, "lstrip": True, "rstrip": False,
       "normalized": True, "special": False}  # fmt: skip


@pytest.fixture
def patient(monkeypatch):
    """However many texts there were, the next ones are first texts still."""
    monkeypatch.setattr(first_texts, "BUDGET", 1e9)


def is_whole(tokenizer: Tokenizer) -> bool:
    return not {"raw", "_whole"}.isdisjoint(vars(tokenizer._engine))


def rows_of(make, monkeypatch, budget, size):
    """Tokenise all texts, so many at a time, and say whether the whole vocabulary was needed."""
    monkeypatch.setattr(first_texts, "BUDGET", budget)
    tokenizer = make()
    parts = [TEXTS[at : at + size] for at in range(0, len(TEXTS), size)]
    rows = [row for part in parts for row in tokenizer.encode(part, special=False)]
    return [(row.ids, row.offsets) for row in rows], is_whole(tokenizer)


def compare(make, monkeypatch):
    whole, was_whole = rows_of(make, monkeypatch, 0, len(TEXTS))
    assert was_whole and len({number for ids, _ in whole for number in ids}) > 20
    for size in (1, 7):
        assert rows_of(make, monkeypatch, 1e9, size) == (whole, False)


@pytest.mark.parametrize("name", tiny.OPTIONS)
def test_a_model_of_few_pieces_gives_the_same(name, monkeypatch):
    model = read(tiny.model(name))
    compare(lambda: Tokenizer(specification(model, {})), monkeypatch)


@pytest.mark.parametrize("name", ["t5", "mt5", "xlnet"])
@pytest.mark.parametrize("added", [False, True])
def test_a_tokenizer_json_of_few_pieces_gives_the_same(name, added, monkeypatch, tmp_path):
    """Byte pieces, tokens that are added in and above the vocabulary, special and plain."""
    path = Tokenizer(specification(read(tiny.model(name)), {})).save(tmp_path) / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["model"]["playmask"]
    if added:
        own = content["model"]["vocab"][-1][0]
        content["added_tokens"] += [
            NEW | {"id": len(content["model"]["vocab"])},
            NEW | {"id": len(content["model"]["vocab"]) - 1, "content": own},
        ]
    compare(lambda: Tokenizer(content), monkeypatch)


def unigram(pieces, **changes):
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}
    model = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], *pieces.items()]} | changes
    return {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": space,
            "post_processor": None, "decoder": None, "model": model}  # fmt: skip


def test_unknown_characters_are_rated_by_the_lowest_score_of_all(patient):
    """A character costs 10 more than the worst piece does, whether the text has that piece or not.

    Of "bcd" the pieces bc and d cost 24; b, which is unknown, and cd cost 31 beside a piece of 20.
    """
    pieces = {"bc": -12.0, "d": -12.0, "cd": -1.0}
    assert Tokenizer(unigram(pieces)).encode("bcd").ids == [0, 3]
    tokenizer = Tokenizer(unigram(pieces | {"z": -20.0}))
    assert tokenizer.encode("bcd").ids == [1, 2] and not is_whole(tokenizer)


def test_what_no_piece_stands_for_is_refused_by_few_pieces_too(patient):
    tokenizer = Tokenizer(unigram({"▁": -1.0, "a": -1.0}, unk_id=None))
    assert tokenizer.encode("a").ids == [2]
    with pytest.raises(InputError, match="cannot encode this text"):
        tokenizer.encode("b")
    assert not is_whole(tokenizer)


def test_what_the_library_fails_on_is_refused_by_few_pieces_too(patient):
    """It looks for this added token in a text that has lost its accents."""
    accent = NEW | {"id": 3, "content": "\u0301"}
    content = unigram({"▁": -1.0, "a": -1.0}) | {"added_tokens": [accent]}
    accents = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}
    with pytest.raises(InputError, match="The tokenizer cannot encode this text"):
        Tokenizer(content | {"normalizer": accents}).encode("好a")


def many(number: int = 12_000) -> dict[str, float]:
    """A vocabulary of so many pieces of one to three characters."""
    letters = [chr(0x4E00 + n) for n in range(60)]
    names = ["".join(row) for size in (1, 2, 3) for row in product(letters, repeat=size)]
    return {name: -1.0 - n / 1000 for n, name in enumerate(names[:number])}


def test_the_whole_vocabulary_is_there_once_it_is_worth_its_cost():
    """12,000 pieces are worth 24,000 look-ups: two calls of short texts, or one of longer ones."""
    content = unigram(many())
    tokenizer = Tokenizer(content)
    first = tokenizer.encode("一丁丂")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert [is_whole(again), is_whole(tokenizer)] == [False, False]
    states = [(again.encode("一丁丂") == first, is_whole(again)) for _ in range(3)]
    assert states == [(True, False), (True, False), (True, True)]
    long = Tokenizer(content)
    assert long.encode(["一丁丂"] * 2000) == [first] * 2000 and is_whole(long)


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (Piece("", -5.0), "must not be empty"),
        (Piece("x\0y", -5.0), "null character"),
        (Piece("好" * 3000, -5.0), "too long"),
        (Piece("一丁"), "'一丁' has the ids"),
        (Piece("x", float("nan")), "row 12003 of its vocab"),
        (Piece("x", -1e300), "too large"),
        (Piece("<0x00>", 0.0, BYTE), "byte piece <0x00>"),
        (Piece("x", 0.0, 2), "unk is already defined"),
    ],
)
def test_what_the_library_refuses_is_refused_at_load(piece, message):
    """Although a vocabulary as large as this one is built no sooner than texts need it."""
    model = read(tiny.model("plain"))
    own = Pieces.of([*model.pieces][:3])
    rows = Pieces(list(many()), -1.0 - np.arange(12_000) / 1000)
    with pytest.raises(DataError, match=message):
        Tokenizer(specification(model._replace(pieces=own + rows + Pieces.of([piece])), {}))
    fine = model._replace(pieces=own + rows + Pieces.of([Piece("<s2>", 0.0, CONTROL)]))
    assert not is_whole(Tokenizer(specification(fine, {})))


def test_a_piece_stands_in_the_text_at_any_place_and_of_any_size():
    names = ["a", "ab", "bcd", "d", "abcd", "abcde", "x"]
    pieces = Pieces.of(Piece(name, -float(n)) for n, name in enumerate(names))
    first = first_texts.FirstTexts(pieces, {5})
    assert first.occurring(["abcd"]) == [0, 1, 2, 3, 4, 5, 6]
    assert first.occurring(["b", "bcd"]) == [
        0,
        2,
        3,
        5,
        6,
    ]  # the best, the needed and the worst one too
