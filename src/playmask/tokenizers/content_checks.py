"""Checks of what a tokenizer.json holds, before an engine is made of it."""

import sys
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from playmask.errors import DataError
from playmask.files import JsonObject, PathLike
from playmask.tokenizers import added_tokens
from playmask.tokenizers.added_tokens import NOTES, Declared
from playmask.tokenizers.charsmap import check_charsmap
from playmask.tokenizers.pieces import Pieces

TYPES = ("WordPiece", "BPE", "Unigram")  # `type` of the model in tokenizer.json


class CheckedContent(dict[str, Any]):
    """A tokenizer.json that was checked; a copy with changes is a plain dict, to check again."""


def checked(content: JsonObject, source: PathLike, declared: Declared | None = None) -> JsonObject:
    """Check a tokenizer.json, and put the added tokens of the files beside it into it.

    Raises: DataError naming the entry that cannot be
    """
    if isinstance(content, CheckedContent) and declared is None:
        return content
    model = content.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    if not isinstance(model, dict) or kind not in TYPES or not _is_vocabulary(model):
        raise DataError(
            f"{source} has a model of type {kind!r:.60}; playmask reads {', '.join(TYPES)}."
        )
    notes = model.get(NOTES) or {}
    if not isinstance(notes, dict) or not _are_notes(**notes):
        raise DataError(f"{source} is not a valid tokenizer.json: its {NOTES} is {notes!r:.60}.")
    where = f"{source} is not a valid tokenizer.json"
    if isinstance(model["vocab"], dict):
        check_ids(model["vocab"], where)
    else:
        model = {**model, "vocab": _pieces(model["vocab"], where)}
    ids = added_tokens.ids_of(model)
    if not isinstance(model.get("unk_token"), str | None):
        raise DataError(f"{where}: its unk_token is {model['unk_token']!r:.60}.")
    try:
        for charsmap in _charsmaps(content.get("normalizer")):
            check_charsmap(b64decode(charsmap))
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {error}.") from None
    own = added_tokens.parse(content.get("added_tokens"), source)
    tokens = added_tokens.merge(ids, own, declared or Declared([], {}, {}), source)
    rows = [token.json() for token in tokens]
    return CheckedContent(content | {"added_tokens": rows, "model": model})


def _charsmaps(normalizer: object) -> Iterator[str]:
    """Find the compiled rules among the steps of a normalizer."""
    if isinstance(normalizer, dict):
        if normalizer.get("type") == "Precompiled":
            yield normalizer.get("precompiled_charsmap") or ""
        for step in normalizer.get("normalizers") or ():
            yield from _charsmaps(step)


def _is_vocabulary(model: JsonObject) -> bool:
    """Tell whether a model has a vocabulary of the sort that its type has."""
    vocab = model.get("vocab")
    return isinstance(vocab, list | Pieces if model["type"] == "Unigram" else dict)


def _are_notes(*, markers: object = (), roles: object = None, **_: object) -> bool:
    """Tell whether our own entry names tokens where it should."""
    texts = [*markers] if isinstance(markers, list | tuple) else [markers]
    texts += [*roles.values()] if isinstance(roles, dict) else [roles or ""]
    return all(isinstance(text, str) for text in texts)


def _pieces(vocab: list[Any] | Pieces, where: str) -> Pieces:
    """The checked pieces of a Unigram model's vocabulary."""
    pieces = vocab if isinstance(vocab, Pieces) else _columns(vocab)
    if len(pieces.ids) < len(vocab) or not np.isfinite(pieces.scores).all():
        _refuse_row(vocab.rows() if isinstance(vocab, Pieces) else vocab, where)
    if pieces is not vocab:
        _check_characters(pieces.names, where)
    return pieces


def _columns(vocab: list[Any]) -> Pieces:
    """Turn rows [token, log-probability] into columns; into none, if one is something else."""
    with suppress(OverflowError, TypeError, ValueError):
        names, scores = zip(*vocab, strict=True)
        if {*map(type, names)} == {str} and {*map(type, scores)} <= {int, float}:
            return Pieces([*names], np.array(scores, float))
    return Pieces([], np.zeros(0))


def _refuse_row(vocab: list[Any], where: str) -> None:
    """Name the first row that is no token with a number, or has the token of another."""
    ids: dict[str, int] = {}
    for number, row in enumerate(vocab):
        if not isinstance(row, list | tuple) or len(row) != 2 or not _is_row(*row):
            raise DataError(f"{where}: row {number} of its vocab is {row!r:.60}.")
        if row[0] in ids:
            raise DataError(
                f"{where}: {row[0]!r:.60} has the ids {ids[row[0]]} and {number} in its vocab."
            )
        ids[row[0]] = number


def _is_row(token: object, score: object) -> bool:
    if not isinstance(token, str) or not isinstance(score, int | float):
        return False
    return not isinstance(score, bool) and abs(score) <= sys.float_info.max


def check_ids(vocabulary: Mapping[str, Any], where: str) -> None:
    """Refuse a vocabulary that does not give every token an id of its own.

    Raises: DataError naming the token
    """
    numbers = vocabulary.values()
    right = set(map(type, numbers)) <= {int} and min(numbers, default=0) >= 0
    tokens: dict[int, str] = {}
    for token, number in () if right and len({*numbers}) == len(numbers) else vocabulary.items():
        if type(number) is not int or number < 0:
            raise DataError(
                f"{where}: {token!r:.60} has the id {number!r:.60}, not a whole number."
            )
        if number in tokens:
            raise DataError(
                f"{where}: {token!r:.60} and {tokens[number]!r:.60} both have id {number}."
            )
        tokens[number] = token
    _check_characters(vocabulary, where)


def _check_characters(vocabulary: Iterable[str], where: str) -> None:
    """Refuse tokens that are no texts."""
    try:
        "".join(vocabulary).encode()
    except UnicodeEncodeError:
        token = next(token for token in vocabulary if not added_tokens.encodes(token))
        raise DataError(f"{where}: {token!r:.60} has half a surrogate pair in it.") from None
