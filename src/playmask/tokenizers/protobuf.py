"""Protocol buffers, as far as a SentencePiece model needs them: fields in, fields out.

The package `sentencepiece` shows neither how a model normalises nor what type its pieces are.
"""

from collections.abc import Iterator

Value = int | bytes
Field = tuple[int, int, Value]  # number, wire type, value

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_SHORT = [bytes([value]) for value in range(128)]


def fields(message: bytes) -> Iterator[Field]:
    """Walk over the fields of a message.

    Raises: ValueError if it is cut off, or no message
    """
    place, size = 0, len(message)
    while place < size:
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(message, place)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, place = _varint(message, place)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise ValueError(f"a field has the unknown wire type {wire} at byte {place}")
        if place + length > size:
            raise ValueError(f"it ends inside a field that begins at byte {place}")
        yield number, wire, message[place : place + length]
        place += length


def field(number: int, wire: int, value: Value) -> bytes:
    """Write one field of a message."""
    key = _write_varint(number << 3 | wire)
    if isinstance(value, int):
        return key + _write_varint(value)
    return key + (_write_varint(len(value)) if wire == BYTES else b"") + value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    if place < len(message) and message[place] < 128:  # nearly all are
        return message[place], place + 1
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError(f"it ends inside a number at byte {place}")
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _write_varint(value: int) -> bytes:
    if value < 128:
        return _SHORT[value]
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
