"""A SentencePiece model as a tokenizer.json, for other programs and for ourselves.

What `tokenizers` has no place for is in our notes: the types of the pieces, how it was trained.
"""

from base64 import b64decode, b64encode
from itertools import repeat, takewhile
from typing import Any

import numpy as np

from playmask.files import JsonObject
from playmask.tokenizers import sentencepiece_model as proto
from playmask.tokenizers.added_tokens import NOTES, AddedToken
from playmask.tokenizers.pieces import CONTROL, NORMAL, TYPES, UNKNOWN, USER, Pieces
from playmask.tokenizers.sentencepiece_model import Model

SPACE = "▁"


def specification(model: Model, notes: dict[str, Any]) -> JsonObject:
    """Describe a SentencePiece tokenizer as tokenizer.json does, the pieces of Unigram as `Pieces`.

    notes: what `tokenizers` has no place for: "fold" (how ALBERT changes texts first), "words"
    """
    pieces = model.pieces
    types = {kind: [n for n, own in pieces.types.items() if own == kind] for kind in TYPES[1:]}
    ours: dict[str, Any] = {
        "rest": b64encode(model.rest).decode(),
        "types": {str(kind): ids for kind, ids in types.items()},
    }
    merged = model.type == proto.BPE
    if merged:
        ours["scores"] = pieces.scores.tolist()
    special = {pieces.names[n]: n for n in sorted(types[CONTROL] + types[UNKNOWN])}
    # a Unigram model finds these by their score; as added tokens they would cut the text
    plain = {pieces.names[n]: n for n in types[USER] if merged}
    begun = sum(map(str.startswith, pieces.names, repeat(SPACE)))
    inside = sum(map(str.count, pieces.names, repeat(SPACE))) > begun  # no word is cut by itself
    scheme = ("first" if plain else "always") if model.dummy else "never"
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [*_added(special, special=True), *_added(plain, special=False)],
        "normalizer": _normalizer(model, notes.get("fold")),
        "pre_tokenizer": {**_metaspace(scheme), "split": not inside},
        "post_processor": None,
        "decoder": None,
        "model": {
            **(_unigram(model) if model.type == proto.UNIGRAM else merging(model)),
            NOTES: {**notes, "sentencepiece": ours},
        },
    }


def _added(tokens: dict[str, int], *, special: bool) -> list[JsonObject]:
    return [AddedToken(text, n, special=special).json() for text, n in tokens.items()]


def model_of(content: JsonObject) -> Model:
    """Put the model together again from the content of a tokenizer.json that we wrote."""
    ours = content["model"][NOTES]["sentencepiece"]
    vocab = content["model"]["vocab"]
    if isinstance(vocab, dict):
        scores = np.array(ours["scores"], float)
        if scores.shape != (len(vocab),):
            raise ValueError(f"it has {scores.size} scores of {len(vocab)} pieces")
        vocab = Pieces(sorted(vocab, key=vocab.__getitem__), scores)
    types = {number: int(kind) for kind, ids in ours["types"].items() for number in ids}
    for number in types:
        if type(number) is not int or not 0 <= number < len(vocab):
            raise ValueError(f"it gives a type to piece {number!r:.60} of {len(vocab)}")
    pieces = vocab.typed({n: kind for n, kind in sorted(types.items()) if kind != NORMAL})
    parts = (content["normalizer"] or {}).get("normalizers", [])
    charsmap = next((p["precompiled_charsmap"] for p in parts if p["type"] == "Precompiled"), "")
    return Model(pieces, b64decode(charsmap), b64decode(ours["rest"]))


def _metaspace(scheme: str) -> JsonObject:
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme}


def _replace(pattern: JsonObject, content: str) -> JsonObject:
    return {"type": "Replace", "pattern": pattern, "content": content}


def _normalizer(model: Model, fold: JsonObject | None) -> JsonObject:
    """Describe how texts change, in the terms of `tokenizers`."""
    fold = fold or {}
    quotes = [_replace({"String": pair}, '"') for pair in ("``", "''")]
    charsmap = b64encode(model.charsmap).decode()
    steps = [
        (fold.get("quotes"), quotes),
        (fold and not fold["accents"], [{"type": "NFKD"}, {"type": "StripAccents"}]),
        (fold.get("lowercase"), [{"type": "Lowercase"}]),
        (charsmap, [{"type": "Precompiled", "precompiled_charsmap": charsmap}]),
        (model.squeeze, [_replace({"Regex": "^ +| +$"}, ""), _replace({"Regex": " {2,}"}, " ")]),
    ]
    return {
        "type": "Sequence",
        "normalizers": [one for applies, some in steps if applies for one in some],
    }


def _unigram(model: Model) -> JsonObject:
    return {
        "type": "Unigram",
        "unk_id": next(n for n, kind in model.pieces.types.items() if kind == UNKNOWN),
        "vocab": model.pieces,
        "byte_fallback": model.byte_fallback,
    }


def merging(model: Model) -> JsonObject:
    """Write every way to make a piece from two others as a merge, the best pieces first."""
    vocab = model.pieces.ids
    whole = sorted((p for p in model.pieces if p.type == NORMAL), key=lambda piece: -piece.score)
    sizes = sorted({len(text) for text in vocab if text})
    splits = ((p.text[:k], p.text[k:]) for p in whole for k in takewhile(len(p.text).__gt__, sizes))
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": next(piece.text for piece in model.pieces if piece.type == UNKNOWN),
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": model.byte_fallback,
        "vocab": vocab,
        "merges": [[left, right] for left, right in splits if left in vocab and right in vocab],
    }
