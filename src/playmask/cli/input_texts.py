"""Texts for prediction: from a stream as they arrive, or from a table."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from playmask.data.examples import Example, Examples
from playmask.data.gathering import BadExample, gather
from playmask.data.lines import numbered, read_lines
from playmask.data.readers import FIELD, FORMATS, read_examples, read_pairs
from playmask.errors import DataError

READ = 1 << 16  # bytes asked of a stream at a time; it gives what has arrived
FIRST, CHUNK = 8, 1024  # texts predicted together: at first, and then

Skip = Callable[[str], None]


def split(columns: str | None) -> list[str] | None:
    """Read an option that is a list with commas."""
    return None if columns is None else [name.strip() for name in columns.split(",")]


class Arriving:
    """The lines of a stream, and whether more can be had without waiting."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.lines: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        read = getattr(self.stream, "read1", self.stream.read)
        while block := read(READ):
            *self.lines, rest = (rest + block).splitlines(keepends=True) + [b""] * block.endswith(
                b"\n"
            )
            self.lines.reverse()
            while self.lines:
                yield self.lines.pop()
        if rest:
            yield rest

    def waits(self) -> bool:
        """Whether the next text has yet to arrive; blank lines are no texts."""
        return not any(line.strip() for line in self.lines)


def arriving(stream: BinaryIO, skip: Skip | None) -> Iterator[list[Example]]:
    """Yield texts, one per line, in groups: all that have arrived, as soon as there is one."""
    lines = Arriving(stream)
    group: list[Example] = []
    for example in texts(lines, "<stdin>", skip):
        group.append(example)
        if lines.waits() or len(group) == CHUNK:
            yield group
            group = []
    if group:
        yield group


def texts(lines: Iterable[bytes], name: str, skip: Skip | None) -> Iterator[Example]:
    """Yield one text per line; bad lines go to `skip`, or are errors where there is none."""

    def report(number: int, reason: str) -> None:
        message = f"{name}:{number}: {reason}"
        if skip is None:
            raise DataError(message)
        skip(message)

    for number, line in numbered(lines, report):
        if line.strip():
            yield Example(line)
        else:
            report(number, "The line is empty; each line must hold one text.")


def lines(path: Path, skipped: list[str] | None) -> Iterator[Example]:
    """Yield one text per line of a file, which must hold one; bad lines go to `skipped`."""
    count = 0
    for example in texts(read_lines(path), str(path), None if skipped is None else skipped.append):
        count += 1
        yield example
    if not count:
        first = f" (of {len(skipped)} bad ones the first: {skipped[0]})" if skipped else ""
        raise DataError(f"{path}: The file holds no usable line{first}.")


def rechecked(
    path: Path,
    examples: Examples,
    check: Callable[[Any], Any] = lambda example: example,
    *,
    skip_bad: bool,
) -> Examples:
    """Those of a file's examples that a check takes; the others are an error, or left out."""
    placed = zip(examples.places, examples, strict=True)
    made = ((place, partial(_checked, example, check)) for place, example in placed)
    kept = gather(path, made, skip_bad=skip_bad)
    return Examples(kept, [*examples.skipped, *kept.skipped], kept.places)


def _checked(example: Any, check: Callable[[Any], Any]) -> Any:
    """An example whose texts hold whole characters, as a check takes it."""
    for name in ("question", "text", "pair"):
        text = getattr(example, name, None)
        try:
            (text if isinstance(text, str) else "").encode()
        except UnicodeEncodeError as error:
            raise BadExample(
                f"Character {error.start + 1} of the {name} is half a surrogate pair."
            ) from None
    return check(example)


def groups(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """Cut examples into groups: a small one first, so that the first results come early."""
    rest = iter(examples)
    size = FIRST
    while group := list(itertools.islice(rest, size)):
        yield group
        size = CHUNK


def is_table(path: Path) -> bool:
    """Whether a file is a table by its suffix; else it holds one text per line."""
    suffix = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    return suffix in FORMATS and suffix != ".txt"


def read_table(
    path: Path, columns: str | None, labels: list[str], pairs: bool | None, *, skip_bad: bool
) -> Examples:
    """Read a table for prediction.

    pairs: whether the task takes pairs; None where nobody knows. It decides what the second of
    two nameless columns is; else what it holds does: nothing but labels, or the texts' pairs.
    """
    names = split(columns)
    examples = read_examples(path, labelled=False, columns=names, skip_bad=skip_bad)
    if pairs or names or not _two_nameless_columns(path, examples):
        return examples
    odd = next((e.pair for e in examples if str(e.pair).strip() not in labels), None)
    if odd is None:
        labelled = (Example(e.text, None, e.pair) for e in examples)
        return Examples(labelled, examples.skipped, examples.places)
    if pairs is False:
        raise DataError(
            f"{path} has a second column that is none of the labels ({odd!r:.40}), and the task "
            "takes single texts; name the columns, such as --columns text,_."
        )
    return examples


def read_sources(path: Path, columns: str | None, *, skip_bad: bool) -> Examples:
    """Read a table of sources; the targets that it may have are left out."""
    pairs = read_pairs(path, targets=False, columns=split(columns), skip_bad=skip_bad)
    return Examples((Example(e.text) for e in pairs), pairs.skipped, pairs.places)


def _two_nameless_columns(path: Path, examples: Examples) -> bool:
    if not all(e.pair is not None and e.label is None for e in examples):
        return False
    _, first = next(numbered(read_lines(path), lambda number, reason: None))
    if first.lstrip().startswith("{"):
        return False
    cells = first.replace(",", "\t").split("\t")
    return not any(cell.strip().strip('"').lower() in FIELD for cell in cells)
