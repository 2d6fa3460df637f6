"""Numbered lines of UTF-8 files and streams, plain or gzipped, with errors that name the line."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from playmask.errors import DataError

Line = tuple[int, str]
Report = Callable[[int, str], None]  # called with the line number and the reason of a bad line

HEAD = 4096  # bytes that tell what a file is
LONGEST = 1 << 26  # bytes of a line at most: what goes on longer has no lines
LARGEST = 1 << 28  # bytes of a file that is read whole

SIGNATURES = {
    b"version https://git-lfs": "is a pointer of Git LFS, not the data; `git lfs pull` fetches it",
    b"PK\x03\x04": "is a workbook (.xlsx) or a zip archive; save the table as .csv (UTF-8)",
    b"\xd0\xcf\x11\xe0": "is an old workbook (.xls); save the table as .csv (UTF-8)",
    b"\x1f\x8b": "is gzipped; let its name end in .gz",
    b"BZh91AY&SY": "is packed by bzip2; unpack it",
    b"\xfd7zXZ": "is packed by xz; unpack it",
    b"\x28\xb5\x2f\xfd": "is packed by zstd; unpack it",
    b"PAR1\x15": "is a Parquet file; write the table as .jsonl or .csv",
    b"ARROW1\x00": "is an Arrow file; write the table as .jsonl or .csv",
    b"SQLite format 3": "is a database of SQLite; write the table as .csv",
    b"%PDF-": "is a PDF; the texts are needed as .txt, .csv or .jsonl",
}
"""What files are that begin with some bytes, and what to do about it."""

UTF_16 = "is UTF-16 (Excel's Unicode text); convert it to UTF-8: iconv -f UTF-16 -t UTF-8"
BINARY = "holds NUL bytes as UTF-16 or a binary file does; a text file of UTF-8 is needed"


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as bytes; a file without line feeds is cut at carriage returns.

    Raises: DataError for a file that cannot be read, or that is no text
    """
    number = 0
    try:
        with _opened(path) as file:
            if complaint := _not_text(file):
                raise DataError(f"{path}: The file {complaint}.")
            for line in iter(partial(file.readline, LONGEST), b""):
                if len(line) == LONGEST:
                    raise DataError(
                        f"{path}:{number + 1}: The line has more than {LONGEST >> 20} MiB."
                    )
                if number == 0 and not line.endswith(b"\n") and b"\r" in line[:-1]:
                    yield from line.splitlines(keepends=True)  # the whole of an old Mac's file
                else:
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


def _opened(path: Path) -> IO[bytes]:
    if "\0" in str(path):
        raise DataError(f"{str(path)!r:.60} is no name of a file.")
    return cast(IO[bytes], gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb"))


def _not_text(file: IO[bytes]) -> str | None:
    """What a file is that holds no lines of UTF-8, by its first bytes."""
    head: bytes = file.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
    kind = next((kind for first, kind in SIGNATURES.items() if head.startswith(first)), None)
    if kind is not None:
        return kind
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and len(head) % 2 == 0:
        return UTF_16
    nuls = head.count(0)
    return BINARY if 4 * nuls > len(head) or (64 * nuls > len(head) and _broken(head)) else None


def _broken(head: bytes) -> bool:
    """Whether the beginning of a file is not UTF-8; its last character may be cut."""
    try:
        head[:-4].decode()
    except UnicodeDecodeError as error:
        return error.end < len(head) - 8
    return False


def read_whole(path: Path) -> str:
    """The text of a file of UTF-8, as it is.

    Raises: DataError naming the line that is not UTF-8, and for a file that is too large
    """
    parts, size = [], 0
    for number, line in enumerate(read_lines(path), 1):
        size += len(line)
        if size > LARGEST:
            raise DataError(
                f"{path}: The file has more than {LARGEST >> 20} MiB and no examples line by line."
            )
        try:
            parts.append(line.decode())
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{number}: {_not_utf8(error)}") from None
    return "".join(parts)


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
        text = text.lstrip("\ufeff") if number == 1 else text
        yield number, text if ends else text.rstrip("\r\n")


def _text(line: str | bytes) -> str:
    return line.decode() if isinstance(line, bytes) else line


def _not_utf8(error: UnicodeDecodeError) -> str:
    try:
        error.object.decode("gb18030")
        hint, due = " (it is valid GB 18030)", ": iconv -f GB18030 -t UTF-8"
    except UnicodeDecodeError:
        hint = due = ""
    return f"Byte {error.start + 1} of the line is not UTF-8{hint}; convert the file to UTF-8{due}."
