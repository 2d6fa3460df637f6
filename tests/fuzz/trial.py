"""One try: a damaged copy of good files is read, within bounds of time, memory and effects."""

import contextlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fuzz import damage
from fuzz.containers import SENTINEL
from fuzz.readers import KINDS, READERS, Files, Reader, write_files
from playmask.errors import PlaymaskError

SECONDS, MEMORY = 10.0, 1 << 30
"""What a try may take: seconds of the processors, so that it does not matter what else a machine is
doing, and bytes beside what the process held before."""
RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect")
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.chmod", "shutil.rmtree", "os.mkdir")
"""Events of Python's audit that reading a file has no need of."""


class TooSlow(BaseException):
    """The time of a try is over; no `except Exception` may take it for a damaged file."""


class Outcome(NamedTuple):
    """How a try ended.

    verdict: "loaded", "refused" or "fault"; kind: what a fault is, and where; memory in bytes
    """

    reader: str
    seed: int
    verdict: str
    mutation: str
    seconds: float
    memory: int
    kind: str = ""
    details: str = ""


class Effects:
    """What happens beside reading, by Python's audit of one process; it cannot be taken back."""

    def __init__(self) -> None:
        self.watched: tuple[str, ...] = ()
        self.events: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self.watched:
            self.events.append(f"{event} {arguments!r:.80}")

    @contextlib.contextmanager
    def watch(self, *events: str) -> Iterator[None]:
        """Listen to some events meanwhile."""
        self.events.clear()
        self.watched = events
        try:
            yield
        finally:
            self.watched = ()


@cache
def effects() -> Effects:
    return Effects()


@cache
def good(name: str) -> Files:
    """The undamaged files of a reader."""
    return READERS[name].files()


@cache
def right(name: str) -> Any:
    """What the undamaged files load as."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), good(name))
        try:
            with contextlib.chdir(folder):
                return READERS[name].read(Path(folder), random.Random(0))
        except PlaymaskError:
            if READERS[name].loads:
                raise
            return None


def damaged(name: str, seed: int) -> tuple[Files, damage.Damage, str]:
    """The files of a try, how one of them was damaged, and which."""
    draw, reader = random.Random(f"{name}:{seed}"), READERS[name]
    target = draw.choice(sorted(reader.targets or good(name)))
    damaging = reader.kinds.get(target) or KINDS.get(Path(target).suffix, damage.of_bytes)
    result = damaging(good(name)[target], draw)
    while result.data == good(name)[target]:
        result = damaging(good(name)[target], draw)
    return {**good(name), target: result.data}, result, target


def attempt(name: str, seed: int, folder: Path) -> Outcome:
    """Try a reader on files damaged by a seed, in an empty folder."""
    reader, expected = READERS[name], right(name)
    files, result, target = damaged(name, seed)
    write_files(folder, files)
    before, start = reset_peak(), time.process_time()
    watched = RUNS if reader.writes else (*RUNS, *CHANGES)
    with _bounded(), effects().watch(*watched), contextlib.chdir(folder):
        fault, verdict = _read(reader, folder, seed)
    seconds, memory = time.process_time() - start, max(0, peak() - before)
    value, kind, details = fault
    if not kind and effects().events:
        kind = f"effects: {effects().events[0]}"
    if not kind and (folder / SENTINEL).exists():
        kind = "executed"
    if not kind and memory > MEMORY:
        kind = f"memory: {memory / 1e9:.1f} GB"
    if not kind and seconds > SECONDS:
        kind = f"time: {seconds:.0f} s"
    if not kind and verdict == "loaded" and reader.exact and result.raw and value != expected:
        kind = "wrong values"
    verdict = "fault" if kind else verdict
    return Outcome(
        name, seed, verdict, f"{target}: {result.mutation}", seconds, memory, kind, details
    )


def _read(reader: Reader, folder: Path, seed: int) -> tuple[tuple[Any, str, str], str]:
    """What was loaded, or the kind of the fault and its traceback."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (reader.read(folder, random.Random(seed)), "", ""), "loaded"
    except PlaymaskError as error:
        if lacking(error):
            return (None, "memory: an allocation failed", traceback.format_exc()), "refused"
        return (None, "", str(error)), "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return (
            None,
            f"{type(error).__name__} at {place_of(error)}",
            traceback.format_exc(),
        ), "fault"


def lacking(error: BaseException | None) -> bool:
    """Whether memory was lacking somewhere in the story of an error."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def place_of(error: BaseException) -> str:
    """The innermost line of playmask in an error's traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "playmask" in Path(f.filename).parts and "tests" not in f.filename]
    last = own[-1] if own else frames[-1]
    return f"{'/'.join(Path(last.filename).parts[-2:])}, {last.name}"


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Ring after the time of a try, and refuse more than twice its memory."""

    def ring(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)  # again, where the first was swallowed
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _status("VmData") + 2 * MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def reset_peak() -> int:
    """Begin to measure anew; returns the bytes that the process holds now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """The most bytes that the process has held since the last reset."""
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def serve() -> None:
    """Try what lines of stdin name, "seed reader"; a line goes out before and after each try."""
    import json

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        seed, name = line.rstrip("\n").split(" ", 1)
        right(name)
        answers.write("begin\n")
        with tempfile.TemporaryDirectory() as folder:
            outcome = attempt(name, int(seed), Path(folder))
        answers.write(json.dumps(outcome) + "\n")
