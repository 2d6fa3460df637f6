"""Writes the tables of names in `docs/from_bert4keras.md` and its Chinese twin.

`python tools/documentation/bert4keras_names.py` after a change of the one table that both are made
of, `src/playmask/migration/bert4keras.tsv`.
"""

from pathlib import Path

from playmask.migration.names import Entry, display, entries

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": DOCS / "from_bert4keras.md", "zh": DOCS / "from_bert4keras.zh.md"}
BEGIN, END = "<!-- names -->\n", "<!-- /names -->"
MODULES = ("models", "tokenizers", "snippets", "backend", "layers", "optimizers")
REST = {"en": "Keras, and what scripts copy", "zh": "Keras，以及脚本之间抄来抄去的函数"}


def tables(language: str) -> str:
    """A table for each module of bert4keras, and one for the rest, in a language."""
    groups: dict[str, list[Entry]] = {name: [] for name in (*MODULES, REST[language])}
    for entry in entries():
        module = entry.names[0].partition(".")[0]
        groups[module if module in MODULES else REST[language]].append(entry)
    parts = []
    for title, rows in groups.items():
        name = f"bert4keras.{title}" if title in MODULES else title
        parts += [f"### {name}", "", "| bert4keras | playmask | |", "|---|---|---|"]
        parts += [_row(entry, language) for entry in rows] + [""]
    return "\n".join(["", *parts])


def _row(entry: Entry, language: str) -> str:
    names = ", ".join(f"`{name}`" for name in display(entry.names))
    successors = ", ".join(f"`{name}`" for name in entry.successors) or "–"
    sentence = f"{entry.sentences[language]} [{entry.page}]({entry.page})"
    return f"| {names} | {successors} | {sentence} |"


def main() -> None:
    """Write both pages."""
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(before + BEGIN + tables(language) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
