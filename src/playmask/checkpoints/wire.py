"""The protocol-buffer wire format, as far as checkpoint indexes need it.

Source: https://protobuf.dev/programming-guides/encoding
"""

import struct

DAMAGE = (IndexError, ValueError, struct.error)  # what the readers here raise on damaged bytes


def varint(data: bytes, start: int) -> tuple[int, int]:
    """Read a variable-length integer at `start`: (value, where it ends)."""
    value = 0
    for i in range(start, start + 10):
        value |= (data[i] & 127) << 7 * (i - start)
        if data[i] < 128:
            return value, i + 1
    raise ValueError("an integer takes more than 10 bytes")


def to_varint(value: int) -> bytes:
    """Write a non-negative integer in groups of 7 bits, lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def piece(data: bytes, start: int, length: int) -> bytes:
    """Cut exactly `length` bytes out."""
    if start + length > len(data):
        raise IndexError(f"{length} bytes at {start} reach beyond the {len(data)} there are")
    return data[start : start + length]


def fields(message: bytes) -> dict[int, list[int | bytes]]:
    """Read a message: field number -> its values, an int for a varint and bytes for the rest."""
    out: dict[int, list[int | bytes]] = {}
    i = 0
    while i < len(message):
        tag, i = varint(message, i)
        number, kind = tag >> 3, tag & 7
        value: int | bytes
        if kind == 0:
            value, i = varint(message, i)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                length, i = varint(message, i)
            if length is None:
                raise ValueError(f"field {number} has the unknown wire type {kind}")
            value, i = piece(message, i, length), i + length
        out.setdefault(number, []).append(value)
    return out


def integer(message: dict[int, list[int | bytes]], number: int, default: int = 0) -> int:
    """Give the integer in a field, or the default where the message lacks it."""
    value = message.get(number, [default])[-1]
    if isinstance(value, bytes):
        raise ValueError(f"field {number} holds bytes, not an integer")
    return value


def pieces(message: dict[int, list[int | bytes]], number: int) -> list[bytes]:
    """Give the bytes (or messages) in a field, none where the message lacks it."""
    values = message.get(number, [])
    found = [value for value in values if isinstance(value, bytes)]
    if len(found) < len(values):
        raise ValueError(f"field {number} holds an integer, not bytes")
    return found


def field(number: int, value: int | bytes) -> bytes:
    """Write a field; an integer of 0 is the default and is left out."""
    if isinstance(value, int):
        return to_varint(number << 3) + to_varint(value) if value else b""
    return to_varint(number << 3 | 2) + to_varint(len(value)) + value
