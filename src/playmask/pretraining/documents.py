"""Documents of a pretraining corpus, read one after the other from files larger than memory."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from playmask.data.lines import numbered, read_lines
from playmask.errors import DataError

SUFFIXES = (".txt", ".jsonl")
TEXT = "text"  # the field of a line of JSON that holds its document
GROUP = 1 << 16  # characters that are tokenised together


class DocumentPart(NamedTuple):
    """Paragraphs of a document: all of them, or of a long one some, so that little is held at once.

    continues: whether they go on with the document of the part before
    """

    paragraphs: tuple[str, ...]
    continues: bool = False


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


def document_parts(source: Sequence[Path] | Sequence[str]) -> Iterator[DocumentPart]:
    """The documents of files, or of texts, each as one part, or as several of GROUP characters.

    In a .txt each line is a paragraph and a blank line ends the document; in a .jsonl each line
    holds one, as a string or an object with "text". Documents of nothing but space are left out.
    Raises: DataError naming the line that is not UTF-8, or not such JSON
    """
    for each in source:
        if isinstance(each, str):
            texts: Iterable[Iterable[str]] = [each.splitlines()]
        else:
            texts = (_of_text if _kind(each) == ".txt" else _of_json)(each)
        for lines in texts:
            yield from _parts(line.strip() for line in lines if line.strip())


def _parts(paragraphs: Iterable[str]) -> Iterator[DocumentPart]:
    """One document; a part ends with the paragraph in which it comes to GROUP characters."""
    part: list[str] = []
    count, continues = 0, False
    for paragraph in paragraphs:
        part.append(paragraph)
        count += len(paragraph)
        if count >= GROUP:
            yield DocumentPart(tuple(part), continues)
            part, count, continues = [], 0, True
    if part:
        yield DocumentPart(tuple(part), continues)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    def refuse(number: int, reason: str) -> None:
        raise DataError(f"{path}:{number}: {reason}")

    return numbered(read_lines(path), refuse)


def _of_text(path: Path) -> Iterator[Iterable[str]]:
    for filled, lines in groupby((line for _, line in _lines(path)), key=bool):
        if filled:
            yield lines


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


def document_groups(parts: Iterable[DocumentPart]) -> Iterator[list[DocumentPart]]:
    """Lists of parts, of GROUP characters at least, the last one of what is left."""
    group: list[DocumentPart] = []
    count = 0
    for part in parts:
        group.append(part)
        count += sum(map(len, part.paragraphs))
        if count >= GROUP:
            yield group
            group, count = [], 0
    if group:
        yield group
