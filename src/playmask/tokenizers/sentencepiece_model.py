"""A SentencePiece `.model` file as plain values, and back.

Source: sentencepiece_model.proto (ModelProto 1 pieces, 2 trainer_spec, 3 normalizer_spec)
"""

import struct
from typing import NamedTuple

from playmask.protobuf import BYTES, FIXED32, VARINT, Field, field, fields
from playmask.tokenizers.charsmap import check_charsmap

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
TYPES = range(NORMAL, BYTE + 1)
UNIGRAM, BPE = 1, 2

PIECES, TRAINER, NORMALIZER, SELF_TEST = 1, 2, 3, 4
_MODEL_TYPE, _SUFFIX, _BYTE_FALLBACK = 3, 24, 35  # of trainer_spec
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
    pieces: list[Piece] = []
    charsmap, rest = b"", b""
    for number, wire, value in fields(content):
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
    content = b"".join(field(PIECES, BYTES, _write_piece(piece)) for piece in model.pieces)
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


def _write_piece(piece: Piece) -> bytes:
    kind = b"" if piece.type == NORMAL else field(3, VARINT, piece.type)
    score = field(2, FIXED32, struct.pack("<f", piece.score))
    return field(1, BYTES, piece.text.encode()) + score + kind
