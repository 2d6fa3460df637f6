"""A text with the mentions that stand in it."""

from collections.abc import Collection
from typing import NamedTuple

from playmask.data.gathering import (
    BadExample,
)
from playmask.data.offsets import check_place
from playmask.errors import nearest


class Mention(NamedTuple):
    """The characters start … end - 1 of a text, and what they are; score: how sure that is."""

    start: int
    end: int
    label: str
    score: float = 1.0


class Annotated(NamedTuple):
    """A text and its mentions, in the order of their places."""

    text: str
    mentions: tuple[Mention, ...] = ()


def checked(example: Annotated, labels: Collection[str] | None = None) -> Annotated:
    """Put the mentions in order, each once, after seeing that they are in the text."""
    if not isinstance(example.text, str) or not example.text.strip():
        raise BadExample(f"The text is {example.text!r:.60}; a str that is not empty is due.")
    for mention in example.mentions:
        if not isinstance(mention.label, str) or not mention.label:
            raise BadExample(f"The label of a mention is {mention.label!r}, not a name.")
        if labels is not None and mention.label not in labels:
            raise BadExample(
                f"The label {mention.label!r} is not one of the labels."
                f"{nearest(mention.label, labels)}"
            )
        check_place(example.text, mention.start, mention.end)
    return Annotated(example.text, tuple(sorted(set(example.mentions))))
