"""SentencePiece as other programs write it into a tokenizer.json, read as they read it."""

from collections.abc import Collection, Iterable

from playmask.files import JsonObject
from playmask.tokenizers import bpe, wordpiece
from playmask.tokenizers.added_tokens import AddedToken, ids_of, rows_for
from playmask.tokenizers.algorithm import Algorithm
from playmask.tokenizers.engine import Engine
from playmask.tokenizers.pieces import UNREACHABLE, Pieces
from playmask.tokenizers.sentencepiece import BYTE_PIECE, DECODER, join
from playmask.tokenizers.sentencepiece_json import SPACE
from playmask.tokenizers.sentencepiece_styles import STYLES


def add_pieces(
    model: JsonObject, tokens: Iterable[AddedToken], concealed: Collection[str] = ()
) -> JsonObject:
    """Add tokens to the Unigram or BPE model of a tokenizer.json; no text reaches the concealed."""
    if isinstance(model["vocab"], dict):
        return wordpiece.add_beside(model, tokens)
    pieces: Pieces = model["vocab"]
    size, unknown = len(pieces), model.get("unk_id")
    hidden = {pieces.ids[name]: name + UNREACHABLE for name in concealed if name in pieces.ids}
    rows = {number: name for name, number in rows_for(tokens, pieces.ids).items()}
    empty = {place: f"{UNREACHABLE}{place}" for place in range(size, max(rows, default=-1) + 1)}
    changes = {n: name for n, name in hidden.items() if n != unknown} | empty | rows
    return model | {"vocab": pieces.renamed(changes) if changes else pieces}


def keep_pieces(model: JsonObject, ids: list[int]) -> JsonObject:
    """Keep only these ids in the Unigram or BPE model of a tokenizer.json."""
    if isinstance(model["vocab"], dict):
        return bpe.keep(model, ids)
    unknown = {} if model.get("unk_id") is None else {"unk_id": ids.index(model["unk_id"])}
    return model | {"vocab": model["vocab"].take(ids), **unknown}


def _required(model: JsonObject) -> list[int]:
    unknown = [] if model.get("unk_id") is None else [model["unk_id"]]
    if not model.get("byte_fallback"):
        return unknown
    return [*unknown, *(n for name, n in ids_of(model).items() if BYTE_PIECE.fullmatch(name))]


def _support(model: JsonObject, ids: set[int]) -> Iterable[int]:
    return bpe.support(model, ids) if model["type"] == "BPE" else ()


METASPACE = Algorithm(
    name="SentencePiece as tokenizer.json",
    claims=lambda content: content["model"].get("type") in ("Unigram", "BPE"),
    styles=STYLES,
    engine=Engine,
    files=lambda content: {},
    join=join,
    stem=lambda token: token.strip(SPACE),
    add=add_pieces,
    keep=keep_pieces,
    required=_required,
    support=_support,
    space=SPACE,
    decoder=DECODER,
)
