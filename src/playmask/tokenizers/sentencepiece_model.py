"""A SentencePiece `.model` file as plain values, and back.

Source: sentencepiece_model.proto (ModelProto 1 pieces, 2 trainer_spec, 3 normalizer_spec)
"""

import struct
from collections.abc import Iterable
from functools import cache, partial
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from playmask.protobuf import (
    BYTES,
    FIXED32,
    VARINT,
    Field,
    field,
    fields,
    read_varint,
    write_varint,
)
from playmask.tokenizers.charsmap import check_charsmap

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
TYPES = range(NORMAL, BYTE + 1)
UNIGRAM, BPE = 1, 2

PIECES, TRAINER, NORMALIZER, SELF_TEST = 1, 2, 3, 4
_MODEL_TYPE, _SUFFIX, _BYTE_FALLBACK = 3, 24, 35  # of trainer_spec
_PIECE, _TEXT, _SCORE = PIECES << 3 | BYTES, 1 << 3 | BYTES, 2 << 3 | FIXED32  # keys of fields
_SCORE_SIZE = 5  # of a score with its key, in bytes
_CHARSMAP, _DUMMY, _SQUEEZE, _ESCAPE = 2, 3, 4, 5  # of normalizer_spec


class Piece(NamedTuple):
    """A piece of text with its log-probability (or minus its rank) and its type, one of TYPES."""

    text: str
    score: float = 0.0
    type: int = NORMAL


class Model(NamedTuple):
    """A SentencePiece model.

    pieces:   in the order of their ids
    charsmap: the normaliser's compiled rules, empty where it has none
    rest:     all other fields as they were, among them how it was trained
    """

    pieces: list[Piece]
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
    charsmap, rest = b"", b""
    for number, wire, value in fields(content, end):
        if number == PIECES and isinstance(value, bytes):
            pieces.append(_read_piece(value))
        elif number == NORMALIZER and isinstance(value, bytes):
            inside = list(fields(value))
            charsmap = next((bytes(v) for n, _, v in inside if n == _CHARSMAP), b"")
            others = b"".join(field(*one) for one in inside if one[0] != _CHARSMAP)
            rest += field(number, wire, others)
        elif number != SELF_TEST:  # its ids may no longer be right
            rest += field(number, wire, value)
    if not any(number == NORMALIZER for number, _, _ in fields(rest)):
        raise ValueError(f"it ends after its {len(pieces)} pieces")
    if not any(piece.type == UNKNOWN for piece in pieces):
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


def _first_pieces(content: bytes) -> tuple[list[Piece], int]:
    """Read the pieces that a file begins with, all at once, and say where they end.

    Nearly all are short messages of a text and a score; any other is read by itself.
    """
    starts, ends = _bounds(content)
    first, last = np.array(starts, int), np.array(ends, int)
    codes = np.frombuffer(
        content + bytes(_SCORE_SIZE), np.uint8
    )  # what is empty may stand at the end
    text_ends = last - _SCORE_SIZE
    plain = (codes[first] == _TEXT) & (codes[first + 1] == text_ends - first - 2)
    plain &= codes[text_ends] == _SCORE
    at = np.where(plain, last, _SCORE_SIZE)[:, None] + np.arange(1 - _SCORE_SIZE, 0)
    scores = codes[at].view("<f4")[:, 0].tolist()
    make = partial(tuple.__new__, Piece)
    pieces: list[Piece] = [
        make((content[start + 2 : end - _SCORE_SIZE].decode(), score, NORMAL))
        if simple
        else _read_piece(content[start:end])
        for start, end, simple, score in zip(starts, ends, plain.tolist(), scores, strict=True)
    ]
    return pieces, ends[-1] if ends else 0


def _bounds(content: bytes) -> tuple[list[int], list[int]]:
    """Find where the messages of the first pieces begin and end."""
    starts, ends, end, last = [], [], 0, len(content) - 1
    while end < last and content[end] == _PIECE:
        length, start = content[end + 1], end + 2
        if length > 127:
            length, start = read_varint(content, end + 1)
        end = start + length
        starts.append(start)
        ends.append(end)
    whole = len(ends) - (end > len(content))  # one that is cut off is nobody's to read
    return starts[:whole], ends[:whole]


def _piece_fields(pieces: list[Piece]) -> Iterable[tuple[bytes, bytes, bytes]]:
    """Encode pieces as the fields of a model: what stands before each text, it, and the rest."""
    texts = [text.encode() for text, _, _ in pieces]
    scores = struct.pack(f"<{len(pieces)}f", *map(itemgetter(1), pieces))
    key = bytes([_SCORE])
    tails = [key + scores[place : place + 4] for place in range(0, len(scores), 4)]
    for number, piece in enumerate(pieces):
        if piece.type != NORMAL:
            tails[number] += field(3, VARINT, piece.type)
    return zip(map(_before, map(len, texts), map(len, tails)), texts, tails, strict=True)


@cache
def _before(text: int, tail: int) -> bytes:
    """The keys and sizes before a piece's text, of so many bytes, and of what follows it."""
    inner = bytes([_TEXT]) + write_varint(text)
    return bytes([_PIECE]) + write_varint(len(inner) + text + tail) + inner
