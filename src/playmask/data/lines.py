"""Numbered lines of text files and streams, plain or gzipped, with errors that name the line.

Lines of files in UTF-16 or GB 18030 come as UTF-8.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

from playmask.data.encodings import GB, TITLES, UTF_8, encoding_of
from playmask.errors import DataError

Line = tuple[int, str]
Report = Callable[[int, str], None]  # called with the line number and the reason of a bad line

HEAD = 1 << 16  # bytes that tell what a file is
LONGEST = 1 << 26  # bytes of a line at most: what goes on longer has no lines
LARGEST = 1 << 28  # bytes of a file that is read whole

SIGNATURES = {
    b"version https://git-lfs": "is a pointer of Git LFS, not the data; `git lfs pull` fetches it",
    b"PK\x03\x04": "is a workbook or a zip archive; let the name of a workbook end in .xlsx",
    b"\xd0\xcf\x11\xe0": "is an old workbook (.xls); save it as .xlsx or .csv",
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

BINARY = "holds NUL bytes as a binary file does; a text file is needed, in UTF-8"


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file in UTF-8; a file without line feeds is cut at carriage returns.

    A line that is not in the encoding of its file comes as it is.
    Raises: DataError for a file that cannot be read, or that is no text
    """
    number = 0
    try:
        with _opened(path) as file:
            encoding = _encoding(path, file)
            for line in _of_utf16(file, encoding) if "16" in encoding else _of_bytes(file):
                if len(line) >= LONGEST:
                    raise DataError(
                        f"{path}:{number + 1}: The line has more than {LONGEST >> 20} MiB."
                    )
                line = _of_gb(line) if encoding == GB else line
                if number == 0 and not line.endswith(b"\n") and b"\r" in line[:-1]:
                    yield from line.splitlines(keepends=True)  # the whole of an old Mac's file
                else:
                    yield line
                number += 1
    except FileNotFoundError:
        raise DataError(f"{path}: There is no such file.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: This is a folder; name one of its files.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}:{number + 1}: The file ends within a character.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}:{number + 1}: The gzip data is damaged ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: The file cannot be read ({error.strerror}).") from None


def encoding_notes(path: Path) -> list[str]:
    """In which encoding a file is read, where that is not UTF-8; nothing of one that is no text."""
    try:
        with _opened(path) as file:
            title = TITLES.get(_encoding(path, file))
    except (OSError, EOFError, zlib.error, DataError):
        return []
    return [] if title is None else [f"read as {title}"]


def _opened(path: Path) -> io.BufferedReader:
    if "\0" in str(path):
        raise DataError(f"{str(path)!r:.60} is no name of a file.")
    opener = gzip.open if path.suffix.lower() == ".gz" else partial(open, buffering=0)
    return io.BufferedReader(cast(io.RawIOBase, opener(path, "rb")), HEAD)


def _encoding(path: Path, file: io.BufferedReader) -> str:
    """The encoding of a file that has not been read yet; raises DataError for what is no text."""
    head = file.peek(HEAD)[:HEAD]
    encoding = encoding_of(head)
    if complaint := _not_text(head, encoding):
        raise DataError(f"{path}: The file {complaint}.")
    return encoding


def _of_bytes(file: io.BufferedReader) -> Iterator[bytes]:
    return iter(partial(file.readline, LONGEST), b"")


def _of_utf16(file: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    """The lines of UTF-16, whose line feeds are no single bytes; halves of pairs stay such."""
    with io.TextIOWrapper(file, encoding, "surrogatepass", newline="\n") as text:
        for line in iter(partial(text.readline, LONGEST), ""):
            yield line.encode(errors="surrogatepass")


def _of_gb(line: bytes) -> bytes:
    """A line of GB 18030 in UTF-8; a damaged one as it is."""
    try:
        return line.decode(GB).encode()
    except UnicodeDecodeError:
        return line


def _not_text(head: bytes, encoding: str) -> str | None:
    """What a file is that holds no lines of text, by its first bytes."""
    kind = next((kind for first, kind in SIGNATURES.items() if head.startswith(first)), None)
    if kind is not None or encoding != UTF_8:
        return kind
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
    """The text of a file, with its line ends as they are.

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
        error.object.decode(GB)
        hint, due = " (it is valid GB 18030)", ": iconv -f GB18030 -t UTF-8"
    except UnicodeDecodeError as other:
        hint = f", nor byte {other.start + 1} GB 18030" if other.start > error.start else ""
        due = ""
    return f"Byte {error.start + 1} of the line is not UTF-8{hint}; convert the file to UTF-8{due}."
