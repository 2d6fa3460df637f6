"""What a kill, or a full disk, leaves of a directory: at every file operation in turn.

A killed process takes nothing back and finishes nothing, so what it leaves is what another process
sees of the directory at that moment. `states` copies the directory before every file operation that
Python makes, whoever calls it; nothing is patched, and no cleanup of the program's can run before a
copy. `test_kills.py` kills real processes and finds the same states.
"""

import errno
import io
import os
import shutil
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

CALLS = frozenset(
    "open mkdir rename replace unlink remove rmdir link symlink truncate ftruncate write fsync "
    "close utime chmod".split()
)
METHODS = frozenset(("write", "writelines", "truncate", "flush", "close"))
WRITING = {*METHODS, "os.write", "os.mkdir", "os.fsync", "os.rename", "os.replace"}
"""The operations that a full disk refuses."""


def operation(event, function):
    """The name of a file operation that is about to be called; None for all else."""
    if event != "c_call":
        return None
    name = getattr(function, "__name__", "")
    if getattr(function, "__module__", None) in ("posix", "nt"):
        return f"os.{name}" if name in CALLS else None
    if isinstance(getattr(function, "__self__", None), io.IOBase):
        return name if name in METHODS else None
    return name if function is io.open else None


COUNTS = Counter()
"""What was tried, for the figures of docs/reliability.md."""


@contextmanager
def before_each(act):
    """Call `act` with the name of every file operation of this thread, before it is made."""

    def profile(frame, event, function):
        name = operation(event, function)
        if name is not None:
            act(name)

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def listing(directory):
    """What tells one state of a directory from another; of what is staged, the names."""
    out = []
    for place, folders, names in os.walk(directory):
        for name in (*folders, *names):
            status = os.lstat(Path(place, name))
            staged = ".playmask-staging-" in place or name in folders
            more = () if staged else (status.st_size, status.st_mtime_ns)
            out.append((place, name, status.st_ino, *more))
    return sorted(out)


@contextmanager
def states(directory, into):
    """Copies of a directory as each file operation finds it, and as it is at the end: a list."""
    copies, last = [], [None]

    def copy(name=""):
        now = listing(directory)
        if now != last[0]:
            last[0] = now
            place = into / f"{len(copies):04d}"
            if Path(directory).exists():
                shutil.copytree(directory, place)
            else:
                place.mkdir(parents=True)
            copies.append(place)
            COUNTS["states after a kill"] += 1

    with before_each(copy):
        yield copies
    copy()


class Full:
    """A disk that is full from the k-th writing operation on."""

    def __init__(self, number):
        self.number, self.count, self.names = number, 0, []

    def __call__(self, name):
        if name in WRITING:
            self.count += 1
            if self.count > self.number:
                self.names.append(name)
                COUNTS["writes that a full disk refused"] += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def content(directory):
    """The bytes of all files in a directory and below, by name; not what dead saves left."""
    paths = [p for p in Path(directory).rglob("*") if p.is_file()]
    names = {p.relative_to(directory).as_posix(): p for p in paths}
    return {
        name: path.read_bytes()
        for name, path in sorted(names.items())
        if not name.startswith(".playmask-staging-")
    }


def leftovers(directory):
    """What should never stay behind where a save could clean up after itself."""
    return [p.name for p in Path(directory).rglob("*") if ".tmp" in p.name or "staging" in p.name]
