"""Pages of help: in the reader's language, wrapped by the columns that its characters take."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from playmask.cli.messages import translated

WIDE = (
    r"\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6"
)
OPENING, CLOSING = r"（《「【\[", r"，。；：、！？）》」】\],;"
UNIT = re.compile(rf"\s*[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}]+)[{CLOSING}]*")
"""What no line ends within: a word, or one wide character, with the punctuation it keeps."""
BRACKETS = re.compile(r"(.*?)(?:  |^)\[([^\[\]]+)\]", re.DOTALL)
"""A help text with what typer says of an option behind it: its default, that it is required."""
WHOLE = "\b\n"  # typer wraps no paragraph that begins with it


def columns(text: str) -> int:
    """The columns of a terminal that a text takes."""
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)


def wrapped(text: str, room: int) -> list[str]:
    """A text in lines of at most so many columns; a longer word has a line of its own."""
    lines = [""]
    for unit in UNIT.findall(text):
        if columns(lines[-1] + unit) > room and lines[-1]:
            lines.append("")
        lines[-1] += unit if lines[-1] else unit.lstrip()
    return lines


def localised(text: str) -> str:
    """A help text in the reader's language, and what stands behind it in brackets."""
    match = BRACKETS.fullmatch(text)
    if match is None:
        return translated(text)
    brackets = "; ".join(map(translated, match[2].split("; ")))
    return f"{translated(match[1])}  [{brackets}]".lstrip()


class Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Writes pages of help."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called."""
        super().write_usage(prog, args, translated(prefix or "Usage: "))

    def write_heading(self, heading: str) -> None:
        """Write the title of a section."""
        super().write_heading(translated(heading))

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        room = self.width - self.current_indent
        paragraphs = (
            localised(" ".join(each.split())) for each in re.split(r"\n\s*\n", text.strip())
        )
        super().write_text("\n\n".join(WHOLE + "\n".join(wrapped(e, room)) for e in paragraphs))

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names, and what is said of each beside it."""
        first = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        room = max(self.width - first - 2, 10)
        beside = [(name, WHOLE + "\n".join(wrapped(localised(text), room))) for name, text in rows]
        super().write_dl(beside, col_max, col_spacing)


class Context(typer.Context):
    """What a command knows of its call; its help is written by `Formatter`."""

    formatter_class = Formatter


class Localised:
    """A command whose help, where it is asked for and where a shell completes, is translated."""

    context_class: Any = Context

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What a word may become, each with its help."""
        items: list[Any] = super().shell_complete(ctx, incomplete)  # type: ignore[misc]
        for item in items:
            item.help = localised(self.help_of(ctx, item))
        return items

    def help_of(self, ctx: Any, item: Any) -> str:
        """What is said of what a word may become, in English."""
        return item.help or ""


class Grouped(Localised, TyperCommand):
    """A command whose help shows options under the headings of their groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options group by group, those of none first."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for each in self.get_params(ctx):
            record = each.get_help_record(ctx)
            title = "Arguments" if each.param_type_name == "argument" else "Options"
            if record is not None:
                title = getattr(each, "rich_help_panel", None) or title
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
