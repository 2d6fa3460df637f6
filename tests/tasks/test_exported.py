"""Tasks whose network another program runs: they answer as they did, and need no Keras for it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import playmask
from playmask.errors import CheckpointError, ConfigError, InputError, NotFiniteError
from playmask.files import write_json
from playmask.onnx.graph import MODEL
from playmask.runtime.compiled import Compiled
from playmask.tasks.exported import description, load_exported
from playmask.tasks.task_json import TASK
from tasks.every_task import EXPORTED, MAKE, ONE, TEXTS, same, spread

WRITES = ("read-seq2seq", "lm", "seq2seq")  # by a loop of their own
KINDS = [name for name in EXPORTED if name not in WRITES]


class Recorder:
    """Runs a network as an engine does, and keeps what it has said."""

    def __init__(self, network) -> None:
        self.run = Compiled(network, network.exported)
        self.said: list[dict[str, np.ndarray]] = []

    def __call__(self, inputs):
        self.said.append({k: np.asarray(v) for k, v in self.run(inputs).items()})
        return self.said[-1]


class Case(NamedTuple):
    """A task of a kind, the same as it is exported, and where; what runs it, and answers."""

    task: Any
    exported: Any
    folder: Path
    run: Recorder
    texts: list[Any]
    answers: list[Any]


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Callable[[str], Case]:
    @cache
    def of(kind: str) -> Case:
        task, texts = MAKE[kind](), TEXTS.get(kind, ONE)
        spread(task)
        folder = tmp_path_factory.mktemp("exported")
        write_json(folder / TASK, description(task))
        task.tokenizer.save(folder)
        run = Recorder(task.network)
        exported = load_exported(folder, run=run)
        return Case(task, exported, folder, run, texts, exported.predict(texts))

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_task_answers_as_it_did(case, kind):
    """Selected in numpy of all that the network says, in batches of exactly their lengths."""
    one = case(kind)
    same(one.answers, one.task.predict(one.texts))
    assert all(len(each) for each in one.answers[:1] if hasattr(each, "__len__"))
    assert type(one.exported) is type(one.task)


def test_it_is_measured_and_explains_in_a_sentence_what_it_cannot(case):
    one = case("classify")
    examples = [("零一二三", "甲"), ("六七八九", "乙"), ("一二", "乙")]
    same(one.exported.evaluate(examples), one.task.evaluate(examples))
    for use in (lambda: one.exported.fit(examples), lambda: one.exported.save("out")):
        with pytest.raises(ConfigError, match="An exported network has no"):
            use()


def test_rows_are_checked_before_they_run_and_outputs_behind(case):
    one = case("classify")
    count = len(one.run.said)
    wrong = {"tokens": [len(one.task.tokenizer)], "segments": [0]}
    with pytest.raises(InputError, match="tokens holds"):
        one.exported.predictor([wrong])
    assert len(one.run.said) == count
    for kind in ("classify", "span", "tag", "relate casrel", "read", "mlm"):
        name = next(iter(case(kind).run.said[0]))

        def damaged(inputs, kind=kind, name=name):
            outputs = dict(case(kind).run(inputs))
            return outputs | {name: np.full_like(outputs[name], np.nan)}

        with pytest.raises(NotFiniteError):
            load_exported(case(kind).folder, run=damaged).predict(case(kind).texts)


def test_what_is_no_export_is_refused(case, tmp_path):
    one = case("classify")
    with pytest.raises(CheckpointError, match="no task that was exported"):
        load_exported(one.task.save(tmp_path / "saved"))
    for name in (TASK, "tokenizer.json"):
        (tmp_path / name).write_bytes((one.folder / name).read_bytes())
    (tmp_path / MODEL).write_bytes(b"no graph")
    with pytest.raises(ConfigError, match="leave dtype= out"):
        playmask.load_task(tmp_path, dtype="float16")
    with pytest.raises(
        (CheckpointError, ConfigError), match=r"model\.onnx|pip install onnxruntime"
    ):
        playmask.load_task(tmp_path)


ALONE = """
import json, sys
for name in ("keras", "jax", "torch", "tensorflow", "scipy"):
    sys.modules[name] = None  # whoever imports it fails
import numpy as np
from playmask.tasks.exported import load_exported

for folder, texts in json.load(sys.stdin):
    files = iter(range(100))
    run = lambda inputs: dict(np.load(f"{folder}/{next(files)}.npz"))
    texts = [tuple(each) if isinstance(each, list) else each for each in texts]
    print(repr(load_exported(folder, run=run).predict(texts)).replace("\\n", " "))
"""


def test_no_answer_needs_keras(case):
    """In a process where neither Keras nor any backend, nor scipy, can be imported."""
    cases = []
    for one in map(case, KINDS):
        first = len(one.run.said)
        expected = one.exported.predict(one.texts)
        for number, outputs in enumerate(one.run.said[first:]):
            np.savez(one.folder / f"{number}.npz", **outputs)
        cases.append((one, repr(expected).replace("\n", " ")))
    asked = json.dumps([(str(one.folder), one.texts) for one, _ in cases])
    source = str(Path(playmask.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        input=asked,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source, "PYTHONIOENCODING": "utf-8"},
    )
    assert not done.returncode, done.stderr
    assert done.stdout.splitlines() == [answer for _, answer in cases]
