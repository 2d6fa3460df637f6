"""The fuzzer: every reader, many times, on files that are damaged, lie, or are huge.

python tests/fuzz/run.py --tries 20000            # another seed each day; prints it
python tests/fuzz/run.py --reader zip --seed 17   # one try again, with its traceback
"""

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
os.environ.setdefault("KERAS_BACKEND", "jax")

from fuzz.readers import READERS  # noqa: E402
from fuzz.trial import Outcome, attempt, damaged, right, write_files  # noqa: E402

STARTING, PATIENCE = 300.0, 60.0  # seconds for a process to start, and for a try
SERVER = "from fuzz.trial import serve; serve()"


class Server:
    """A process that tries; it may hang or die of what it reads."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
        )
        self.pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            assert stream is not None
            stream.close()

    def ask(self, name: str, seed: int) -> Outcome:
        """The outcome of a try."""
        assert self.process.stdin is not None
        start = time.perf_counter()
        self.process.stdin.write(f"{seed} {name}\n".encode())
        self.process.stdin.flush()
        begun = answer = self._line(STARTING)
        if begun:
            answer = self._line(PATIENCE)
        if begun and answer:
            return Outcome(*json.loads(answer))
        if answer is None:
            self.process.kill()
        code = self.process.wait()
        self.errors.seek(0)
        details = self.errors.read().decode(errors="replace")
        if not begun:
            raise RuntimeError(f"{name}: the good files do not load ({code}):\n{details}")
        kind = "hangs" if answer is None else f"the process ended with {code}"
        return Outcome(name, seed, "fault", "", time.perf_counter() - start, 0, kind, details)

    def _line(self, seconds: float) -> bytes | None:
        """A line of what it answers; empty where it has died, None where it is silent."""
        assert self.process.stdout is not None
        end = time.perf_counter() + seconds
        while b"\n" not in self.pending:
            left = end - time.perf_counter()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            read = os.read(self.process.stdout.fileno(), 1 << 16)
            if not read:
                return b""
            self.pending += read
        line, self.pending = self.pending.split(b"\n", 1)
        return line


def plan(tries: int, seed: int, names: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Which readers are tried with which seeds: each by its share, and once at least."""
    names = names or [*READERS]
    shares = [READERS[name].share for name in names]
    draw = random.Random(seed)
    chosen = [*names, *draw.choices(names, shares, k=max(0, tries - len(names)))][:tries]
    return sorted((name, draw.randrange(1 << 32)) for name in chosen)


def fuzz(tries: Sequence[tuple[str, int]]) -> Iterator[Outcome]:
    """The outcomes of all tries; a process that hangs or dies is replaced."""
    left = [*tries]
    while left:
        with Server() as server:
            while left:
                name, seed = left.pop(0)
                outcome = server.ask(name, seed)
                yield outcome
                if server.process.poll() is not None:
                    break


def described(outcome: Outcome) -> str:
    """A fault in a few lines, and how it is seen again."""
    again = f"python tests/fuzz/run.py --reader {outcome.reader!r} --seed {outcome.seed}"
    last = (outcome.details.strip().splitlines() or [""])[-1][:300]
    return f"{outcome.reader}: {outcome.kind}\n    {outcome.mutation}\n    {last}\n    {again}"


def summary(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    """The figures of a run."""
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    return {
        "tries": len(outcomes),
        "readers": len({outcome.reader for outcome in outcomes}),
        **{verdict: verdicts[verdict] for verdict in ("refused", "loaded", "fault")},
        "slowest": max(outcome.seconds for outcome in outcomes),
        "memory": max(outcome.memory for outcome in outcomes),
        "seconds": seconds,
    }


def kinds(outcomes: Sequence[Outcome]) -> list[tuple[int, Outcome]]:
    """The first fault of each kind, with their number; the most frequent first."""
    faults = [outcome for outcome in outcomes if outcome.verdict == "fault"]
    count = Counter((outcome.reader, outcome.kind) for outcome in faults)
    first = {(o.reader, o.kind): o for o in reversed(faults)}
    return [(number, first[key]) for key, number in count.most_common()]


def again(name: str, seed: int) -> int:
    """One try in this process, its files left to look at."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    right(name)
    outcome = attempt(name, seed, folder)
    write_files(folder, damaged(name, seed)[0])
    print(outcome.details)
    print(f"{outcome.verdict} {outcome.kind}\n{outcome.mutation}\nthe files are in {folder}")
    print(f"{outcome.seconds:.2f} s, {outcome.memory / 1e6:.0f} MB")
    return int(outcome.verdict == "fault")


def main() -> int:
    """Fuzz as the command line says; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="of the run, or with --reader of one try")
    parser.add_argument("--reader", action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    if options.reader and len(options.reader) == 1 and options.seed is not None:
        return again(options.reader[0], options.seed)
    seed = int(time.time()) // 86_400 if options.seed is None else options.seed
    print(f"seed {seed}")
    start, outcomes = time.perf_counter(), []
    for outcome in fuzz(plan(options.tries, seed, options.reader or ())):
        outcomes.append(outcome)
    figures = summary(outcomes, time.perf_counter() - start) | {"seed": seed}
    for number, outcome in kinds(outcomes):
        print(f"{number} × {described(outcome)}")
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(figures["fault"] > 0)


if __name__ == "__main__":
    sys.exit(main())
