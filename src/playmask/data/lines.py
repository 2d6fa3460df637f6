"""Numbered lines of UTF-8 files and streams, plain or gzipped, with errors that name the line."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from playmask.errors import DataError

Line = tuple[int, str]
Report = Callable[[int, str], None]  # called with the line number and the reason of a bad line


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as bytes."""
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for line in file:
                yield line
                number += 1
    except FileNotFoundError:
        raise DataError(f"{path}: There is no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: This is a folder; name one of its files.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}:{number + 1}: The gzip data is damaged ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: The file cannot be read ({error.strerror}).") from None


def numbered(
    stream: Iterable[str | bytes], report: Report, *, ends: bool = False
) -> Iterator[Line]:
    """Yield numbered lines without a byte order mark and final blank lines; ends: with their ends.

    Without ends, blank lines come as empty ones.
    """
    blanks: list[Line] = []
    for number, line in enumerate(stream, 1):
        if not line.strip():
            blanks.append((number, _text(line) if ends else ""))
            continue
        yield from blanks
        blanks.clear()
        try:
            text = _text(line)
        except UnicodeDecodeError as error:
            report(number, _not_utf8(error))
            continue
        text = text.removeprefix("\ufeff") if number == 1 else text
        yield number, text if ends else text.rstrip("\r\n")


def _text(line: str | bytes) -> str:
    return line.decode() if isinstance(line, bytes) else line


def _not_utf8(error: UnicodeDecodeError) -> str:
    try:
        error.object.decode("gb18030")
        hint = " (it is valid GB 18030)"
    except UnicodeDecodeError:
        hint = ""
    return f"Byte {error.start + 1} of the line is not UTF-8{hint}; convert the file to UTF-8."
