"""The figures of docs/reliability.md: the fuzzer, kills and full disks, threads (make reliability).

    python tests/reliability.py --tries 20000

Every figure comes from a run of the tests, which say what they counted by `record_property`.
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: make reliability -->", "<!-- end of the figures -->"
HEAD = ("", "tests", "counted", "faults", "minutes")


class Suite(NamedTuple):
    """What is run: its title, the tests, and which of them by their markers."""

    title: str
    paths: tuple[str, ...]
    markers: str = ""


SUITES = (
    Suite("damaged, lying and huge files", ("tests/fuzz",), "fuzz"),
    Suite("kills and full disks", ("tests/crashes",)),
    Suite(
        "threads and processes",
        ("tests/test_threads.py", "tests/test_access.py", "tests/test_processes.py"),
    ),
)
ROUNDS = "5"  # trainings that the storm of threads lasts for
UNITS = {"memory": (1e6, "MB more memory at most"), "slowest": (1, "s at most")}
"""How what was counted is written, where its name does not say it."""
LARGEST = frozenset(("memory", "slowest", "readers"))
"""Of several tests the largest counts, not the sum."""
LEFT_OUT = frozenset(("seconds", "fault"))


class Result(NamedTuple):
    """What a run of a suite came to."""

    tests: int
    failures: int
    seconds: float
    counts: dict[str, float]


def run(suite: Suite, tries: int) -> Result:
    """Run a suite and read what it reports."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        markers = ["-m", suite.markers] if suite.markers else []
        subprocess.run(
            [sys.executable, "-m", "pytest", "-rf", *markers, f"--junitxml={report}", *suite.paths],
            cwd=ROOT,
            env={**os.environ, "PLAYMASK_FUZZ": str(tries), "PLAYMASK_THREADS_ROUNDS": ROUNDS},
            check=False,  # failures are figures too
        )
        return read(report)


def read(report: Path) -> Result:
    """A JUnit report: tests, failures, seconds, and what the tests counted."""
    (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    values: defaultdict[str, list[float]] = defaultdict(list)
    for each in suite.iter("property"):
        values[each.attrib["name"]].append(float(each.attrib["value"]))
    counts = {name: max(v) if name in LARGEST else sum(v) for name, v in values.items()}
    tests, skipped, *faults = (
        int(suite.attrib[name]) for name in ("tests", "skipped", "failures", "errors")
    )
    return Result(tests - skipped, sum(faults), float(suite.attrib["time"]), counts)


def figures(results: Sequence[tuple[Suite, Result]]) -> str:
    """The results as a table, with when, where and how they came about."""
    lines = [HEAD, ("---",) * len(HEAD)]
    for suite, result in results:
        faults = int(result.counts.get("fault", result.failures))
        minutes = f"{result.seconds / 60:.1f}"
        cells = (suite.title, f"{result.tests:,}", counted(result), f"**{faults}**", minutes)
        lines.append(cells)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"*{datetime.date.today()}, `make reliability`; {machine}.*\n\n{table}"


def counted(result: Result) -> str:
    """What the tests of a suite counted, in words."""
    parts = []
    for name, value in result.counts.items():
        scale, words = UNITS.get(name, (1, name))
        number = value / scale
        if name not in LEFT_OUT:
            parts.append(f"{number:,.0f} {words}" if number >= 10 else f"{number:.3g} {words}")
    return ", ".join(parts)


def write(page: Path, block: str) -> None:
    """Put the figures between their marks."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Run all suites and write the page; 1 where anything failed."""
    parser = argparse.ArgumentParser(description="Write the figures of docs/reliability.md.")
    parser.add_argument("--tries", type=int, default=20_000, help="of the fuzzer")
    tries = parser.parse_args().tries
    results = [(suite, run(suite, tries)) for suite in SUITES]
    write(PAGE, figures(results))
    return int(any(result.failures for _, result in results))


if __name__ == "__main__":
    sys.exit(main())
