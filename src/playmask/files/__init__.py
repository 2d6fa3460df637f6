"""Files: JSON, and writing whole or not at all."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from playmask.errors import CheckpointError, PlaymaskError, WriteError
from playmask.lazy import find_submodules

PathLike = str | os.PathLike[str]
JsonObject = dict[str, Any]

STAND_IN = 64  # bytes from which a stand-in for a file is known
STAGING = ".playmask-staging-"
"""What the names of the folders begin with that a save writes into before its commit."""


def make_directory(directory: Path) -> None:
    """Make a directory to save into; raises CheckpointError where a file has its name."""
    if directory.exists() and not directory.is_dir():
        raise CheckpointError(f"{directory} is a file; a model is saved into a directory.")
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses, as a full disk, into one sentence on a path.

    Raises: WriteError
    """
    try:
        yield
    except PlaymaskError:
        raise
    except OSError as error:
        place = Path(*(part for part in path.parts if not part.startswith(STAGING)))
        raise WriteError(
            f"{place} cannot be written: {error.strerror or error}. What was there is unchanged."
        ) from error


def write_lines(file: Path, values: Iterable[Any]) -> None:
    """Write a file of JSON lines whole or not at all."""
    with replacing(file) as (beside,), beside.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    with replacing(file) as (beside,):
        beside.write_text(text, encoding="utf-8")


def read_json(file: Path) -> JsonObject:
    """Read a JSON object; raises CheckpointError naming the file where it is something else."""
    try:
        content = file.read_bytes()
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{file} is not readable as JSON: {error}.") from error
    refuse_stand_in(file, content[:STAND_IN])
    value = parse_json(file, content)
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} holds a JSON {type(value).__name__}, not an object.")
    return value


def parse_json(file: Path, content: bytes | str) -> Any:
    """Parse the JSON that a file holds; raises CheckpointError naming the file where it is none."""
    try:
        return json.loads(content)
    except RecursionError:
        raise CheckpointError(
            f"{file} is not readable as JSON: its lists and objects are nested too deeply."
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{file} is not readable as JSON: {error}.") from error


def refuse_stand_ins(files: Iterable[Path]) -> None:
    """Refuse files, of those that are there, that only stand in for the real ones.

    Raises: CheckpointError naming the first
    """
    for file in files:
        if file.is_file():
            with file.open("rb") as content:
                refuse_stand_in(file, content.read(STAND_IN))


def refuse_stand_in(file: Path, start: bytes) -> None:
    """Refuse a file that only stands in for the real one, by the STAND_IN bytes it starts with.

    Raises: CheckpointError for a pointer of Git LFS, and for a web page
    """
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        raise CheckpointError(
            f"{file} is a Git LFS pointer, not the file itself; run `git lfs pull` in its "
            "repository, or download the file."
        )
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise CheckpointError(
            f"{file} is a web page, not the file that it should be; download the file itself."
        )


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(file) as (beside,):
        beside.write_bytes(content)


@contextlib.contextmanager
def replacing(*paths: PathLike) -> Iterator[list[Path]]:
    """Give a temporary path beside each of `paths`; move them there, in order, at the end.

    Whatever fails inside (an interrupt too), the old files stay and the temporary ones go.
    Name an index last: until then a reader sees the old one.

    Raises:  CheckpointError if a folder to write into does not exist
    """
    targets = [Path(path) for path in paths]
    for target in targets:
        if not target.parent.is_dir():
            raise CheckpointError(f"{target} cannot be written: {target.parent} is not a folder.")
    mark = uuid.uuid4().hex[:8]
    temporary = [target.with_name(f".{target.name}.{mark}.tmp") for target in targets]
    try:
        with writing(targets[-1]):
            yield temporary
            for source, target in zip(temporary, targets, strict=True):
                os.replace(source, target)
    finally:
        for source in temporary:
            source.unlink(missing_ok=True)


find_submodules(__name__)
