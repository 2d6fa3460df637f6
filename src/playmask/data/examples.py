"""Examples of a data file, with the lines where they stand."""

import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar


class Example(NamedTuple):
    """One text, or a pair of texts, and its label where there is one."""

    text: str
    pair: str | None = None
    label: str | None = None


E = TypeVar("E")


class Examples(list[E], Generic[E]):
    """The examples of a file in its order; `skipped` tells why each left-out line was bad.

    places: where each example stands in its file: the line where it begins, or its name there;
    empty where they are of no file
    """

    def __init__(
        self,
        examples: Iterable[E] = (),
        skipped: Iterable[str] = (),
        places: Iterable[int | str] = (),
    ):
        super().__init__(examples)
        self.skipped = list(skipped)
        self.places = list(places)


def labels_of(examples: Iterable[Example]) -> list[str]:
    """List the labels that occur, in order."""
    return ordered(example.label for example in examples if example.label is not None)


def ordered(names: Iterable[str]) -> list[str]:
    """Sort names, each once; those that are all numbers are sorted as numbers."""
    labels = sorted(set(names))
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", label) for label in labels):
        labels.sort(key=float)
    return labels
