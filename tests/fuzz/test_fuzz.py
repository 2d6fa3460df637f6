"""No file, however damaged, does more than be refused; and the fuzzer sees it where one does."""

import contextlib
import os
import random
import signal
import time

import numpy as np
import pytest

from fuzz import run, trial
from fuzz.damage import Damage, damage_json
from fuzz.readers import READERS, Reader
from playmask.errors import DataError

TRIES = int(os.environ.get("PLAYMASK_FUZZ", "1000"))
FIXED = 1000  # tries that are the same each time, so that CI is; those beyond change with the day


@pytest.mark.fuzz
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="measures as Linux does")
def test_all_readers(record_property):
    """1,000 tries, or as many as PLAYMASK_FUZZ says."""
    today = int(time.time()) // 86_400
    parts = (0, min(TRIES, FIXED)), (today, max(0, TRIES - FIXED))
    tries = [each for seed, count in parts for each in run.plan(count, seed)]
    start = time.perf_counter()
    outcomes = [*run.fuzz(sorted(tries))]
    for name, value in run.summary(outcomes, time.perf_counter() - start).items():
        record_property(name, value)
    verdicts = {outcome.verdict for outcome in outcomes}
    assert TRIES < 1000 or {outcome.reader for outcome in outcomes} == READERS.keys()
    faults = [f"{count} × {run.described(fault)}" for count, fault in run.kinds(outcomes)]
    assert not faults, f"seeds 0 and {today}:\n" + "\n".join(faults)
    assert verdicts == {"refused", "loaded"}


def refuse(folder, draw):
    raise DataError("no")


def swallow(folder, draw):
    while True:
        with contextlib.suppress(Exception):
            sum(range(1000))


def lacking(folder, draw):
    try:
        np.ones(1 << 40)
    except MemoryError as error:
        raise DataError("damaged") from error


def holding(folder, draw):
    return np.ones(12_000_000).sum()


def running(folder, draw):
    os.system("true")


def planting(folder, draw):
    (folder / "executed").write_text("")


PLANTED = {
    "KeyError at fuzz/test_fuzz.py": lambda folder, draw: {}["x"],
    "TooSlow at": swallow,
    "memory: an allocation failed": lacking,
    "memory: 0.1 GB": holding,
    "effects: os.system": running,
    "executed": planting,
    "wrong values": lambda folder, draw: (folder / "a.txt").read_bytes(),
}
GOOD = b"".join(b"line %d\n" % i for i in range(40))


@pytest.fixture
def plant(monkeypatch):
    """Put a reader into the table that is right only on the good file."""

    def of(read):
        def first(folder, draw):
            good = (folder / "a.txt").read_bytes() == GOOD
            return GOOD if good else read(folder, draw)

        monkeypatch.setitem(READERS, "planted", Reader(lambda: {"a.txt": GOOD}, first, exact=True))
        for cached in (trial.good, trial.right):
            cached.cache_clear()

    monkeypatch.setattr(trial, "SECONDS", 2.0)
    monkeypatch.setattr(trial, "MEMORY", 1 << 26)
    yield of
    for cached in (trial.good, trial.right):
        cached.cache_clear()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_seen(kind, plant, tmp_path):
    plant(PLANTED[kind])
    outcome = trial.attempt("planted", 1, tmp_path)
    assert outcome.verdict == "fault" and outcome.kind.startswith(kind), outcome
    again = run.described(outcome)
    assert "python tests/fuzz/run.py --reader 'planted' --seed 1" in again


def test_what_is_refused_in_a_sentence_is_no_fault(plant, tmp_path):
    plant(refuse)
    outcome = trial.attempt("planted", 1, tmp_path)
    assert (outcome.verdict, outcome.kind, outcome.details) == ("refused", "", "no")


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("os._exit(3)", "the process ended with 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", f"the process ended with {-signal.SIGSEGV}"),
        ("time.sleep(60)", "hangs"),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_fault(end, kind, monkeypatch):
    code = f"""
import os, signal, time
from fuzz import trial
from fuzz.readers import READERS, Reader
def read(folder, draw):
    if (folder / "a.txt").read_bytes() != b"good":
        {end}
READERS["planted"] = Reader(lambda: {{"a.txt": b"good"}}, read)
trial.serve()
"""
    monkeypatch.setattr(run, "SERVER", code)
    monkeypatch.setattr(run, "PATIENCE", 1.0)
    with run.Server() as server:
        assert server.ask("planted", 1).kind == kind


def test_seeds_repeat():
    for name in ("safetensors", "zip", "tokenizer.json, WordPiece", "mentions .csv"):
        one, other = (trial.damaged(name, 5) for _ in range(2))
        assert one == other != trial.damaged(name, 6)
    assert run.plan(200, 3) == run.plan(200, 3) != run.plan(200, 4)
    assert {name for name, _ in run.plan(len(READERS), 0)} == READERS.keys()


def test_json_is_damaged_in_its_values():
    draw = random.Random(0)
    good = b'{"a": {"b": [1, 2, {"c": "d"}]}, "e": null}'
    results = {damage_json(good, draw) for _ in range(400)}
    assert len(results) > 150
    joined = b"".join(results)
    for part in (b"9" * 6000, b"[" * 100_000, b"\\ud800", b"NaN", b"1000"):
        assert part in joined
    assert Damage(b"", "", True).raw
