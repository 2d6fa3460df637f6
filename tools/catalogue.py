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
REFUSING = re.compile(r"\w*Error|Bad\w+|NetworkNeeded|_refus\w+|warn")
"""What takes a sentence that refuses or warns: classes of errors, and functions that raise them."""


def texts_of(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, paragraph by paragraph, as skeletons."""
    for text in filter(None, map(text_of, ast.walk(tree))):
        for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
            yield skeleton(normal(paragraph))


def refusals_of(tree: ast.AST) -> Iterator[str]:
    """What the errors, and the warnings, of a module say, as skeletons; none without a word."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and call.args:
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            text = text_of(call.args[0]) if REFUSING.fullmatch(name) else None
            if text is not None and re.search("[a-z]", text):
                yield skeleton(text)


def text_of(node: ast.AST) -> str | None:
    """A literal text, with "\\0" for each value of an f-string; None for what is none."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(each.value) if isinstance(each, ast.Constant) else VALUE for each in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = [text_of(node.left), text_of(node.right)]
        return None if both == [None, None] else "".join(text or VALUE for text in both)
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None


def skeleton(text: str) -> str:
    """A text with "\\0" for placeholders and values, however many in a row."""
    return re.sub(f"{VALUE}+", VALUE, PLACEHOLDER.sub(VALUE, text))


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
    wrong: list[str] = []
    first: dict[str, str] = {}
    for message, translation in entries(catalogue).items():
        if (other := first.setdefault(skeleton(message), message)) != message:
            wrong.append(f"{message!r} has an entry already, {other!r}")
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
