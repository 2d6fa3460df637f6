"""Damaged, lying and huge versions of a file, drawn by a seeded generator."""

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body></body></html>\n"
NUMBERS = (0, 1, 2, 127, 255, 1 << 15, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40)
NUMBERS += ((1 << 62), (1 << 63) - 1, (1 << 64) - 1)
DIGITS, DEEP = 6_000, 100_000
LONGEST = 1 << 21  # bytes that a file may grow to

WORDS = (
    *("9" * DIGITS, "-1", "0", "1e999", "nan", "1.5", "O", "B-", "B-X", "I-X", "#doc", "T1"),
    *("-" * 200_000, "[" * DEEP, '"', "\\", "\x00", "\x1b[2J", "\u202e", "\ufeff", "\u2028", "\r"),
    *("\ud800", "é", "👨\u200d👩", "ﷺ" * 500, " ", "\t", "\n", "\r\n", "[UNK]", "##", "▁", "Ġ"),
)


class Damage(NamedTuple):
    """A damaged file; raw: only its bytes were changed, so that no checksum in it was made anew."""

    data: bytes
    mutation: str
    raw: bool


Mutation = Callable[[bytes, random.Random], bytes]


def _span(data: bytes, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(len(data) + 1)
    return start, min(len(data), start + draw.choice((1, 2, 4, 8, 64, 1024, len(data))))


def cut(data: bytes, draw: random.Random) -> bytes:
    """Only a beginning."""
    return data[
        : draw.choice((draw.randrange(len(data) + 1), max(0, len(data) - draw.randint(1, 9))))
    ]


def behead(data: bytes, draw: random.Random) -> bytes:
    """Only an end."""
    return data[draw.randint(1, 16) :]


def flip(data: bytes, draw: random.Random) -> bytes:
    """Some bits the other way round."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8)) if data else 0):
        out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)


def overwrite(data: bytes, draw: random.Random) -> bytes:
    """A span of zeros, of ones, or of anything."""
    start, end = _span(data, draw)
    fill = draw.choice((b"\x00", b"\xff", b" ", None))
    new = draw.randbytes(end - start) if fill is None else fill * (end - start)
    return data[:start] + new + data[end:]


def number(data: bytes, draw: random.Random) -> bytes:
    """A number of some bytes that is huge, or odd."""
    form, value = draw.choice(("<I", "<Q", "<H", ">I", ">Q")), draw.choice(NUMBERS)
    new = struct.pack(form, value % (1 << 8 * struct.calcsize(form)))
    start = draw.choice((draw.randrange(len(data) + 1), draw.randrange(min(len(data), 64) + 1)))
    return data[:start] + new + data[start + len(new) :]


def remove(data: bytes, draw: random.Random) -> bytes:
    """Without a span."""
    start, end = _span(data, draw)
    return data[:start] + data[end:]


def splice(data: bytes, draw: random.Random) -> bytes:
    """With a span once more, at another place."""
    start, end = _span(data, draw)
    place = draw.randrange(len(data) + 1)
    return data[:place] + data[start:end] * draw.choice((1, 1, 2, 50)) + data[place:]


def swap(data: bytes, draw: random.Random) -> bytes:
    """The halves in the other order."""
    middle = len(data) // 2 if draw.random() < 0.5 else draw.randrange(len(data) + 1)
    return data[middle:] + data[:middle]


def append(data: bytes, draw: random.Random) -> bytes:
    """With more behind it."""
    return data + draw.choice((b"\0" * 64, b"\n", draw.randbytes(64), data[:1000], PAGE))


def replace(data: bytes, draw: random.Random) -> bytes:
    """Something else in its place."""
    nothing = (b"", b"\n", b"\0" * len(data), draw.randbytes(len(data)))
    return draw.choice((LFS, LFS, PAGE, b"{}", b"[]", b"null", *nothing))


BYTES: tuple[Mutation, ...] = (
    cut, cut, behead, flip, flip, flip, overwrite, number, number, remove, splice, swap, append,
    replace,
)  # fmt: skip


def line_ends(data: bytes, draw: random.Random) -> bytes:
    """Other line ends."""
    return data.replace(b"\n", draw.choice((b"\r", b"\r\n", b"\n\n", b"", b"\x0b")))


def lines(data: bytes, draw: random.Random) -> bytes:
    """Lines twice, in another order, or gone."""
    listed = data.splitlines(keepends=True) or [b""]
    at = draw.randrange(len(listed))
    change = draw.randrange(4)
    if change == 0:
        listed.insert(draw.randrange(len(listed) + 1), listed[at])
    elif change == 1:
        del listed[at]
    elif change == 2:
        draw.shuffle(listed)
    else:
        listed[at:at] = [b"\n"] * draw.choice((1, 1000))
    return b"".join(listed)


def word(data: bytes, draw: random.Random) -> bytes:
    """A word that nobody expects, in place of one or between two."""
    new = draw.choice(WORDS).encode("utf-8", "surrogatepass")
    parts = [i for i, byte in enumerate(data) if byte in b' \t\n,":{}[]'] or [0]
    start = draw.choice(parts)
    end = next((i for i in parts if i > start), len(data)) if draw.random() < 0.6 else start
    return data[: start + 1] + new + data[max(end, start + 1) :]


def separators(data: bytes, draw: random.Random) -> bytes:
    """Other separators."""
    one, other = draw.sample((b"\t", b" ", b",", b";", b"|", b":"), 2)
    return data.replace(one, other)


def recode(data: bytes, draw: random.Random) -> bytes:
    """In another encoding."""
    text = data.decode("utf-8", "replace")
    return text.encode(draw.choice(("utf-16", "gb18030", "utf-8-sig", "latin-1")), "replace")


def multiply(data: bytes, draw: random.Random) -> bytes:
    """Many times over."""
    return data * max(1, min(draw.choice((2, 100, 10_000)), LONGEST // max(len(data), 1)))


TEXT: tuple[Mutation, ...] = (
    line_ends,
    lines,
    lines,
    word,
    word,
    word,
    separators,
    recode,
    multiply,
)

HUGE, NESTED, HALF = "@huge@", "@deep@", "@half@"
RAW = {
    json.dumps(HUGE): "9" * DIGITS,
    json.dumps(NESTED): "[" * DEEP + "]" * DEEP,
    json.dumps(HALF): '"\\ud800"',
}
"""What no value of Python can be written as."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 3, 1.5, -0.0, 1e308, float("nan"), float("inf"), 100_000),
    *(10**8, 2**31, 2**63, 2**64, HUGE, NESTED, HALF, "", "abc", "1", "\x00", "\x1b[2J\u202e"),
    *("x" * 5_000, "../x", "/etc/passwd", [], {}, [[]], [1, "a", None], {"a": {"b": []}}),
)


def damage_json(data: bytes, draw: random.Random) -> bytes:
    """The same JSON but for a value, a key, an item or a size."""
    root = [json.loads(data)]
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        _change(root, draw)
    text = json.dumps(root[0], ensure_ascii=draw.random() < 0.5)
    for marked, raw in RAW.items():
        text = text.replace(marked, raw)
    return text.encode("utf-8", "surrogatepass")


def _change(root: list[Any], draw: random.Random) -> None:
    """Change one value below the root, which is never empty."""
    at: Any = root
    place: Any = 0
    while isinstance(at[place], dict | list) and at[place] and draw.random() < 0.75:
        at = at[place]
        place = draw.choice([*at]) if isinstance(at, dict) else draw.randrange(len(at))
    old, change = at[place], draw.randrange(8)
    if change == 0 and at is not root:
        del at[place]
    elif change == 1 and isinstance(at, dict):
        at[draw.choice((place + "x", "", "is", "\ud800", "x" * 300, "__class__"))] = old
    elif change == 2 and isinstance(old, int | float) and not isinstance(old, bool):
        at[place] = draw.choice(
            (old * 2, old + 1, -old, old * 1000, old / 3, old * 10**6, str(old))
        )
    elif change == 3 and at is not root:
        other = draw.choice([*at] if isinstance(at, dict) else [*range(len(at))])
        at[place], at[other] = at[other], old
    elif change == 4 and isinstance(old, list):
        at[place] = (old or [0]) * draw.choice((2, 7, 1000))
    elif change == 5:
        at[place] = draw.choice(([old], {"a": old}, {str(old)[:50]: old}, str(old)[:5000]))
    else:
        at[place] = copy.deepcopy(draw.choice(VALUES))  # or a later change would change VALUES


def of_bytes(data: bytes, draw: random.Random) -> Damage:
    """A file whose bytes are damaged once or several times."""
    return _several(data, draw, BYTES)


def of_text(data: bytes, draw: random.Random) -> Damage:
    """A file of lines that is damaged as text, or byte by byte."""
    return _several(data, draw, (*BYTES, *TEXT, *TEXT))


def of_json(data: bytes, draw: random.Random) -> Damage:
    """A JSON file, or a file of JSON lines, that is damaged value by value, or as text."""
    if draw.random() < 0.25:
        return of_text(data, draw)
    if _is_json(data):
        return Damage(damage_json(data, draw), "values of JSON", False)
    listed = data.splitlines()
    at = draw.randrange(len(listed))
    listed[at] = damage_json(listed[at], draw)
    return Damage(b"\n".join(listed) + b"\n", f"values of JSON in line {at + 1}", False)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _several(data: bytes, draw: random.Random, mutations: tuple[Mutation, ...]) -> Damage:
    names = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        mutation = draw.choice(mutations)
        names.append(mutation.__name__)
        data = mutation(data, draw)[: 2 * LONGEST]
    return Damage(data, ", ".join(names), True)
