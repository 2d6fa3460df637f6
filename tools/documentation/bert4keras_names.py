"""Writes the tables of names in `docs/from_bert4keras.md` and its Chinese twin.

`PYTHONPATH=tools python -m documentation.bert4keras_names` after a change of the one table that
both are made of, `src/playmask/migration/bert4keras.tsv`.
"""

from documentation.marked_tables import write
from playmask.migration.names import Entry, display, entries

MARK = "names"
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


if __name__ == "__main__":
    write(MARK, tables)
