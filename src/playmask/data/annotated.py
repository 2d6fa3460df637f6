"""A text with the mentions that stand in it."""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

from playmask.data.gathering import BadExample, check_labels, filled
from playmask.data.offsets import check_place


class Mention(NamedTuple):
    """The characters start … end - 1 of a text, and what they are; score: how sure that is."""

    start: int
    end: int
    label: str
    score: float = 1.0


class _Annotated(NamedTuple):
    text: str
    mentions: tuple[Mention, ...]


class Annotated(_Annotated):
    """A text and its mentions, in the order of their places, each once.

    Raises: DataError for an empty text, or a mention that is not in the text
    """

    __slots__ = ()

    def __new__(cls, text: str, mentions: Iterable[Mention] = ()) -> Self:
        """Put the mentions in order."""
        filled(text)
        held = {*mentions}
        for mention in held:
            if not isinstance(mention.label, str) or not mention.label:
                raise BadExample(f"The label of a mention is {mention.label!r}, not a name.")
            check_place(text, mention.start, mention.end)
        return super().__new__(cls, text, tuple(sorted(held)))


def check_mentions(example: Annotated, labels: Collection[str] | None) -> Annotated:
    """See that the mentions have labels that are known; None = any."""
    check_labels((mention.label for mention in example.mentions), labels)
    return example
