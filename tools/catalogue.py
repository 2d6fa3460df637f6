"""The catalogue of messages: compiled, and compared with the sources.

    python tools/catalogue.py

writes messages.mo beside src/playmask/cli/locale/*/LC_MESSAGES/messages.po, which is edited by
hand, and ends with 1 where an entry is of no text in the sources, or has other placeholders than
its id. What playmask's and typer's modules say is read off their syntax: texts, and f-strings
with a placeholder for each value.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import typer
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog

from module_graph import SOURCE
from playmask.cli.messages import LOCALE, PLACEHOLDER

FILES = sorted(LOCALE.glob("*/LC_MESSAGES/messages.po"))
VALUE = "\0"


def texts_of(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, paragraph by paragraph; "\\0" for values, however many in a row."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            whole = "".join(
                str(each.value) if isinstance(each, ast.Constant) else VALUE for each in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            whole = node.value
        else:
            continue
        for paragraph in re.split(r"\n\s*\n", whole.strip("\n")):
            yield re.sub(f"{VALUE}+", VALUE, PLACEHOLDER.sub(VALUE, normal(paragraph)))


def normal(text: str) -> str:
    """A text as it is looked up; the lines of a paragraph are one."""
    return " ".join(text.split()) if "\n" in text else text


@cache
def texts_of_sources() -> frozenset[str]:
    """All texts of playmask and of typer, which makes its own of what it is asked for."""
    places = [SOURCE, Path(typer.__file__).parent]
    files = [file for place in places for file in sorted(place.rglob("*.py"))]
    return frozenset(t for file in files for t in texts_of(ast.parse(file.read_text("utf-8"))))


def read(file: Path) -> Catalog:
    """A catalogue as it is edited."""
    with file.open("rb") as stream:
        return pofile.read_po(stream, abort_invalid=True)


def entries(catalogue: Catalog) -> dict[str, str]:
    """The translation of each id."""
    return {str(each.id): str(each.string) for each in catalogue if each.id}


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    output = io.BytesIO()
    mofile.write_mo(output, catalogue)
    return output.getvalue()


def faults(catalogue: Catalog, texts: frozenset[str]) -> list[str]:
    """What is wrong with a catalogue's entries."""
    wrong = []
    for message, translation in entries(catalogue).items():
        names = [sorted(PLACEHOLDER.findall(each)) for each in (message, translation)]
        if PLACEHOLDER.sub(VALUE, message) not in texts:
            wrong.append(f"{message!r} is said nowhere in the sources")
        if not translation:
            wrong.append(f"{message!r} has no translation")
        elif names[0] != names[1] or len(set(names[0])) != len(names[0]):
            wrong.append(f"{message!r} has other placeholders than {translation!r}")
    return wrong


def main() -> int:
    """Compile all catalogues, and say what is wrong with them."""
    texts, wrong = texts_of_sources(), []
    for file in FILES:
        catalogue = read(file)
        wrong += faults(catalogue, texts)
        file.with_suffix(".mo").write_bytes(compiled(catalogue))
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
