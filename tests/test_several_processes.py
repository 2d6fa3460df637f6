"""Several processes that train together, over the loopback."""

import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import playmask
from playmask.checkpoints import safetensors
from playmask.errors import ConfigError
from playmask.files import read_json
from playmask.runtime.peer_processes import HEARTBEAT, BatchShare, OwnRows
from tasks.test_classify import reviews

COMMAND = "from playmask.cli import main; main()"


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    """Start the processes of a training into a folder, one or several."""
    rows = "".join(f"{label}\t{text}\n" for text, label in reviews(18))
    (tmp_path / "a.tsv").write_text("label\ttext\n" + rows, encoding="utf-8")
    line = [sys.executable, "-c", COMMAND, "train", "classify", "a.tsv", "--validation", "a.tsv"]
    line += ["--new", "--width", "16", "--depth", "1", "--attention-heads", "2"]
    line += ["--max-length", "16", "--batch-size", "4", "--epochs", "4", "--seed", "1"]
    running = []

    def processes(out, count, *options, each=()):
        port = free_port()
        for number in range(count):
            own = ("--coordinator", f"127.0.0.1:{port}", "--processes", f"{count}")
            own = (*own, "--process-id", f"{number}") if count > 1 else ()
            whole = [*line, "--out", out, *own, *options, *(each[number] if each else ())]
            with (tmp_path / f"{out}-{number}.log").open("w") as log:
                process = subprocess.Popen(whole, cwd=tmp_path, stdout=log, stderr=log)
            running.append(process)
        return running[-count:]

    yield processes
    for process in running:
        process.kill()
        process.wait()


def end(processes, *, within=200):
    """Their exit codes."""
    limit = time.monotonic() + within
    return [process.wait(max(1.0, limit - time.monotonic())) for process in processes]


def weights_of(folder):
    return {name: np.array(array) for name, array in safetensors.read(folder).items()}


def test_two_processes_learn_what_one_learns(start, tmp_path):
    assert end([*start("one", 1), *start("two", 2)]) == [0, 0, 0]
    one, two = (read_json(tmp_path / name / "training.json") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, atol=1e-5, err_msg=name)
    one, two = (weights_of(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, atol=1e-5, err_msg=name)
    assert "saved in two" in (tmp_path / "two-0.log").read_text()
    assert "saved in" not in (tmp_path / "two-1.log").read_text()


@pytest.mark.whole
def test_one_that_is_killed_costs_at_most_the_interval(start, tmp_path):
    """The other ends with one sentence; both, begun again, end where none would have been lost."""
    assert end(start("unbroken", 2)) == [0, 0]
    first, second = start("broken", 2, "--save-every", "2")
    backups = tmp_path / "broken" / ".playmask-training"
    limit = time.monotonic() + 200
    while not [*backups.glob("epochs-1*")]:
        assert time.monotonic() < limit and first.poll() is None
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    begin = time.monotonic()
    assert end([first], within=HEARTBEAT + 5) == [3] and time.monotonic() - begin < HEARTBEAT + 5
    assert "playmask: Another of the 2 processes has ended" in (
        (tmp_path / "broken-0.log").read_text()
    )
    assert end(start("broken", 2, "--resume")) == [0, 0]
    one, two = (weights_of(tmp_path / n / "weights.safetensors") for n in ("unbroken", "broken"))
    assert all(np.array_equal(two[name], array) for name, array in one.items())


def test_processes_that_do_not_train_the_same_say_so(start, tmp_path):
    rates = ("--learning-rate", "0.01"), ("--learning-rate", "0.02")
    assert end(start("apart", 2, each=rates), within=100) == [3, 3]
    for number in range(2):
        log = (tmp_path / f"apart-{number}.log").read_text()
        assert "playmask: The processes differ in the options of the training" in log
    assert not (tmp_path / "apart" / "weights.safetensors").exists()


def test_of_each_batch_the_rows_are_split():
    batches = [({"tokens": np.arange(12).reshape(4, 3)}, np.arange(4), None)]
    parts = [OwnRows(batches, BatchShare(part, 2))[0] for part in (0, 1)]
    whole = np.concatenate([part[0]["tokens"] for part in parts])
    np.testing.assert_array_equal(whole, batches[0][0]["tokens"])
    assert [part[1].tolist() for part in parts] == [[0, 1], [2, 3]]


def test_a_coordinator_needs_to_know_how_many():
    for options in ({}, {"processes": 2}, {"processes": 2, "process_id": 2}):
        with pytest.raises(ConfigError, match="needs processes"):
            playmask.distribute(coordinator="127.0.0.1:1", **options)
