"""How commands speak: notes to stderr, tables and JSON to stdout."""

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

PLAIN_WIDTH = 1000
"""Columns that a table may take in a file or a pipe: nothing is wrapped there."""


def note(message: str) -> None:
    """Tell the user something that is no result."""
    sys.stdout.flush()
    print(message, file=sys.stderr, flush=True)


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


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Write JSON, unwrapped and uncoloured."""
    print(json.dumps(value, ensure_ascii=False, indent=indent))


def print_table(
    title: str, rows: Iterable[Sequence[Any]], *, header: Sequence[str] = (), numbers: bool = False
) -> None:
    """Draw a table.

    header: the columns' names (default: none are shown); numbers: all but the first column
    hold numbers
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines = [[Text(str(cell), overflow="fold") for cell in row] for row in rows]
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_header=bool(header),
        pad_edge=False,
    )
    for i in range(len(header) or max(map(len, lines), default=0)):
        right = numbers and i > 0
        name = Text(header[i]) if header else ""
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    plain = Console(width=PLAIN_WIDTH, color_system=None, file=io.StringIO())
    with plain.capture() as drawn:
        plain.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))
