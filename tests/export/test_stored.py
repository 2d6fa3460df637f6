"""Tasks that an earlier version exported answer as they did, also without Keras."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import playmask
from export.store import KINDS, STORED, close, stored_answers

pytest.importorskip("onnxruntime")
ALONE = """
import sys
for name in ("keras", "jax", "torch", "tensorflow", "scipy"):
    sys.modules[name] = None  # whoever imports it fails
from export.store import STORED, close, stored_answers
from playmask.server.served import Decoding, Prompt
from playmask.server.task_served import ServedTask
from playmask.tasks.exported import load_exported
for kind, now, before in stored_answers(load_exported):
    print(kind, close(now, before))
task = load_exported(STORED / "lm")
served, prompt, decoding = ServedTask("lm", task), Prompt("六七八九", 5), Decoding(6, 0.9, 0.8)
(whole,) = served.write([prompt], decoding)
pieces = served.stream(prompt, decoding, lambda: False)
print(whole.text, "".join(piece.text for piece in pieces))
"""


def test_stored_tasks_answer_as_they_did():
    answers = [*stored_answers(playmask.load_exported)]
    assert [kind for kind, *_ in answers] == [*KINDS]
    for kind, now, before in answers:
        assert close(now, before), kind
        assert not close(now, before[:-1])


def test_no_answer_needs_keras():
    """Texts that are written among them, by every kind of search."""
    source = Path(playmask.__file__).parents[1]
    paths = os.pathsep.join(map(str, (source, Path(__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
    )
    *stored, served = done.stdout.splitlines() or [done.stderr]
    assert stored == [f"{kind} True" for kind in KINDS], done.stderr
    drawn = playmask.Sample(temperature=0.9, top_p=0.8)
    task = playmask.load_exported(STORED / "lm")
    text = task.predict("六七八九", max_tokens=6, search=drawn, seed=5)
    assert text and served == f"{text} {text}", done.stderr
