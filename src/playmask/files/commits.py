"""One commit point for files that are saved together: all of them, or what was there before.

A save writes into a staging folder inside its directory. Renaming that folder to `.playmask-commit`
is the commit point. Then its files are moved to their places, one by one; whoever opens a
directory finishes what a killed save has left to be moved.
"""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from playmask.errors import CheckpointError
from playmask.files import STAGING, PathLike, make_directory, writing
from playmask.files.checksums import CHECKSUMS, Part, manifest_text, read_manifest

try:
    import fcntl
except ImportError:  # Windows has no such locks: there saves must not run at once
    fcntl = None  # type: ignore[assignment]

COMMIT, REMOVALS = ".playmask-commit", ".removals.json"


@contextlib.contextmanager
def committing(
    directory: PathLike, removing: Iterable[str] = (), *, manifest: bool = True
) -> Iterator[Path]:
    """Give a folder to write files into; at the end they are in `directory`, all or none of them.

    With them comes `checksums.json`, the sizes and checksums of all that was ever committed to the
    directory and still is there. A commit inside another's folder is a part of that one.

    removing: names of files that go with the commit, unless they are written again
    manifest: whether the directory gets a checksums.json where it has none
    Raises: WriteError where something cannot be written; what was there is unchanged then
    """
    directory = Path(directory)
    if directory.name.startswith(STAGING):
        yield directory
        return
    with writing(directory):
        fresh = not directory.exists()
        make_directory(directory)
        staging, alive = directory / f"{STAGING}{uuid.uuid4().hex[:8]}", None
        try:
            alive = _stage(directory, staging)
            yield staging
            parts = {name: _flushed(staging / name) for name in _files(staging)}
            manifest |= (directory / CHECKSUMS).exists()
            _commit(directory, staging, parts, set(removing) - set(parts), manifest=manifest)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):
                if fresh:
                    directory.rmdir()  # empty, else it stays
            raise
        finally:
            _unlock(alive)


def destination(directory: PathLike) -> Path:
    """Where the files of a staging folder will be; any other directory is its own."""
    directory = Path(directory)
    return directory.parent if directory.name.startswith(STAGING) else directory


def recover(directory: PathLike) -> None:
    """Finish what a killed save had committed; who reads what `committing` wrote calls this first.

    Raises: CheckpointError where it cannot be finished
    """
    directory = Path(directory)
    if (directory / COMMIT).is_dir():
        with _locked(directory):
            _roll_forward(directory)


def contents(directory: PathLike) -> list[str]:
    """The names of what is in a directory, without what killed saves have left; sorted."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    recover(directory)
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith(STAGING))


def _stage(directory: Path, staging: Path) -> int | None:
    """Make a staging folder, locked while this save lives; those of dead saves go."""
    with _locked(directory):
        _roll_forward(directory)
        for other in directory.glob(f"{STAGING}*"):
            lock = _lock(other, wait=False)
            if lock is not None:  # nobody holds it: its save is dead
                shutil.rmtree(other, ignore_errors=True)
            _unlock(lock)
        staging.mkdir()
        return _lock(staging, wait=False)


def _commit(
    directory: Path, staging: Path, parts: dict[str, Part], removing: set[str], *, manifest: bool
) -> None:
    """Write the manifest, rename the staging folder, which commits it, and move its files."""
    for name in parts:
        if (directory / name).is_dir():
            raise IsADirectoryError(21, "a folder has the name of a file to write", name)
    with _locked(directory):
        _roll_forward(directory)  # of a save that ran meanwhile and was killed
        before = read_manifest(directory, damaged={}).parts
        rest = {n: p for n, p in before.items() if n not in removing and (directory / n).exists()}
        (staging / REMOVALS).write_text(json.dumps(sorted(removing)), "utf-8")
        if manifest:
            (staging / CHECKSUMS).write_text(manifest_text(rest | parts), "utf-8")
        for path in (*staging.iterdir(), staging):
            _sync(path)
        os.rename(staging, directory / COMMIT)
        _sync(directory)
        _roll_forward(directory)


def _roll_forward(directory: Path) -> None:
    """Move what was committed to its place, if there is any that a killed save has left.

    Called under the directory's lock, so that one commit at a time is moved.

    Raises: CheckpointError where that is not possible
    """
    commit = directory / COMMIT
    if not commit.is_dir() or commit.is_symlink():
        return
    try:
        _move(commit, directory)
    except OSError as error:
        raise CheckpointError(
            f"A save into {directory} stopped when all of it was written and committed, and the "
            f"rest, moving files out of {COMMIT}, is not possible ({error.strerror or error}); "
            "open it again with the right to write there."
        ) from error


def _move(commit: Path, directory: Path) -> None:
    """Move the files of a commit, the manifest last; any part of that may be done already."""
    folders = {directory}
    for name in _files(commit):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(commit / name, target)
        folders.add(target.parent)
    for target in _removals(directory):
        target.unlink(missing_ok=True)
        _remove_empty(target.parent, directory)
    (commit / REMOVALS).unlink(missing_ok=True)
    _replace(commit / CHECKSUMS, directory / CHECKSUMS)
    for folder in filter(Path.exists, folders):
        _sync(folder)
    shutil.rmtree(commit)


def _replace(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # moved already
        os.replace(source, target)


def _remove_empty(folder: Path, directory: Path) -> None:
    """Remove a folder of a directory, and those around it, that hold nothing any more."""
    with contextlib.suppress(OSError):
        while folder != directory:
            folder.rmdir()
            folder = folder.parent


def _removals(directory: Path) -> list[Path]:
    """The files that a commit removes; only ever files inside the directory."""
    listing = directory / COMMIT / REMOVALS
    try:
        names: Any = json.loads(listing.read_text("utf-8")) if listing.exists() else []
    except ValueError as error:
        raise CheckpointError(f"{listing} is damaged: {error}.") from error
    root = directory.resolve()
    inside = [directory / name for name in names if isinstance(name, str)]
    return [path for path in inside if root in path.parent.resolve().joinpath(path.name).parents]


def _files(folder: Path) -> list[str]:
    """The files in a folder and in those below, as relative names, without what commits add."""
    names = [
        Path(place, name).relative_to(folder).as_posix()
        for place, _, files in os.walk(folder)
        for name in files
    ]
    return sorted(set(names) - {CHECKSUMS, REMOVALS})


def _flushed(path: Path) -> Part:
    """Bring a file to the disk, where a full one is noticed at last, and take its checksum."""
    _sync(path)
    return Part.of(path)


def _sync(path: Path) -> None:
    """Bring a file, or what a folder lists, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder, among threads and processes; None where others hold it or none can be had."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held, or a file system without locks
        os.close(handle)
        return None
    return handle


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


@contextlib.contextmanager
def locked_alone(directory: Path) -> Iterator[bool]:
    """Hold a directory's lock without waiting for it; gives whether nobody else has it."""
    handle = _lock(directory, wait=False)
    try:
        yield handle is not None or fcntl is None
    finally:
        _unlock(handle)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a directory's lock, which commits to it and their completion take in turn."""
    handle = _lock(directory, wait=True)
    try:
        yield
    finally:
        _unlock(handle)
