"""Reading a script as Python's syntax tree; nothing of it is run."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playmask.data.encodings import TITLES, UTF_8, encoding_of
from playmask.errors import DataError, brief

PEERS = (
    "keras_bert",
    "bert4torch",
    "transformers",
    "toolkit4nlp",
    "paddlenlp",
    "keras_nlp",
    "keras_hub",
)
"""Programs of the same kind, whose names are not in the table."""

PYTHON_2 = re.compile(
    r"^\s*print\s+[^\s(=.,)]|^\s*exec\s+['\"]|^\s*except\s+[\w.]+\s*,\s*\w+\s*:|\bur['\"]|<>|"
    r"^\s*raise\s+\w+\s*,"
)
LARGEST = 4_000_000  # bytes


class Imported(NamedTuple):
    """A module that a script imports, by its first name, and the line."""

    module: str
    line: int


def read_script(path: Path) -> ast.Module:
    """Read a script that uses bert4keras.

    Raises: DataError for what is no Python 3, is in another encoding than it says, or imports
            nothing of bert4keras; OSError for a file that cannot be read
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; give one script, as {path / 'train.py'}.")
    if path.suffix == ".ipynb":
        raise DataError(
            f"{path} is a notebook; jupyter nbconvert --to script {path.name} makes a script of it."
        )
    content = path.read_bytes()
    if len(content) > LARGEST:
        raise DataError(f"{path} has {len(content):,} bytes, more than a script ever has.")
    tree = _parsed(path, content)
    _check_imports(path, tree)
    return tree


def _parsed(path: Path, content: bytes) -> ast.Module:
    """The tree of a script's bytes."""
    encoding = encoding_of(content)
    declared = re.search(rb"^#.*?coding[:=][ \t]*([-\w.]+)", content[:200], re.MULTILINE)
    if encoding != UTF_8 and declared is None:
        raise DataError(
            f"{path} is {TITLES[encoding]}, and Python reads scripts as UTF-8; save it so, or "
            f"say '# -*- coding: {encoding} -*-' in its first line."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # as of "\d", which is the script's own
            return ast.parse(content)
    except SyntaxError as error:
        raise DataError(_refusal(path, content, error)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{path} is no Python: {brief(str(error))}.") from None


def _refusal(path: Path, content: bytes, error: SyntaxError) -> str:
    """What is wrong with a script that Python does not read."""
    lines = content.decode(UTF_8, "replace").splitlines()
    line = error.lineno or 0
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    if PYTHON_2.search(text):
        return (
            f"{path}:{line}: {brief(text.strip())} is Python 2; make it Python 3 first, where "
            "print is a function (the program 2to3 does it)."
        )
    if line == 0 or "utf-8" in error.msg or "encoding" in error.msg:
        return (
            f"{path} is not in the encoding that it says, or no text: {error.msg}; save as UTF-8."
        )
    return f"{path}:{line}: {brief(text.strip())} is no Python: {error.msg}."


def _check_imports(path: Path, tree: ast.Module) -> None:
    """Refuse a script that has nothing of bert4keras."""
    modules: dict[str, Imported] = {}
    for each in imported(tree):
        modules.setdefault(each.module, each)
    if "bert4keras" in modules:
        return
    peer = next((modules[name] for name in PEERS if name in modules), None)
    if peer is not None:
        raise DataError(
            f"{path}:{peer.line} imports {peer.module} and nothing of bert4keras, whose names "
            "alone are known here; checkpoints are loaded by playmask.load all the same."
        )
    some = ", ".join([*modules][:5]) or "nothing"
    raise DataError(
        f"{path} imports nothing of bert4keras (it imports {some}), so that nothing is to migrate."
    )


def imported(tree: ast.Module) -> Iterator[Imported]:
    """The modules that a script imports anywhere, by their first names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Imported(alias.name.partition(".")[0], node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield Imported(node.module.partition(".")[0], node.lineno)
