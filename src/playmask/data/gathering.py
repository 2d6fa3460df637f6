"""Gathering the examples of a file, each checked; bad ones are an error or left out and listed."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from playmask.data.examples import Examples, Weighted, stated
from playmask.data.lines import encoding_notes, numbered, read_lines
from playmask.errors import DataError, PlaymaskError, nearest

T = TypeVar("T")
NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
Numbered = Iterable[tuple[int | str, Callable[[], T]]]
"""What makes each example of a file, with the line where it begins, or the name it has there."""

OBJECTS = (".json", ".jsonl", ".ndjson")

UNFORESEEN = (
    TypeError, ValueError, LookupError, AttributeError, RecursionError, ArithmeticError
)  # fmt: skip
"""What comes of data whose form no check foresaw."""


class BadExample(DataError):
    """The reason why one example cannot be used; line: where it is, if not where that begins."""

    line: int | str | None = None


class BadLine(DataError):
    """A bad example of a file, with its place there: what `skip_bad` would have left out."""


@runtime_checkable
class Streamed(Protocol):
    """Examples that are checked as they are read, see `ExampleStream`."""

    def checked_by(self, check: Callable[[Any], Any]) -> Any:
        """The same examples, each as one more check takes it."""


@contextmanager
def on_line(number: int | str) -> Iterator[None]:
    """Name the line of what is bad inside."""
    try:
        yield
    except BadExample as error:
        error.line = number
        raise


def gather(
    path: Path | None,
    makers: Numbered[T],
    *,
    skip_bad: bool,
    skipped: list[str] | None = None,
) -> Examples[T]:
    """Make all examples; a bad one is an error, or left out and listed in `.skipped`.

    path: the file they are of, if any; skipped: reasons of what was left out before, which are
    listed with the others
    Raises: DataError naming file and line, also where no good example is left
    """
    skipped = [] if skipped is None else skipped
    examples: Examples[T] = Examples(path=path)
    examples.notes = [] if path is None else encoding_notes(path)
    for number, (example, weight) in each_made(path, makers, skip_bad=skip_bad, skipped=skipped):
        examples.append(example)
        examples.places.append(number)
        examples.weights.append(weight)
    if not examples:
        raise nothing_usable(path, skipped)
    if all(weight is None for weight in examples.weights):
        examples.weights = []
    examples.skipped = skipped
    return examples


def each_made(
    path: Path | None, makers: Numbered[Any], *, skip_bad: bool, skipped: list[str]
) -> Iterator[tuple[int | str, Weighted]]:
    """Make examples one by one, each with its place and weight (None = it has none).

    Raises: BadLine for a bad one, unless it is left out and listed in `skipped`
    """
    for number, make in makers:
        try:
            example = _made(make)
            weighted = example if isinstance(example, Weighted) else Weighted(example, None)
            check_characters(weighted.example)
        except BadExample as error:
            where = f"Example {number}" if path is None else stated(path, error.line or number)
            reason = f"{where}: {error}"
            if not skip_bad:
                raise BadLine(reason) from None
            skipped.append(reason)
            continue
        yield number, weighted


def nothing_usable(path: Path | None, skipped: Sequence[str]) -> DataError:
    """The error for a file, or a list, without a good example."""
    first = f" (of {len(skipped)} bad ones the first: {skipped[0]})" if skipped else ""
    if path is None:
        return DataError(f"There are no examples; at least one is needed{first}.")
    return DataError(f"{path}: The file holds no usable text{first}.")


def weighed(check: Callable[[Any], Any], example: Any, weight: Any = None) -> Any:
    """What a check makes of an example, with the weight that it came with, if any."""
    if isinstance(example, Weighted):
        example, weight = example
    checked = check(example)
    return checked if weight is None else Weighted(checked, weight)


def check_all(
    examples: Iterable[Any], check: Callable[[Any], T], *, skip_bad: bool = False
) -> Examples[T]:
    """Examples as a check takes them; the others are errors, or left out as by `gather`.

    check: makes of an example that of a task, or raises BadExample
    """
    held = Examples.of(examples)
    places = held.places if len(held.places) == len(held) else range(len(held))
    weights = held.weights or [None] * len(held)
    each = zip(places, held, weights, strict=True)
    makers = ((place, partial(weighed, check, one, weight)) for place, one, weight in each)
    path = held.path if len(held.places) == len(held) else None
    checked = gather(path, makers, skip_bad=skip_bad, skipped=[*held.skipped])
    checked.notes = [*held.notes]
    return checked


def read_checked(
    data: Any,
    parse: Callable[[str | Path], Examples[Any]],
    checks: Sequence[Callable[[Any], T]],
    *,
    skip_bad: bool = False,
    notes: Callable[[Examples[Any], Examples[T]], Iterable[str]] = lambda before, after: (),
) -> Examples[T]:
    """Examples of a file, or of a sequence, each checked once.

    checks: the one that is due, and others that are as good: what one of them has checked stays;
    notes: notes on the examples as they came and as they are now
    """
    if isinstance(data, Examples) and any(map(data.is_checked, checks)):
        return data
    if isinstance(data, Streamed):
        return cast(Examples[T], data.checked_by(checks[0]))
    examples = Examples.of(parse(data) if isinstance(data, (str, Path)) else data)
    checked = check_all(examples, checks[0], skip_bad=skip_bad).mark_checked(checks[0])
    checked.notes += notes(examples, checked)
    return checked


def check_characters(example: T) -> T:
    """See that the texts of an example hold whole characters, labels and what is inside too."""
    if isinstance(example, tuple):
        names = getattr(example, "_fields", ["text"] * len(example))
        for name, value in zip(names, example, strict=True):
            if isinstance(value, str):
                _check_characters(name, value)
            elif isinstance(value, tuple):
                check_characters(value)
    return example


def _check_characters(name: str, text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadExample(
            f"Character {error.start + 1} of the {name} is half a surrogate pair."
        ) from None


def _made(make: Callable[[], T]) -> T:
    """Make an example; what no check foresaw is bad too."""
    try:
        return make()
    except PlaymaskError:
        raise
    except UNFORESEEN as error:
        reason = f"It is not of the form that is due ({type(error).__name__}: {error!s:.200})."
        raise BadExample(reason) from error


def same_label(name: str, labels: Collection[str]) -> str:
    """The one of some labels that a name means: itself, or the only one that is the same number."""
    if name in labels or (number := _number(name)) is None:
        return name
    same = [label for label in labels if _number(label) == number]
    return same[0] if len(same) == 1 else name


def _number(name: str) -> float | None:
    return float(name) if NUMBER.fullmatch(name) else None


def check_labels(names: Iterable[str], labels: Collection[str] | None, what: str = "label") -> None:
    """See that names are among the labels, where these are known."""
    if labels is None:
        return
    for name in names:
        if name not in labels:
            raise BadExample(
                f"The {what} {name!r} is not one of the labels.{nearest(str(name), labels)}"
            )


def filled(text: Any, what: str = "text") -> str:
    """A text of an example, which may not be empty."""
    if not isinstance(text, str) or not text.strip():
        raise BadExample(f"The {what} is {text!r:.60}; a str that is not empty is due.")
    return text


def suffix_of(path: Path) -> str:
    """What names a file's format: its suffix, that before a `.gz`."""
    name = path.stem if path.suffix.lower() == ".gz" else path.name
    return Path(name).suffix.lower()


def unknown_format(path: Path, known: Iterable[str]) -> DataError:
    """The error for a suffix that names no format, unless the file is missing or a folder."""
    next(read_lines(path), None)
    suffix = suffix_of(path)
    names = ", ".join(known)
    return DataError(f"{path}: The format {suffix!r} is unknown; known are {names} (+ .gz).")


def lines_of(path: Path, *, ends: bool = False) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file of UTF-8; ends: with their ends."""

    def report(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    return numbered(read_lines(path), report, ends=ends)


def field(fields: Mapping[str, Any], names: Iterable[str], of: str = "The object") -> str:
    """The text that an object has under the first of some names."""
    value = next((fields[name] for name in names if name in fields), None)
    if not isinstance(value, str) or not value.strip():
        raise BadExample(f"{of} has {value!r:.60} as `{' or '.join(names)}`; a text is due.")
    return value
