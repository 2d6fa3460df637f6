"""Reading and writing a tokenizer's files."""

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playmask.errors import ConfigError, DataError
from playmask.tokenizers.wordpiece import read_lines, specification

NAMES = ("tokenizer.json", "vocab.txt")  # the first one found in a directory is read


def read(path: str | os.PathLike[str], lowercase: bool | None = None) -> tuple[dict, Path]:
    """Read a tokenizer as the content of a tokenizer.json, from a directory or one of its files.

    Returns: the content, and the file it came from
    Raises:  ConfigError if there is no such file; DataError naming file and line if it is damaged
    """
    file = _find(Path(path))
    reader = READERS.get(file.suffix)
    if reader is None:
        raise ConfigError(f"{file} is not a tokenizer file; give {' or '.join(NAMES)}.")
    return reader(file, lowercase), file


def write(path: Path, text: str) -> None:
    """Write a file in one step: readers see the old content or the new, never a part."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a directory with {' or '.join(NAMES)}.")
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(entry.name for entry in path.iterdir())
    listed = ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
    raise ConfigError(f"{path} has no {' or '.join(NAMES)}; it holds {listed or 'nothing'}.")


def _read_json(path: Path, lowercase: bool | None = None) -> dict[str, Any]:
    if lowercase is not None:
        raise ConfigError(
            f"lowercase={lowercase} was given, but {path} says itself what is lower-cased; "
            "leave it out, or load vocab.txt."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}; it must be a JSON object.")
    return content


def _read_vocab(path: Path, lowercase: bool | None = None) -> dict[str, Any]:
    """Read a BERT vocabulary, and how it splits words from the tokenizer_config.json beside it."""
    beside = path.with_name("tokenizer_config.json")
    config = _read_json(beside) if beside.is_file() else {}
    for key in ("do_lower_case", "strip_accents", "tokenize_chinese_chars"):
        if not isinstance(config.get(key), bool | None):
            raise DataError(f"{beside}: {key} is {config[key]!r}; it must be true, false or null.")
    if lowercase is None:
        lowercase = config.get("do_lower_case")
    return specification(
        read_lines(path),
        lowercase=lowercase is not False,
        strip_accents=config.get("strip_accents"),
        ideographs=config.get("tokenize_chinese_chars") is not False,
    )


READERS: dict[str, Callable[[Path, bool | None], dict]] = {
    ".json": _read_json,
    ".txt": _read_vocab,
}
