"""What is shown, in words: choices of an architecture, bytes, numbers of things."""

import dataclasses
from typing import Any


def choice_in_words(value: Any) -> str:
    """A value of an architecture; of recipes only what differs from their defaults."""
    if isinstance(value, tuple):
        return ", ".join(map(choice_in_words, value)) or "none"
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return "none" if value is None else str(value)
    fields = [(f, getattr(value, f.name)) for f in dataclasses.fields(value)]
    listed = ", ".join(f"{f.name}={choice_in_words(v)}" for f, v in fields if v != f.default)
    return f"{type(value).__name__}({listed})" if listed else type(value).__name__


def counted(count: int, thing: str) -> str:
    """A number of things: "1 text", "2,000 texts"."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def bytes_in_words(count: float) -> str:
    """Bytes with a unit that fits."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
