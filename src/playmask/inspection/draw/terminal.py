"""Drawing with characters, for terminals: columns that line up, Chinese among them."""

import unicodedata

from playmask.untrusted import visible

SHADES = " ░▒▓█"  # from nothing to all


def width_of(text: str) -> int:
    """How many columns a text takes: two for a wide character, none for one that combines."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """The beginning of a text that takes no more than so many columns."""
    beginning = ""
    for character in text:
        if width_of(beginning + character) > columns:
            break
        beginning += character
    return beginning


def fitted(text: str, columns: int) -> str:
    """Fill a text up with spaces to so many columns, or cut it to them."""
    text = visible(text, keep="")
    if width_of(text) > columns:
        text = cut(text, columns - 1) + "…"
    return text + " " * (columns - width_of(text))


def shade(share: float) -> str:
    """The shade of a share from 0 to 1; "?" where it is no number."""
    if share != share:
        return "?"
    return SHADES[round(min(max(share, 0.0), 1.0) * (len(SHADES) - 1))]
