"""Peers' processes, asked in turn, and what came of it."""

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from environments import ROOT, Missing, python_of
from machine import rates

PEERS = Path(__file__).parent / "peers"
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}  # else PyTorch's threads spin on shared cores
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # else memory comes in pages of 4 kB


@dataclass(frozen=True)
class Side:
    """One who takes part in a case: an environment, its variables, and what it alone is told.

    cores: how many it may run on (None = all); amount: how much one run of its does, where that is
    not the case's; file: what in peers/ it runs (None = the environment's)
    """

    environment: str
    variables: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    cores: int | None = None
    amount: float | None = None
    file: str | None = None

    @property
    def program(self) -> Path:
        """What the process runs."""
        return PEERS / (self.file or f"{self.environment.split('-')[0]}_peer.py")


@dataclass(frozen=True)
class Case:
    """Something that several sides do, told the same.

    amount, unit: how much of what one run does; operations, bytes: what cannot be avoided, for
    the bound (None = no bound is known); runs: how often each is timed at most; laps: how often in
    one run; fresh: each run is in a new process, and no other one waits beside it, since memory
    would not do for all
    """

    name: str
    work: str
    told: dict[str, Any]
    sides: dict[str, Side]
    amount: float = 1
    unit: str = "runs"
    operations: float | None = None
    read: float | None = None
    runs: int | None = None
    laps: int = 1
    fresh: bool = False


class Peer:
    """A process that works when asked."""

    def __init__(self, side: Side, place: Path) -> None:
        command = [str(python_of(side.environment, place)), str(side.program)]
        if side.cores is not None:
            command = ["taskset", "-c", f"0-{side.cores - 1}", *command]
        self.told = side.told
        self.errors = (place / f"{side.program.stem}.log").open("a", encoding="utf-8")
        self.process = subprocess.Popen(
            command,
            cwd=PEERS,
            env=_variables(side),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ask(self, case: Case) -> dict[str, Any]:
        """Do it once; an answer with "error" where it could not."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            line = json.dumps({"work": case.work, "laps": case.laps, **case.told, **self.told})
            print(line, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else {"error": "its process ended; see its log"}

    def end(self) -> None:
        """Let the process go."""
        self.process.terminate()
        self.process.wait()
        self.errors.close()


def measure(case: Case, runs: int, place: Path) -> dict[str, Any]:
    """Ask all sides in turn, as often as is wanted, with the machine's rates taken between."""
    peers: dict[str, Peer] = {}
    failed: dict[str, str] = {}
    answers: dict[str, list[dict[str, Any]]] = {label: [] for label in case.sides}
    found: list[dict[str, float]] = []
    for _ in range(min(runs, case.runs or runs)):
        found.append(rates(case.told.get("device", "cpu")))
        for label, side in case.sides.items():
            if label in failed:
                continue
            try:
                peer = peers.pop(label, None) or Peer(side, place)
            except Missing as reason:
                failed[label] = str(reason)
                continue
            answer = peer.ask(case)
            if "error" in answer:
                failed[label] = answer["error"]
            else:
                answers[label].append(answer)
            if case.fresh or "error" in answer:
                peer.end()
            else:
                peers[label] = peer
    for peer in peers.values():
        peer.end()
    rate = {name: median(row[name] for row in found) for name in found[0]}
    ours = next(iter(case.sides))
    return {
        "case": case.name,
        "amount": case.amount,
        "unit": case.unit,
        "bound": _bound(case, rate),
        "rates": rate,
        "sides": {
            label: {
                "amount": side.amount or case.amount,
                **_summary(answers[label], answers[ours]),
            }
            for label, side in case.sides.items()
            if answers[label]
        },
        "missing": failed,
    }


def unmeasured(case: Case, reason: str) -> dict[str, Any]:
    """What is kept of a case that no side did."""
    return {"case": case.name, "unit": case.unit, "sides": {}, "missing": dict.fromkeys(case.sides, reason)}  # fmt: skip # noqa: E501


def _summary(answers: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians and extremes of one side, and how far its answers are from the first side's."""
    seconds = [lap for answer in answers for lap in answer.get("laps", [answer["seconds"]])]
    summary = {
        "seconds": median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "first": answers[0].get("first"),
        "apart": _apart(answers[-1], ours[-1]) if ours else None,
    }
    latencies = [t for answer in answers for t in answer.get("latencies", ())]
    if latencies:
        names = ("p50", "p95", "p99")
        summary |= dict(zip(names, map(float, np.percentile(latencies, (50, 95, 99))), strict=True))
    for name in ("peak", "found"):
        if name in answers[-1]:
            summary[name] = answers[-1][name]
    return summary


def _apart(theirs: dict[str, Any], ours: dict[str, Any]) -> float | None:
    """The share of texts that differ, or the largest difference in parts of the largest value."""
    for name in ("tokens", "outputs"):
        a, b = theirs.get(name), ours.get(name)
        if not a or not b:
            continue
        if name == "tokens" or (isinstance(a[0], list) and isinstance(a[0][0], int)):
            return sum(x != y for x, y in zip(a, b, strict=True)) / len(b)
        both = min(len(a), len(b))  # some read fewer texts, the first ones
        x, y = np.asarray(a[:both], "float64"), np.asarray(b[:both], "float64")
        return float(np.abs(x - y).max() / np.abs(y).max())
    return None


def _bound(case: Case, rate: dict[str, float]) -> float | None:
    """The seconds that the machine needs at least, at the rates that were measured."""
    if case.operations is None and case.read is None:
        return None
    return (case.operations or 0) / rate["operations"] + (case.read or 0) / rate["bytes"]


def launch(case: Case, runs: int, place: Path) -> dict[str, Any]:
    """Start a fresh process of each side in turn; of its life, what each part took."""
    lives: dict[str, list[dict[str, float]]] = {label: [] for label in case.sides}
    failed: dict[str, str] = {}
    for i in range(runs + 1):  # the first one fills the caches
        for label, side in case.sides.items():
            if label in failed:
                continue
            try:
                life = _life(case, side, place)
            except (Missing, RuntimeError) as reason:
                failed[label] = str(reason)
                continue
            if i:
                lives[label].append(life)
    return {
        "case": case.name,
        "unit": "s",
        "sides": {
            label: {
                part: {
                    "seconds": median(life[part] for life in found),
                    "least": min(life[part] for life in found),
                    "most": max(life[part] for life in found),
                }
                for part in found[0]
            }
            for label, found in lives.items()
            if found
        },
        "missing": failed,
    }


def _life(case: Case, side: Side, place: Path) -> dict[str, float]:
    told = {**case.told, **side.told}
    command = [str(python_of(side.environment, place)), str(side.program), "--launch"]
    command += [told["path"], told["text"]]
    if "command" in told:
        command = told["command"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=PEERS, env=_variables(side), capture_output=True, text=True)
    whole = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or "it failed").splitlines()[-1])
    parts = json.loads(done.stdout) if "command" not in told else {}
    return {**parts, "whole": whole}


def _variables(side: Side) -> dict[str, str]:
    """This process' variables, less those that older programs stumble over, and the side's own.

    playmask is that of these sources, whichever its Python has installed.
    """
    kept = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "PYTHONPATH")}
    sources = {"PYTHONPATH": str(ROOT / "src")} if side.environment == "playmask" else {}
    return {**kept, **sources, **side.variables}


def plain(case: Case) -> dict[str, Any]:
    """A case as JSON, to be kept beside its results."""
    return asdict(case)
