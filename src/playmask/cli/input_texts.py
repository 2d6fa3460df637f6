"""Texts for prediction: from a stream as they arrive, or from the lines of a file."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from playmask.cli.output import note_all
from playmask.data.examples import Example
from playmask.data.inputs import is_table, read_table
from playmask.data.lines import encoding_notes, numbered, read_lines
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
    note_all(path, encoding_notes(path))
    for example in texts(read_lines(path), str(path), None if skipped is None else skipped.append):
        count += 1
        yield example
    if not count:
        first = f" (of {len(skipped)} bad ones the first: {skipped[0]})" if skipped else ""
        raise DataError(f"{path}: The file holds no usable text{first}.")


def in_file(path: Path, skipped: list[str] | None) -> Iterator[Example]:
    """Yield the texts of a file: one per line, or those of a table; bad lines go to `skipped`."""
    if not is_table(path):
        note_all(path, encoding_notes(path))
        yield from texts(read_lines(path), str(path), None if skipped is None else skipped.append)
        return
    table = read_table(path, skip_bad=skipped is not None)
    pair = next((each.pair for each in table if each.pair is not None), None)
    if pair is not None:
        raise DataError(
            f"{path} has a second column ({pair!r:.40}), and single texts are due; name the "
            "columns by a first line, such as text and label, or give one text per line."
        )
    note_all(path, table.notes)
    if skipped is not None:
        skipped += table.skipped
    yield from table


def groups(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """Cut examples into groups: a small one first, so that the first results come early."""
    rest = iter(examples)
    size = FIRST
    while group := list(itertools.islice(rest, size)):
        yield group
        size = CHUNK
