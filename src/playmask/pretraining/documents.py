"""Documents of a pretraining corpus, read one after the other from files larger than memory."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from playmask.data.lines import numbered, read_lines
from playmask.errors import DataError

SUFFIXES = (".txt", ".jsonl")
TEXT = "text"  # the field of a line of JSON that holds its document
GROUP = 1 << 16  # characters that are tokenised together

Document = tuple[str, ...]
"""Its paragraphs."""


def corpus_files(paths: Sequence[str | Path]) -> list[Path]:
    """The files of documents that paths name, those inside folders in the order of their names.

    Raises: DataError for what is no .txt or .jsonl, plain or gzipped, and for a folder without any
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if _kind(file) and file.is_file())
            if not inside:
                raise DataError(f"{path}: The folder holds no {' or '.join(SUFFIXES)} (.gz too).")
            files += inside
        elif _kind(path) is None:
            raise DataError(f"{path}: Documents are read from {', '.join(SUFFIXES)} (.gz too).")
        else:
            files.append(path)
    return files


def _kind(path: Path) -> str | None:
    """The suffix that says how a file is read, without .gz."""
    name = path.name.lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def documents_of(source: Sequence[Path] | Sequence[str]) -> Iterator[Document]:
    """The documents of files, or of texts, each as its paragraphs.

    In a .txt each line is a paragraph and a blank line ends the document; in a .jsonl each line
    holds one, as a string or an object with "text". Documents of nothing but space are left out.
    Raises: DataError naming the line that is not UTF-8, or not such JSON
    """
    for each in source:
        if isinstance(each, str):
            texts: Iterable[Sequence[str]] = [each.splitlines()]
        else:
            texts = (_of_text if _kind(each) == ".txt" else _of_json)(each)
        for lines in texts:
            if paragraphs := tuple(line.strip() for line in lines if line.strip()):
                yield paragraphs


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    def refuse(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    return numbered(read_lines(path), refuse)


def _of_text(path: Path) -> Iterator[list[str]]:
    paragraphs: list[str] = []
    for _, line in _lines(path):
        if line:
            paragraphs.append(line)
        else:
            yield paragraphs
            paragraphs = []
    yield paragraphs


def _of_json(path: Path) -> Iterator[list[str]]:
    for number, line in _lines(path):
        try:
            value: Any = json.loads(line) if line else ""
        except (ValueError, RecursionError):
            raise DataError(f"{path}:{number}: The line is not JSON: {line!r:.60}.") from None
        text = value.get(TEXT) if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise DataError(
                f"{path}:{number}: A document is a string, or an object with {TEXT!r}; "
                f"{line!r:.60} came."
            )
        yield text.splitlines()


def document_groups(documents: Iterable[Document], size: int = GROUP) -> Iterator[list[Document]]:
    """Lists of documents of so many characters at least, the last one of what is left."""
    group: list[Document] = []
    count = 0
    for document in documents:
        group.append(document)
        count += sum(map(len, document))
        if count >= size:
            yield group
            group, count = [], 0
    if group:
        yield group
