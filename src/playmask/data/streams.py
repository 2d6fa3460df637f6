"""Examples of a file that are read as they are needed, and never all held."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from playmask.data.examples import Examples, Weighted
from playmask.data.gathering import Numbered, each_made, nothing_usable, weighed
from playmask.data.lines import encoding_notes
from playmask.errors import DataError

E = TypeVar("E")
Check = Callable[[Any], Any]
WEIGHED = "examples count by their weights"


class Fingerprint:
    """A hash of examples and their weights, by which a resumed training knows its data."""

    def __init__(self) -> None:
        self._hash, self._mark = hashlib.sha256(), b""

    def add(self, example: Any, weight: Any = None) -> None:
        """Take one more example in."""
        text = repr(example) if weight is None else f"{example!r} × {weight!r}"
        self._hash.update(self._mark + text.encode())
        self._mark = b"\n"

    def __str__(self) -> str:
        return self._hash.hexdigest()


def fingerprint(examples: "Sequence[Any] | ExampleStream[Any]") -> str:
    """The hash of examples, or of what a stream holds."""
    if isinstance(examples, ExampleStream):
        return examples.whole.fingerprint
    result = Fingerprint()
    weights = getattr(examples, "weights", None) or [None] * len(examples)
    for example, weight in zip(examples, weights, strict=True):
        result.add(example, weight)
    return str(result)


@dataclass(frozen=True)
class Whole:
    """What one pass over a stream has seen."""

    count: int
    weighted: bool
    fingerprint: str


@dataclass(frozen=True)
class ExampleStream(Generic[E]):
    """Examples that are read from a file each time they are gone through, and never all held.

    makers: what makes each example, anew each time (notes, where it is said what was guessed);
    checks: what each example goes through; limit: how many are read at most
    Raises: DataError naming the line of a bad example, unless skip_bad leaves it out
    """

    path: Path
    makers: Callable[[list[str]], Numbered[Any]]
    skip_bad: bool = False
    checks: tuple[Check, ...] = ()
    limit: int | None = None

    def __iter__(self) -> Iterator[E]:
        for weighted in self.weighted():
            yield weighted.example

    def __len__(self) -> int:
        return self.whole.count

    def __bool__(self) -> bool:
        return True

    def weighted(self) -> Iterator[Weighted]:
        """The examples with the weights that they came with."""
        for _, weighted in self._placed([], []):
            yield weighted

    def _placed(self, notes: list[str], skipped: list[str]) -> Iterator[tuple[int | str, Weighted]]:
        makers: Any = self.makers(notes)
        for check in self.checks:
            makers = ((place, partial(_after, make, check)) for place, make in makers)
        every = each_made(self.path, makers, skip_bad=self.skip_bad, skipped=skipped)
        return islice(every, self.limit)

    @cached_property
    def whole(self) -> Whole:
        """The number of the examples and their fingerprint, of a first pass over them all.

        Raises: DataError for a bad example, and where there is none
        """
        self.notes[:] = encoding_notes(self.path)
        self.skipped.clear()
        count, weighted, result = 0, False, Fingerprint()
        for place, each in self._placed(self.notes, self.skipped):
            count += 1
            if each.weight is not None:
                weighted = True
                check_weight(each.weight, f"{self.path}:{place}")
            result.add(*each)
        if weighted:
            self.notes.append(WEIGHED)
        if count == self.limit:
            self.notes.append(f"limit: what is behind the first {count:,} examples is left out")
        if not count:
            raise nothing_usable(self.path, self.skipped)
        return Whole(count, weighted, str(result))

    @cached_property
    def notes(self) -> list[str]:
        """What was guessed of the file."""
        return []

    @cached_property
    def skipped(self) -> list[str]:
        """Why lines were left out."""
        return []

    @property
    def source(self) -> str:
        """The file, as errors about all the examples begin."""
        return f"{self.path}: "

    def place_of(self, i: int) -> str:
        """Where an example stands, as errors about it begin."""
        place, _ = next(islice(self._placed([], []), i, None))
        return f"{self.path}:{place}"

    def checked_by(self, check: Check) -> "ExampleStream[Any]":
        """The same examples, each as one more check takes it, all of them checked once now."""
        checked = self if check in self.checks else self.then(check)
        checked.whole  # noqa: B018  # the first pass
        return checked

    def then(self, check: Check) -> "ExampleStream[Any]":
        """The same examples, each as one more check takes it when it is read."""
        return replace(self, checks=(*self.checks, check))

    def part(self, which: slice) -> "ExampleStream[E]":
        """The first examples, as many as a slice ends at."""
        return replace(self, limit=which.stop)


def _after(make: Callable[[], Any], check: Check) -> Any:
    return weighed(check, make())


def shuffled(items: Iterable[E], size: int, random: Any) -> Iterator[E]:
    """Items in a random order, as far as a buffer of a size allows.

    An item leaves the buffer, at random, for each that comes.
    """
    buffer: list[E] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
            continue
        place = int(random.integers(size))
        yield buffer[place]
        buffer[place] = item
    yield from (buffer[i] for i in random.permutation(len(buffer)))


def groups_of(items: Iterable[E], size: int) -> Iterator[list[E]]:
    """Lists of so many items, the last one of what is left."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def gathered(group: Sequence[Weighted]) -> Examples[Any]:
    """Some examples of a stream, with their weights."""
    return Examples.of(group)


def weights_of(examples: Any) -> list[float] | None:
    """How much each of some examples counts; None where all count alike.

    Raises: DataError for a weight that is no number above 0
    """
    weights = getattr(examples, "weights", None)
    if not weights:
        return None
    return [
        1.0 if weight is None else check_weight(weight, examples.place_of(i))
        for i, weight in enumerate(weights)
    ]


def check_weight(weight: Any, place: str) -> float:
    """The number that a weight is.

    Raises: DataError for what is no number above 0
    """
    try:
        number = float("nan" if isinstance(weight, bool) else weight)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < float("inf"):
        raise DataError(
            f"{place}: The weight is {weight!r:.40}; a number above 0 is due, or no column that is "
            "called weight."
        )
    return number
