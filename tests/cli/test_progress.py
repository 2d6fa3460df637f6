"""How far a command is: a bar on a terminal alone, which compilation does not slow down."""

import io
import sys

import numpy as np
import pytest
from rich.progress import Progress

import playmask
from cli.commands import call, reviews
from documents import ROOT
from playmask.cli.actions import progress
from playmask.cli.actions.progress import Pace, items_done, steps
from playmask.cli.bars import waiting
from playmask.runtime.batch_progress import BatchProgress, listening

ENCODER = ROOT / "tests" / "oracles" / "sentence_transformers" / "cls_normalize"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pace_leaves_compilation_out():
    clock = iter([0.0, 1.0, 21.0, 22.0, 24.0, 24.0])
    pace = Pace(300, lambda: next(clock))
    pace.group(100)
    pace.batch(BatchProgress(0, 200, shape=1, shapes=2))
    assert pace.state == "compiling 1 of 2 shapes" and pace.left is None
    pace.batch(BatchProgress(50, 200, 0, 2, compiled=True))
    assert (pace.done, pace.left, pace.state) == (25, None, "")
    pace.batch(BatchProgress(100, 200, 0, 2))
    assert pace.done == 50 and pace.left == pytest.approx(250 / 25) and pace.state == "10 s left"
    pace.batch(BatchProgress(200, 200, 0, 2))
    assert pace.done == 100 and pace.left == pytest.approx(200 / 25)
    pace.group(200)
    pace.batch(BatchProgress(0, 8, 0, 0))
    assert pace.done == 100


def test_a_predictor_tells_of_its_batches(monkeypatch):
    architecture = playmask.architecture("bert").change(
        vocabulary=32, width=16, depth=1, attention_heads=2, inner=16
    )
    predictor = playmask.Predictor(playmask.build(architecture), limits={"tokens": 32}, tokens=64)
    rows = [{"tokens": np.full(length, 5)} for length in (4, 4, 30, 30, 30, 30, 30, 4)]
    events = []
    with listening(events.append):
        predictor(rows)
    shapes = events[-1].shapes
    assert shapes and sorted(e.shape for e in events if e.shape) == [*range(1, shapes + 1)]
    assert sum(e.compiled for e in events) == shapes
    ends = [e for e in events if not e.shape]
    assert ends[-1].done == ends[-1].rows == len(rows)
    events.clear()
    predictor(rows)
    assert not events
    with listening(events.append):
        predictor(rows)
    assert events and not any(e.shape or e.compiled for e in events)


def test_bars_are_on_terminals_alone(monkeypatch):
    for terminal, other, results, shown in (
        (False, False, False, False),
        (True, False, True, True),
        (True, True, True, False),
        (True, True, False, True),
    ):
        error = Terminal() if terminal else io.StringIO()
        monkeypatch.setattr(sys, "stderr", error)
        monkeypatch.setattr(sys, "stdout", out := Terminal() if other else io.StringIO())
        with items_done("texts", 10, results=results) as pace:
            pace.group(10)
            print("a result")
        with waiting("pruning…", results=results):
            pass
        assert out.getvalue() == "a result\n"
        assert ("texts" in error.getvalue() and "pruning…" in error.getvalue()) is shown
        assert shown or not error.getvalue()


def test_predictions_move_the_bar(task, tmp_path, monkeypatch):
    paces = []
    monkeypatch.setattr(progress, "Pace", lambda *a: paces.append(Pace(*a)) or paces[-1])
    file = tmp_path / "a.txt"
    file.write_text("这书真好\n" * 20, encoding="utf-8")
    result = call("predict", task, file)
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 20
    assert not result.stderr
    assert [(pace.total, pace.before + pace.size) for pace in paces] == [(20, 20)]


def test_an_encoder_at_work_on_a_file_moves_the_bar(tmp_path, monkeypatch):
    paces = []
    monkeypatch.setattr(progress, "Pace", lambda *a: paces.append(Pace(*a)) or paces[-1])
    file = tmp_path / "a.txt"
    file.write_text("".join(f"{text}\n" for text, _ in reviews(8)) * 2, encoding="utf-8")
    result = call("whiten", ENCODER, file, tmp_path / "white", "--size", 2)
    assert result.exit_code == 0 and "learnt from 8 texts" in result.stderr
    assert [(pace.total, pace.before + pace.size) for pace in paces] == [(8, 8)]


def test_generation_tells_of_its_batches():
    architecture = playmask.architecture("bert").change(
        vocabulary=32, width=16, depth=1, attention_heads=2, inner=16, order="lm"
    )
    model, events = playmask.build(architecture, "mlm"), []
    with listening(events.append):
        playmask.generate(model, [[5, 6]] * 5, max_tokens=2, end=None, batch_size=2)
    assert [(e.done, e.rows) for e in events] == [(2, 5), (4, 5), (5, 5)]
    assert events[0].compiled and not events[1].compiled


def test_steps_say_what_is_done_and_what_is_left(monkeypatch):
    clock = iter([0.0, 3.0, 13.0, 14.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    states = []
    monkeypatch.setattr(Progress, "update", lambda *_, **new: states.append(new))
    for error in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", error)
        with steps("loading…", "saving…", "comparing…") as step:
            for _ in range(3):
                step()
    assert [(s["completed"], s["description"], s["state"]) for s in states] == [
        (0, "loading…", ""),
        (1, "saving…", "26 s left"),
        (2, "comparing…", "7.0 s left"),
    ]


def test_steps_are_on_terminals_alone(monkeypatch):
    for error, shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", error)
        with steps("loading…", "saving…") as step:
            step()
            step()
        assert ("saving…" in error.getvalue()) is shown and bool(error.getvalue()) is shown
