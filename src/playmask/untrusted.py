"""Text that others wrote, on its way to a terminal, into a page or into a line of JSON.

File names, the names of tensors, labels, texts and what is predicted of them may hold characters
that a terminal or a browser obeys instead of showing: escape sequences, line ends where none is
due, and Unicode's directions, which let a text be read otherwise than it is stored.

Source: Boucher and Anderson, Trojan Source (arXiv 2111.00169), for the directions
"""

import json
import re
from typing import Any

from playmask.errors import NotFiniteError, brief

OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, separators of lines and paragraphs, embeddings, overrides and isolates of
directions, halves of surrogate pairs. Marks such as U+200F turn nothing but themselves."""

MULTILINE = "\n\t"


def visible(text: str, keep: str = MULTILINE) -> str:
    """A text with "�" for each character that is obeyed, so that its length stays.

    keep: those that are due where it will stand
    """
    return OBEYED.sub(lambda match: match[0] if match[0] in keep else "�", text)


def spelled(text: str, keep: str = "") -> str:
    r"""A text with each character that is obeyed written as Python does, such as "\x1b".

    keep: those that are due where it will stand
    """
    return OBEYED.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""JSON for a terminal or a pipe: the same value, what is obeyed in it as "\u202e"."""
    try:
        written = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:
        raise NotFiniteError(
            f"A result holds NaN or an infinite number, which no JSON can hold: {brief(value)}."
        ) from None
    return OBEYED.sub(
        lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", written
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
