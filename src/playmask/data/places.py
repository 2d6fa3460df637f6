"""Where something stands in a text: places that are stated, and those that must be found."""

from playmask.data.gathering import BadExample

Place = tuple[int, int]
"""The characters start … end - 1 of a text."""


def check_place(text: str, start: int, end: int) -> None:
    """See that there is such a place in a text."""
    if not 0 <= start < end <= len(text):
        raise BadExample(
            f"A mention goes from {start} to {end}, but the text has {len(text)} characters; "
            "offsets are from 0, the end behind the last one."
        )


def check_text(text: str, start: int, end: int, stated: str) -> None:
    """See that a mention's text is the one at its place, or say what is wrong with the place."""
    found = text[start:end]
    if found == stated:
        return
    if text[start : end + 1] == stated:
        hint = "the end seems to be the last character; it must be the place behind it"
    elif stated and stated in text:
        hint = f"it stands at {text.index(stated)}"
    else:
        hint = "it does not stand in the text"
    raise BadExample(f"text[{start}:{end}] is {found!r:.40}, but {stated!r:.40} is stated: {hint}.")


def places_of(text: str, stated: str) -> list[Place]:
    """All places of a text in another, also those that overlap; case counts only where it must.

    Raises: BadExample if there is none
    """
    found = _all(text, stated) or _all(text.lower(), stated.lower())
    if not stated or not found:
        raise BadExample(f"{stated!r:.60} does not stand in the text {text!r:.40}.")
    return found


def _all(text: str, stated: str) -> list[Place]:
    found, start = [], text.find(stated)
    while start >= 0 and stated:
        found.append((start, start + len(stated)))
        start = text.find(stated, start + 1)
    return found
