"""Texts that end a completion."""

from collections.abc import Sequence


def until_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to the first of its stops, and whether there was one."""
    places = [text.find(stop) for stop in stops]
    first = min((place for place in places if place >= 0), default=-1)
    return (text, False) if first < 0 else (text[:first], True)


def held_back(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of a text may be the beginning of a stop."""
    longest = min(max(map(len, stops), default=1) - 1, len(text))
    ends = (count for count in range(longest, 0, -1))
    return next((n for n in ends if any(stop.startswith(text[-n:]) for stop in stops)), 0)
