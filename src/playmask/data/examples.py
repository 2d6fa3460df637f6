"""Examples of a data file, with the lines where they stand."""

import operator
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar


class Example(NamedTuple):
    """One text, or a pair of texts, and what it is to be labelled with, where that is known.

    label: a name, a tuple of names or of numbers, as the task has it
    """

    text: str
    pair: str | None = None
    label: Any = None


class Weighted(NamedTuple):
    """An example of any task, and how much it counts in training: its share of a batch's loss.

    Units: the loss of a batch is Σ weight · loss / Σ weight; an example alone weighs 1

    Example:
        >>> data = [Weighted(("味道不错", "good"), 2.0), ("太失望", "bad")] * 4
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> sorted(task.fit(data, epochs=1, verbose=0))
        ['accuracy', 'loss']

    """

    example: Any
    weight: float | None


E = TypeVar("E")


class Examples(list[E], Generic[E]):
    """The examples of a file in its order; `skipped` tells why each left-out line was bad.

    path: the file, where they are of one; places: where each example stands in it: the line where
    it begins, or its name there; notes: what was guessed of the file, or changed in examples;
    weights: how much each counts in training, as it came; none = all alike
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
        self.weights: list[Any] = []
        self._checked: tuple[object, tuple[E, ...]] | None = None

    @classmethod
    def of(cls, examples: Iterable[Any]) -> "Examples[Any]":
        """Examples as they are; or a sequence of them, in which some may be Weighted."""
        if isinstance(examples, Examples):
            return examples
        each = [one if isinstance(one, Weighted) else Weighted(one, None) for one in examples]
        result = cls(one.example for one in each)
        if any(one.weight is not None for one in each):
            result.weights = [one.weight for one in each]
        return result

    @property
    def source(self) -> str:
        """The file, as errors about all the examples begin; "" where they are of none."""
        return "" if self.path is None else f"{self.path}: "

    def place_of(self, i: int) -> str:
        """Where an example stands, as errors about it begin."""
        placed = self.path is not None and len(self.places) == len(self)
        return stated(self.path, self.places[i]) if placed and self.path else f"Example {i}"

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
        others.notes, others.weights = self.notes, self.weights
        return others

    def part(self, which: slice) -> "Examples[E]":
        """Some of the examples, checked where all are."""
        return self.chosen(range(len(self))[which])

    def chosen(self, which: Sequence[int]) -> "Examples[E]":
        """The examples of some numbers, checked where all are."""
        some = Examples([self[i] for i in which], path=self.path)
        if len(self.places) == len(self):
            some.places = [self.places[i] for i in which]
        if self.weights:
            some.weights = [self.weights[i] for i in which]
        if self._checked is not None and self.is_checked(self._checked[0]):
            some.mark_checked(self._checked[0])
        return some


def stated(path: Path, place: int | str) -> str:
    """A place in a file as it is said, or that of one of the files of a folder."""
    return f"{path}/{place}" if path.is_dir() else f"{path}:{place}"


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
