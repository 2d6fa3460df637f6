"""Models in other processes: a forked one says what to do, a spawned one gets a pickle."""

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import playmask
from comparing import error, numpy_of, tiny
from families.small import small
from playmask.errors import ConfigError
from tasks.made_up import model, tokenizer

pytestmark = pytest.mark.backends

WORDS = tokenizer()
TEXTS = ["零一二", "三四"]

FORK = """
import os, sys, threading
sys.path.insert(0, {tests!r})
import numpy as np, playmask
from comparing import tiny
from playmask.errors import BusyError

def use():
    model = tiny()
    run = playmask.Predictor(model)
    batch = {{"tokens": np.array([[1, 2]], "int32")}}
    return {{
        "predict": lambda: run([{{"tokens": [1, 2]}}]),
        "call": lambda: model(batch),
        "build": tiny,
        "load": lambda: playmask.load({checkpoint!r}),
        "train": lambda: playmask.Predictor(model),
    }}

uses = use()
if {before!r}:
    uses["predict"]()
for name, again in uses.items():
    child = os.fork()
    if not child:
        try:
            again()
        except BusyError as error:
            print(name, "told:", error, flush=True)
        else:
            print(name, "ran", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""

CHECKPOINT = str(Path(__file__).parent / "oracles" / "bert4keras" / "bert_encoder")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are POSIX's")


def ended(script: str, seconds: float) -> str:
    """What a script prints; it is killed with its children when it takes longer."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, problems = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError("a forked process waits for ever") from None
    assert not process.returncode, problems
    return output


@needs_fork
@pytest.mark.parametrize("before", [True, False])
def test_a_process_forked_after_a_model_was_made_says_what_to_do(before):
    """Without the check, its computation waits for threads that are not there."""
    script = FORK.format(tests=str(Path(__file__).parent), checkpoint=CHECKPOINT, before=before)
    lines = ended(script, 120).splitlines()
    assert [line.split(" ", 2)[:2] for line in lines] == [
        ["predict", "told:"], ["call", "told:"], ["build", "told:"], ["load", "told:"],
        ["train", "ran"],
    ]  # fmt: skip
    for line in lines[:-1]:
        assert "forked" in line and "load models in each worker" in line and "spawn" in line


@pytest.mark.backends("torch")
@needs_fork
def test_a_process_forked_before_computes():
    """As with gunicorn without --preload, or where each worker loads after the fork."""
    script = (
        "import os, playmask\n"
        "child = os.fork()\n"
        "if not child:\n"
        f"    model = playmask.load({CHECKPOINT!r})\n"
        "    print(len(playmask.Predictor(model)([{'tokens': [1, 2]}])), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    assert ended(script, 120) == "1\n"


@needs_fork
def test_a_forked_process_says_it_within_a_second():
    playmask.Predictor(tiny())([{"tokens": [1]}])
    run = playmask.Predictor(tiny())
    inside, outside = os.pipe()
    begin = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python and JAX warn of any fork
        child = os.fork()
        if not child:
            try:
                run([{"tokens": [1]}])
            except playmask.PlaymaskError as told:
                os.write(outside, type(told).__name__.encode())
            finally:
                os._exit(0)
    while time.monotonic() < begin + 1 and not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(0.01)
    taken = time.monotonic() - begin
    os.close(outside)
    assert os.read(inside, 99) == b"BusyError"
    os.close(inside)
    assert taken < 1


def classifier(**options: Any) -> playmask.TextClassifier:
    return playmask.TextClassifier.new(
        model(WORDS, depth=1, **options), ["even", "odd"], tokenizer=WORDS, max_length=16
    )


def answers(task: playmask.TextClassifier) -> list[Any]:
    return [(one.label, *one.probabilities.values()) for one in task.predict(TEXTS)]


@pytest.mark.backends("torch")
@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_a_task_is_pickled_as_it_is_now(how, tmp_path):
    """By value: neither the directory it came from counts, nor what becomes of it later."""
    task = playmask.load_task(classifier().save(tmp_path))
    data = [(text, "even") for text in TEXTS] + [("九", "odd")]
    task.fit(data, epochs=3, batch_size=3, learning_rate=1e-2, verbose=0)
    before = answers(task)
    again = pickle.loads(pickle.dumps(task)) if how == "pickle" else copy.deepcopy(task)
    task.fit(data, epochs=3, batch_size=3, learning_rate=1e-1, verbose=0)
    assert answers(task) != before
    assert type(again) is playmask.TextClassifier
    assert again.settings == task.settings and again.training.learning_rate == 1e-2
    np.testing.assert_allclose([x[1:] for x in answers(again)], [x[1:] for x in before], rtol=1e-6)
    saved = playmask.load_task(again.save(tmp_path / "again"))
    np.testing.assert_allclose([x[1:] for x in answers(saved)], [x[1:] for x in before], rtol=1e-6)


@pytest.mark.backends("tensorflow")
def test_a_task_is_pickled_for_a_spawned_process():
    task = classifier()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply_async(answers, [task]).get(120)
    np.testing.assert_allclose([x[1:] for x in there], [x[1:] for x in answers(task)], rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "t5", "gau_alpha"])
def test_a_model_is_pickled_with_its_tokenizer_and_report(family):
    one = playmask.build(small(family), "mlm")
    one.tokenizer, one.report = WORDS, "report"
    again = pickle.loads(pickle.dumps(one))
    assert (again.tokenizer.vocabulary, again.report) == (WORDS.vocabulary, "report")
    assert again.architecture == one.architecture and again.head_names == one.head_names
    for mine, other in zip(one.weights, again.weights, strict=True):
        np.testing.assert_array_equal(numpy_of(mine.value), numpy_of(other.value))


def test_a_loaded_model_is_pickled_with_all_it_has():
    one = playmask.load(CHECKPOINT)
    again = pickle.loads(pickle.dumps(one))
    assert again.report == one.report
    inputs = {"tokens": np.array([[1, 2, 3]], "int32")}
    assert error(again(inputs)["hidden"], numpy_of(one(inputs)["hidden"])) < 1e-6


def test_a_quantised_task_is_not_pickled():
    task = classifier()
    task.transformer.quantize("int8")
    with pytest.raises(ConfigError, match="int8"):
        pickle.dumps(task)
