"""What a folder of answers is of: the task, the rows and the options; a resumed run must agree."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c

from playmask.errors import BusyError, CheckpointError, ConfigError, brief
from playmask.files import make_directory, read_json, write_json
from playmask.files.checksums import CHECKSUMS, CHUNK, read_manifest
from playmask.files.commits import locked_alone
from playmask.tasks.bulk.options import BulkOptions

RECORD, FORMAT = "_run.json", 1
TEMPORARY = ".*"
FREE = ("workers", "engine")
"""Options that a resumed run may choose anew: the answers do not depend on them."""


class Scan(NamedTuple):
    """What one pass over a file says: its bytes, their CRC-32C, and how many line feeds it has."""

    size: int
    crc32c: str
    lines: int

    @classmethod
    def of(cls, path: Path) -> "Scan":
        """Read a file in pieces; a map of it would count as memory of this process."""
        size = crc = lines = 0
        with path.open("rb", buffering=0) as content:
            while chunk := content.read(CHUNK):
                size, crc = size + len(chunk), google_crc32c.extend(crc, chunk)
                lines += chunk.count(b"\n")
        return cls(size, f"{crc:08x}", lines)


def record_of(task: Path, scans: Mapping[Path, Scan], options: BulkOptions) -> dict[str, Any]:
    """What tells a run from another: checksums of the task and of the rows, and the options."""
    chosen = {name: value for name, value in vars(options).items() if name not in FREE}
    return {
        "format": FORMAT,
        "task": task_fingerprint(task),
        "input": {file.name: [scan.size, scan.crc32c] for file, scan in scans.items()},
        "options": {**chosen, "columns": [*options.columns]},
    }


def task_fingerprint(path: Path) -> str:
    """A hash of the files of a task; of a name that is no folder, the name."""
    if not path.is_dir():
        return str(path)
    parts = {name: [*part] for name, part in read_manifest(path).parts.items()}
    names = (file for file in sorted(path.rglob("*")) if file.is_file())
    for file in names:
        name = file.relative_to(path).as_posix()
        if name != CHECKSUMS and name not in parts:
            parts[name] = [*Scan.of(file)[:2]]
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()


@contextmanager
def opened(out: Path, record: dict[str, Any]) -> Iterator[bool]:
    """Hold a folder of answers, a new one or that of the same run; give whether it is that.

    Raises: ConfigError where it holds another run or something else, BusyError while another
            process writes into it
    """
    make_directory(out)
    with locked_alone(out) as alone:
        if not alone:
            raise BusyError(f"Another process is writing answers into {out}; wait for its end.")
        resumed = (out / RECORD).is_file()
        if resumed:
            _compare(out, _read(out / RECORD), record)
        elif any(not name.startswith(".") for name in os.listdir(out)):
            raise ConfigError(f"{out} holds other files; answers go into a folder of their own.")
        else:
            write_json(out / RECORD, record)
        _tidy(out)
        yield resumed
        _tidy(out)


def _tidy(out: Path) -> None:
    """Remove what processes that were killed have left."""
    for rest in out.glob(TEMPORARY):
        rest.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except CheckpointError as error:
        raise ConfigError(f"{error} Choose another folder for the answers.") from None


def _compare(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    options = before.get("options")
    old = options if isinstance(options, dict) else {}
    changed = [
        f"{name} was {brief(old.get(name))} and is {brief(value)}"
        for name, value in now["options"].items()
        if old.get(name) != value
    ]
    if before.get("task") != now["task"]:
        changed.insert(0, "the task is another")
    if before.get("input") != now["input"]:
        changed.insert(0, "the input is another")
    if changed or before.get("format") != now["format"]:
        reason = "; ".join(changed) or "its format is another"
        raise ConfigError(
            f"{out} holds the answers of another run: {reason}. Choose another folder, or delete "
            "this one."
        )
