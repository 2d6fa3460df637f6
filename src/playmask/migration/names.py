"""The names of bert4keras 0.11.5 and what each has become: one table, `bert4keras.tsv`.

`models.X` is a name of a module, `X(a=)` an argument, `X(a='b')` a value of it, `X.y` an attribute
of an object. `keras`, `K` and `tf` stand for these programs, `environ` for environment variables,
`script` for functions that scripts copy from each other. Functions of playmask are named the same
way; `task`, `tokenizer`, `encoding` and `model` are objects, `playmask serve` is a command.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("bert4keras.tsv")
NAME = re.compile(r"[^\s(]+(?:\([^)]*\))?")
PARTS = re.compile(r"(?P<owner>.*?)(?:\((?P<argument>.*)\))?")
HIDDEN = re.compile(r"^(?:backend|layers|models|optimizers|snippets|tokenizers|script|environ)\.")
"""Where a name is from, which is not shown before it."""

BASES: Mapping[str, str] = {
    "layers.EfficientGlobalPointer": "layers.GlobalPointer",
    "layers.MaximumEntropyMarkovModel": "layers.ConditionalRandomField",
    "tokenizers.SpTokenizer": "tokenizers.Tokenizer",
    "tokenizers.TokenizerBase": "tokenizers.Tokenizer",
}
"""Class -> another one whose attributes and arguments it has too."""


class Entry(NamedTuple):
    """What some names have become.

    names: of bert4keras; successors: of playmask, none where there is no counterpart; fit: the
    option of `fit` that does it, as Python, or ""; page: of `docs/`; sentences: by language
    """

    names: tuple[str, ...]
    successors: tuple[str, ...]
    fit: str
    page: str
    sentences: Mapping[str, str]


@cache
def entries() -> tuple[Entry, ...]:
    """All rows of the table, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            Entry(
                tuple(NAME.findall(row["bert4keras"])),
                tuple(each.strip() for each in row["playmask"].split(";") if each != "-"),
                row["fit"],
                row["page"],
                {"en": row["english"], "zh": row["chinese"]},
            )
            for row in rows
        )


@cache
def entry_by_name() -> Mapping[str, Entry]:
    """Each name of bert4keras and its row."""
    return {name: entry for entry in entries() for name in entry.names}


def find(name: str) -> str | None:
    """The name of the table that is meant by a name: itself, or the same of a class above it."""
    known = entry_by_name()
    if name in known:
        return name
    for owner, base in BASES.items():
        rest = name.removeprefix(owner)
        if rest != name and rest[:1] in (".", "(") and base + rest in known:
            return base + rest
    return None


def display(names: Sequence[str]) -> list[str]:
    """Names as readers know them: without modules, arguments of one function in one call."""
    calls: dict[str, list[str]] = {}
    for name in names:
        match = PARTS.fullmatch(HIDDEN.sub("", name))
        assert match is not None  # the pattern fits every text
        arguments = calls.setdefault(match["owner"], [])
        if match["argument"]:
            arguments.append(match["argument"])
    return [f"{owner}({', '.join(each)})" if each else owner for owner, each in calls.items()]
