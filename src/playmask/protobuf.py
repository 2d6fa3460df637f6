"""The protocol buffer wire format: what TensorFlow's indexes and SentencePiece models are made of.

Source: https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator

Value = int | bytes
Field = tuple[int, int, Value]  # number, wire type, value
Message = dict[int, list[Value]]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10  # bytes of 7 bits, for 64 bits
_FIXED = {FIXED64: 8, FIXED32: 4}
_SHORT = [bytes([value]) for value in range(128)]


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Decode the variable-length integer at `start`: (value, where it ends).

    Raises: ValueError if it is cut off, or longer than 64 bits
    """
    if start < len(data) and data[start] < 128:  # nearly all are
        return data[start], start + 1
    value = 0
    for place in range(start, min(start + LONGEST_VARINT, len(data))):
        value |= (data[place] & 127) << 7 * (place - start)
        if data[place] < 128:
            return value, place + 1
    if start + LONGEST_VARINT <= len(data):
        raise ValueError(f"an integer takes more than {LONGEST_VARINT} bytes")
    raise ValueError(f"it ends inside a number at byte {len(data)}")


def write_varint(value: int) -> bytes:
    """Encode a non-negative integer in groups of 7 bits, the lowest first."""
    if value < 128:
        return _SHORT[value]
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def read_bytes(data: bytes, start: int, length: int) -> bytes:
    """Cut out exactly `length` bytes.

    Raises: ValueError if there are fewer
    """
    if start + length > len(data):
        raise ValueError(
            f"it ends inside a field: {length} bytes at {start} reach beyond its {len(data)}"
        )
    return data[start : start + length]


def fields(message: bytes, place: int = 0) -> Iterator[Field]:
    """Decode a message field by field, in the order in which they are stored.

    place:  where the first of them begins
    Raises: ValueError if it is cut off, or no message
    """
    size = len(message)
    while place < size:
        key, place = read_varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = read_varint(message, place)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, place = read_varint(message, place)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise ValueError(f"field {number} has the unknown wire type {wire} at byte {place}")
        yield number, wire, read_bytes(message, place, length)
        place += length


def parse(message: bytes) -> Message:
    """Decode a message by field number: its values, an int for a varint and bytes for the rest."""
    values: Message = {}
    for number, _, value in fields(message):
        values.setdefault(number, []).append(value)
    return values


def integer(message: Message, number: int, default: int = 0) -> int:
    """Return the integer of a field, or the default where the message lacks it.

    Raises: ValueError if the field holds bytes
    """
    value = message.get(number, [default])[-1]
    if isinstance(value, bytes):
        raise ValueError(f"field {number} holds bytes, not an integer")
    return value


def submessages(message: Message, number: int) -> list[bytes]:
    """Return the bytes (or embedded messages) of a repeated field, none where it is missing.

    Raises: ValueError if the field holds an integer
    """
    values = message.get(number, [])
    embedded = [value for value in values if isinstance(value, bytes)]
    if len(embedded) < len(values):
        raise ValueError(f"field {number} holds an integer, not bytes")
    return embedded


def field(number: int, wire: int, value: Value) -> bytes:
    """Encode one field of a message."""
    key = write_varint(number << 3 | wire)
    if isinstance(value, int):
        return key + write_varint(value)
    return key + (write_varint(len(value)) if wire == BYTES else b"") + value


def integer_field(number: int, value: int) -> bytes:
    """Encode an integer as proto3 does: 0 is the default, and is left out."""
    return field(number, VARINT, value) if value else b""
