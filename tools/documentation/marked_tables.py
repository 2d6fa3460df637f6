"""Tables that programs write between two marks of the guide from bert4keras, in both languages."""

from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": DOCS / "from_bert4keras.md", "zh": DOCS / "from_bert4keras.zh.md"}


def parts_of(text: str, mark: str) -> tuple[str, str, str]:
    """A page up to the end of the mark that opens, what is between, and from the closing one on.

    Raises: ValueError where a mark is not there once
    """
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"The page needs {begin.strip()} and {end}, each once.")
    before, _, rest = text.partition(begin)
    content, _, after = rest.partition(end)
    return before + begin, content, end + after


def write(mark: str, tables: Callable[[str], str]) -> None:
    """Write what a function makes for each language between the marks of its page."""
    for language, page in PAGES.items():
        before, _, after = parts_of(page.read_text("utf-8"), mark)
        page.write_text(before + tables(language) + after, encoding="utf-8")
