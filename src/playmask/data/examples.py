"""Examples of a data file, with the lines where they stand."""

import operator
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar


class Example(NamedTuple):
    """One text, or a pair of texts, and what it is to be labelled with, where that is known.

    label: a name, a tuple of names or of numbers, as the task has it
    """

    text: str
    pair: str | None = None
    label: Any = None


E = TypeVar("E")


class Examples(list[E], Generic[E]):
    """The examples of a file in its order; `skipped` tells why each left-out line was bad.

    path: the file, where they are of one; places: where each example stands in it: the line where
    it begins, or its name there; notes: what was guessed of the file, or changed in examples
    """

    def __init__(
        self,
        examples: Iterable[E] = (),
        skipped: Iterable[str] = (),
        places: Iterable[int | str] = (),
        path: Path | None = None,
    ):
        super().__init__(examples)
        self.skipped = list(skipped)
        self.places = list(places)
        self.path = path
        self.notes: list[str] = []
        self._checked: tuple[object, tuple[E, ...]] | None = None

    @property
    def source(self) -> str:
        """The file, as errors about all the examples begin; "" where they are of none."""
        return "" if self.path is None else f"{self.path}: "

    def place_of(self, i: int) -> str:
        """Where an example stands, as errors about it begin."""
        placed = self.path is not None and len(self.places) == len(self)
        return f"{self.path}:{self.places[i]}" if placed else f"Example {i}"

    def mark_checked(self, check: object) -> Self:
        """Remember what has checked these examples; it holds until one of them is exchanged."""
        self._checked = check, tuple(self)
        return self

    def is_checked(self, check: object) -> bool:
        """Whether a check has taken just these examples."""
        if self._checked is None or self._checked[0] != check:
            return False
        checked = self._checked[1]
        return len(checked) == len(self) and all(map(operator.is_, checked, self))

    def replaced(self, examples: Iterable[Any]) -> "Examples[Any]":
        """Others in the places of these, one for each, with the same notes."""
        others = Examples(examples, self.skipped, self.places, self.path)
        others.notes = self.notes
        return others

    def part(self, which: slice) -> "Examples[E]":
        """Some of the examples, checked where all are."""
        some = Examples(self[which], places=self.places[which], path=self.path)
        if self._checked is not None and self.is_checked(self._checked[0]):
            some.mark_checked(self._checked[0])
        return some


def ordered(names: Iterable[str]) -> list[str]:
    """Sort names, each once; those that are all numbers are sorted as numbers."""
    labels = sorted(set(names))
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", label) for label in labels):
        labels.sort(key=float)
    return labels


def texts_in(example: Any) -> list[str]:
    """The texts of an example: question or prompt, text and pair, as far as it has them."""
    values = (getattr(example, name, None) for name in ("question", "prompt", "text", "pair"))
    return [value for value in values if isinstance(value, str)]
