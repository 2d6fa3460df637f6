"""A SentencePiece `.model` file as plain values, and back.

Source: sentencepiece_model.proto (ModelProto 1 pieces, 2 trainer_spec, 3 normalizer_spec)
"""

import struct
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from playmask.protobuf import (
    BYTES,
    FIXED32,
    VARINT,
    Field,
    field,
    fields,
    read_bytes,
    read_varint,
    write_varint,
)
from playmask.tokenizers.charsmap import check_charsmap
from playmask.tokenizers.pieces import NORMAL, UNKNOWN, Piece, Pieces

UNIGRAM, BPE = 1, 2

PIECES, TRAINER, NORMALIZER, SELF_TEST = 1, 2, 3, 4
_MODEL_TYPE, _SUFFIX, _BYTE_FALLBACK = 3, 24, 35  # of trainer_spec
_PIECE, _TEXT, _SCORE = PIECES << 3 | BYTES, 1 << 3 | BYTES, 2 << 3 | FIXED32  # keys of fields
_LONG = 128  # bytes from which on a size takes two
_HEAD, _TAIL = 4, 5  # bytes of a short piece before its text, and after it: a score with its key
_CHARSMAP, _DUMMY, _SQUEEZE, _ESCAPE = 2, 3, 4, 5  # of normalizer_spec


class Model(NamedTuple):
    """A SentencePiece model.

    pieces:   in the order of their ids
    charsmap: the normaliser's compiled rules, empty where it has none
    rest:     all other fields as they were, among them how it was trained
    """

    pieces: Pieces
    charsmap: bytes
    rest: bytes

    @property
    def type(self) -> int:
        """The algorithm: UNIGRAM, BPE, or another number."""
        return self._flag(TRAINER, _MODEL_TYPE, UNIGRAM)

    @property
    def byte_fallback(self) -> bool:
        """Whether unknown characters are written as bytes."""
        return bool(self._flag(TRAINER, _BYTE_FALLBACK, 0))

    @property
    def suffix(self) -> bool:
        """Whether a space belongs to the word before it."""
        return bool(self._flag(TRAINER, _SUFFIX, 0))

    @property
    def dummy(self) -> bool:
        """Whether a text gets a space before it."""
        return bool(self._flag(NORMALIZER, _DUMMY, 1))

    @property
    def squeeze(self) -> bool:
        """Whether spaces at the ends, and all but one inside, are removed."""
        return bool(self._flag(NORMALIZER, _SQUEEZE, 1))

    def _flag(self, part: int, number: int, default: int) -> int:
        value = default
        for outer, _, message in fields(self.rest):
            if outer == part and isinstance(message, bytes):
                for inner, _, flag in fields(message):
                    value = flag if inner == number and isinstance(flag, int) else value
        return value


def read(content: bytes) -> Model:
    """Read the content of a `.model` file.

    Raises: ValueError if it is damaged, or something else
    """
    pieces, end = _first_pieces(content)
    more: list[Piece] = []
    charsmap, rest = b"", b""
    for number, wire, value in fields(content, end):
        if number == PIECES and isinstance(value, bytes):
            more.append(_read_piece(value))
        elif number == NORMALIZER and isinstance(value, bytes):
            inside = list(fields(value))
            charsmap = next((bytes(v) for n, _, v in inside if n == _CHARSMAP), b"")
            others = b"".join(field(*one) for one in inside if one[0] != _CHARSMAP)
            rest += field(number, wire, others)
        elif number != SELF_TEST:  # its ids may no longer be right
            rest += field(number, wire, value)
    pieces = pieces + Pieces.of(more) if more else pieces
    if not any(number == NORMALIZER for number, _, _ in fields(rest)):
        raise ValueError(f"it ends after its {len(pieces)} pieces")
    if UNKNOWN not in pieces.types.values():
        raise ValueError(f"it has {len(pieces)} pieces, none of them for what is unknown")
    check_charsmap(charsmap)
    for number, _, value in fields(rest):
        if number in (TRAINER, NORMALIZER) and isinstance(value, bytes):
            list(fields(value))  # they are read one by one later on
    return Model(pieces, charsmap, rest)


def write(model: Model) -> bytes:
    """Write a model as the content of a `.model` file."""
    content = b"".join(chain.from_iterable(_piece_fields(model.pieces)))
    for number, wire, value in fields(model.rest):
        if number == NORMALIZER and model.charsmap and isinstance(value, bytes):
            inside: list[Field] = [*fields(value), (_CHARSMAP, BYTES, model.charsmap)]
            value = b"".join(field(*one) for one in sorted(inside, key=lambda one: one[0]))
        content += field(number, wire, value)
    return content


def _read_piece(message: bytes) -> Piece:
    text, score, kind = "", 0.0, NORMAL
    for number, wire, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif number == 2 and wire == FIXED32:
            (score,) = struct.unpack("<f", value)  # type: ignore[arg-type]
        elif number == 3 and isinstance(value, int):
            kind = value
    return Piece(text, score, kind)


def _first_pieces(content: bytes) -> tuple[Pieces, int]:
    """Read the pieces that a file begins with, and say where they end.

    Nearly all are short messages of a text and a score, in long runs that are read at once; any
    other is read by itself.
    """
    codes = np.frombuffer(content, np.uint8)
    short, ends = _short_pieces(codes)
    breaks = np.flatnonzero(short[1:] != ends[:-1])  # the last ones of their runs
    names: list[str] = []
    scores: list[float] = []
    types: dict[int, int] = {}
    end = 0
    while end < len(content) and content[end] == _PIECE:
        first = int(np.searchsorted(short, end))
        if first < len(short) and short[first] == end:
            breaking = breaks[np.searchsorted(breaks, first) :][:1]
            run = slice(first, int(breaking[0]) + 1 if len(breaking) else len(short))
            texts = zip((short[run] + _HEAD).tolist(), (ends[run] - _TAIL).tolist(), strict=True)
            names += [content[start:stop].decode() for start, stop in texts]
            places = ends[run, None] + np.arange(1 - _TAIL, 0)
            scores += codes[places].view("<f4")[:, 0].tolist()
            end = int(ends[run][-1])
        else:
            length, start = read_varint(content, end + 1)
            name, score, kind = _read_piece(read_bytes(content, start, length))
            types |= {} if kind == NORMAL else {len(names): kind}
            names.append(name)
            scores.append(score)
            end = start + length
    return Pieces(names, np.array(scores, float), types), end


def _short_pieces(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the places that may be short messages of a text and a score, and where each ends."""
    around = np.uint8(_HEAD - 2 + _TAIL)
    texts = codes[1:-2] - around  # their sizes; below 0 they become large ones
    likely = (codes[:-3] == _PIECE) & (codes[2:-1] == _TEXT) & (codes[3:] == texts)
    likely &= texts < _LONG - around
    places = np.flatnonzero(likely)
    ends = places + 2 + codes[places + 1]
    scored = (ends <= len(codes)) & (codes[np.minimum(ends, len(codes)) - _TAIL] == _SCORE)
    return places[scored], ends[scored]


def _piece_fields(pieces: Pieces) -> Iterable[tuple[bytes, bytes, bytes]]:
    """Encode pieces as the fields of a model: what stands before each text, it, and the rest."""
    texts = [*map(str.encode, pieces.names)]
    scores = struct.pack(f"<{len(pieces)}f", *pieces.scores.tolist())
    key = bytes([_SCORE])
    tails = [key + scores[place : place + 4] for place in range(0, len(scores), 4)]
    for number, kind in pieces.types.items():
        tails[number] += field(3, VARINT, kind)
    return zip(map(_before, map(len, texts), map(len, tails)), texts, tails, strict=True)


@cache
def _before(text: int, tail: int) -> bytes:
    """The keys and sizes before a piece's text, of so many bytes, and of what follows it."""
    inner = bytes([_TEXT]) + write_varint(text)
    return bytes([_PIECE]) + write_varint(len(inner) + text + tail) + inner
