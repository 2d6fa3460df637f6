"""Texts with prompts, and the spans that answer them: what universal extraction learns from."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from playmask.data.gathering import BadExample, filled
from playmask.data.offsets import Place, check_place


class _Prompted(NamedTuple):
    text: str
    prompt: str
    places: tuple[Place, ...]


class Prompted(_Prompted):
    """A text, a prompt, and the spans that answer it, in their order, each once; perhaps none.

    A prompt may hold the answers to choose from, as 情感倾向[正向,负向]: a place below 0 is in the
    prompt, whose character i is i - (its length + 1), as PaddleNLP counts.
    Raises: DataError for an empty text or prompt, or a place that is in neither
    """

    __slots__ = ()

    def __new__(cls, text: str, prompt: str, places: Iterable[Place] = ()) -> Self:
        """Put the places in order."""
        filled(text)
        filled(prompt, "prompt")
        held = {(start, end) for start, end in places}
        for start, end in held:
            if type(start) is int and type(end) is int and start < 0:
                check_place(prompt, start + shift_of(prompt), end + shift_of(prompt))
            else:
                check_place(text, start, end)
        return super().__new__(cls, text, prompt, tuple(sorted(held)))


def shift_of(prompt: str) -> int:
    """How far the offsets into a prompt are from those below 0 that stand for them."""
    return len(prompt) + 1


def prompted(example: object) -> Prompted:
    """A Prompted, or (text, prompt, places)."""
    if isinstance(example, Prompted):
        return example
    if not isinstance(example, (tuple, list)) or len(example) != 3:
        raise BadExample(f"It is {example!r:.80}, not (text, prompt, places).")
    text, prompt, stated = example
    try:
        places = [(start, end) for start, end in stated]
    except (TypeError, ValueError):
        raise BadExample(f"Its places are {stated!r:.60}, not a list of (start, end).") from None
    return Prompted(text, prompt, places)
