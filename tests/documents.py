"""Reading the pages of the documentation: their code, and what stands around it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def fenced(page: Path) -> list[tuple[str, str]]:
    """The code blocks of a page with their languages."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str | None = None) -> list[str]:
    """The code blocks of a page, those of one language or all."""
    return [code for name, code in fenced(page) if language in (None, name)]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
