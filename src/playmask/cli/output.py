"""How commands speak: results to stdout, notes and errors to stderr.

Text reaches a terminal here and in `bars.py` alone: what is said is put into the reader's
language, and what others wrote goes through `playmask.untrusted`.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from playmask.cli.messages import translated
from playmask.untrusted import MULTILINE, json_text, spelled, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PLAIN_WIDTH = 100_000
"""Columns that a table may take in a file or a pipe: nothing is wrapped there."""
EDGES, BETWEEN = 2, 3
"""Columns of a terminal that a table takes at its sides, and between two of its own columns."""


def note(message: str) -> None:
    """Tell the user something that is no result."""
    flush()
    _say(spelled(translated(message), keep=MULTILINE))


def note_skipped(name: object, skipped: Sequence[str]) -> None:
    """Tell how many bad lines were left out, and why the first was bad."""
    if skipped:
        lines = "1 bad line" if len(skipped) == 1 else f"{len(skipped):,} bad lines"
        first = skipped[0] if len(skipped) == 1 else f"the first: {skipped[0]}"
        note(f"{name}: {lines} skipped ({first})")


def note_all(name: object, notes: Sequence[str]) -> None:
    """Tell what was guessed of a file, or changed in its examples."""
    for each in notes:
        note(f"{name}: {each}")


def complain(message: str) -> None:
    """Write one line to stderr, whatever line ends the message has."""
    if is_terminal(sys.stderr):
        _say("")  # a progress bar may stand in the middle of its line
    _say(spelled(f"playmask: {translated(' '.join(message.splitlines()))}"))


def print_traceback(lines: str) -> None:
    """Write a traceback to stderr."""
    _say(spelled(lines.rstrip("\n"), keep=MULTILINE))


def _say(text: str) -> None:
    """Write to stderr, where there is one; with a stderr that is closed or full, nobody hears."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)


def flush() -> None:
    """Hand on what was written to stdout, where there is one."""
    if sys.stdout is not None:
        sys.stdout.flush()


def abandon() -> None:
    """Let go of what stdout does not take, or Python would complain about it at its end."""
    try:
        flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_terminal(stream: TextIO | None) -> bool:
    """Whether what is written to a stream is read by a person at once."""
    return stream is not None and stream.isatty()


@contextlib.contextmanager
def no_results() -> Iterator[None]:
    """Send what libraries print meanwhile, such as lines of epochs, to stderr: it is no result."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(sys.stderr or nowhere):
        yield


def print_text(text: str, *, end: str = "\n") -> None:
    """Write a text that may have several lines."""
    print(visible(text), end=end, flush=True)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Write JSON, unwrapped and uncoloured."""
    print(json_text(value, indent=indent))


def print_json_lines(values: Iterable[Any]) -> None:
    """Write one line of JSON for each value, and hand them on at once."""
    for value in values:
        print_json(value, indent=None)
    flush()


def print_styled(*texts: "Text") -> None:
    """Write coloured texts, one below the other."""
    output = console()
    for text in texts:
        safe = text.copy()
        safe.plain = visible(text.plain)  # as long as before: the styles stay where they are
        output.print(safe)


def console() -> "Console":
    """The terminal, or the file or pipe, that results go to."""
    from rich.console import Console

    return Console(highlight=False)


def clock_time(seconds: float) -> str:
    """A time as people read it: 4.2 s, 1:05, 2:03:04."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def print_table(
    title: str | Path,
    rows: Iterable[Sequence[Any]],
    *,
    header: Sequence[str] = (),
    numbers: bool = False,
) -> None:
    """Draw a table below its title; in a terminal words are wrapped, and cut where they must be.

    title, header: said in the reader's language, but for a path; cells never are
    header: the columns' names (default: none are shown); numbers: all but the first column
    hold numbers
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    title = str(title) if isinstance(title, Path) else translated(title)
    header = [*map(translated, header)]
    cells = [[spelled(str(cell)) for cell in row] for row in rows]
    plain = None if is_terminal(sys.stdout) else io.StringIO()
    output = (
        console() if plain is None else Console(width=PLAIN_WIDTH, color_system=None, file=plain)
    )
    table = Table(box=SIMPLE_HEAD, show_header=bool(header), pad_edge=False)
    for i, width in enumerate(_widths([[*header], *cells], output.width)):
        name = Text(header[i]) if header else ""
        justify: Any = "right" if numbers and i > 0 else "left"
        table.add_column(name, justify=justify, overflow="fold", width=width)
    for row in cells:
        table.add_row(*map(Text, row))
    output.print(Text(spelled(title), style="bold"), overflow="fold")
    output.print(table)
    if plain is not None:
        print("\n".join(line.rstrip() for line in plain.getvalue().splitlines()))


def _widths(rows: Iterable[Sequence[str]], terminal: int) -> list[int]:
    """How wide each column is: as wide as it is long, if there is room; else words are wrapped.

    Words are cut only where not even the longest ones of all columns fit side by side.
    """
    from rich.cells import cell_len

    columns = [*zip(*(row for row in rows if row), strict=True)]
    natural = [max(1, *map(cell_len, column)) for column in columns]
    words = [max(1, *map(cell_len, " ".join(column).split())) for column in columns]
    room = terminal - EDGES - BETWEEN * (len(columns) - 1)
    if sum(natural) <= room:
        return natural
    return _spread(words, natural, room) if sum(words) <= room else _cut(words, room)


def _spread(words: Sequence[int], natural: Sequence[int], room: int) -> list[int]:
    """Widths for all words; the room that is left goes to the columns that lack the most of it."""
    widths = [*words]
    while sum(widths) < room:
        lacking = [wish / width for wish, width in zip(natural, widths, strict=True)]
        widths[lacking.index(max(lacking))] += 1
    return widths


def _cut(words: Sequence[int], room: int) -> list[int]:
    """Widths that fit, the widest ones cut."""
    widths = [*words]
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths
