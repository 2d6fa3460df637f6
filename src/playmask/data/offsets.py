"""Where something stands in a text: places that are stated, and those that must be found."""

from playmask.data.gathering import BadExample

Place = tuple[int, int]
"""The characters start … end - 1 of a text."""

MOST, LETTERS = 10_000, 1 << 20  # places of a name that is located by its matches; their letters


def check_place(text: str, start: int, end: int) -> None:
    """See that there is such a place in a text."""
    if not 0 <= start < end <= len(text):
        raise BadExample(
            f"A mention goes from {start} to {end}, but the text has {len(text)} characters; "
            "offsets are from 0, the end behind the last one."
        )


def trimmed(text: str, start: int, end: int) -> Place:
    """A place without the white space at its ends; raises BadExample where nothing else is."""
    part = text[start:end]
    begin = start + len(part) - len(part.lstrip())
    if begin >= end:
        raise BadExample(f"A mention ({start} to {end}) holds nothing but white space.")
    return begin, start + len(part.rstrip())


def check_text(text: str, start: int, end: int, stated: str) -> None:
    """See that a mention's text is the one at its place, or say what is wrong with the place."""
    actual = text[start:end]
    if actual == stated:
        return
    if text[start : end + 1] == stated:
        hint = "the end seems to be the last character; it must be the place behind it"
    elif stated and stated in text:
        hint = f"it stands at {text.index(stated)}"
    else:
        hint = "it does not stand in the text"
    raise BadExample(
        f"text[{start}:{end}] is {actual!r:.40}, but {stated!r:.40} is stated: {hint}."
    )


def places_of(text: str, stated: str) -> list[Place]:
    """All places of a text in another, also those that overlap.

    Where it stands as whole words of Latin letters and digits, only those ("2" is not in "2014");
    where its case is not found, in any case.
    Raises: BadExample if there is none
    """
    places = _all(text, stated)
    if not places and len(text.lower()) == len(text):  # a few letters become two
        places = _all(text.lower(), stated.lower())
    if not places:
        raise BadExample(f"{stated!r:.60} does not stand in the text {text!r:.40}.")
    return [place for place in places if _is_whole(text, *place)] or places


def _all(text: str, stated: str) -> list[Place]:
    places, start = [], text.find(stated)
    while start >= 0 and stated:
        places.append((start, start + len(stated)))
        if len(places) > min(MOST, 1 + LETTERS // len(stated)):
            raise BadExample(f"{stated!r:.40} stands too often in the text; state its place.")
        start = text.find(stated, start + 1)
    return places


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word goes on beyond a place."""
    return not (_in_word(text[max(0, start - 1) : start + 1]) or _in_word(text[end - 1 : end + 1]))


def _in_word(two: str) -> bool:
    return len(two) == 2 and two.isascii() and two.isalnum()
