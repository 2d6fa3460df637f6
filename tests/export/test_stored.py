"""Tasks that an earlier version exported answer as they did, also without Keras."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import playmask
from export.store import KINDS, close, stored_answers

pytest.importorskip("onnxruntime")
ALONE = """
import sys
for name in ("keras", "jax", "torch", "tensorflow", "scipy"):
    sys.modules[name] = None  # whoever imports it fails
from export.store import close, stored_answers
from playmask.tasks.exported import load_exported
for kind, now, before in stored_answers(load_exported):
    print(kind, close(now, before))
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
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.splitlines() == [f"{kind} True" for kind in KINDS], done.stderr
