"""Several processes that train together, over the loopback."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import on_processes
import playmask
from playmask.checkpoints import safetensors
from playmask.errors import ConfigError, ProcessError
from playmask.files import read_json, write_json
from playmask.model.recipes import to_json
from playmask.runtime import peer_processes
from playmask.runtime.peer_processes import HEARTBEAT, BatchShare, OwnRows, own_share
from playmask.runtime.train.backup import BACKUP
from pretraining.pretrainings import DOCUMENTS, WORDS, pretraining
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


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process on one device says and comes to, and a training that it has begun."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "texts.txt").write_text("\n\n".join(DOCUMENTS), encoding="utf-8")
    task, history, weights = on_processes.trained(folder / "whole")
    on_processes.trained(folder / "begun", stop=2)
    pretrained, losses = on_processes.pretrained(folder)
    said = {"history": history, "pretraining": losses, "answers": on_processes.answers_of(task)}
    own = on_processes.weights_of(pretrained.network)
    return folder, said, {"whole": weights, "resumed": weights, "pretraining": own}


@pytest.fixture(scope="module")
def both(alone, tmp_path_factory):
    """What each of two processes says and comes to."""
    folder, port = tmp_path_factory.mktemp("both"), str(free_port())
    for name in ("whole", "late"):
        shutil.copytree(alone[0] / "begun", folder / name)
    shutil.copy(alone[0] / "texts.txt", folder)
    flags = "--xla_force_host_platform_device_count=2 " + os.environ["XLA_FLAGS"]
    running = [
        subprocess.Popen(
            [sys.executable, on_processes.__file__, str(number), port, folder],
            stderr=subprocess.PIPE, text=True, env=os.environ | {"XLA_FLAGS": flags},
        )
        for number in (0, 1)
    ]  # fmt: skip
    errors = [process.communicate(timeout=400)[1][-3000:] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    said = [json.loads((folder / f"{number}.json").read_text()) for number in (0, 1)]
    return folder, said, [dict(np.load(folder / f"{number}.npz")) for number in (0, 1)]


def assert_close(one, two):
    """Histories, or arrays, are within 1e-5."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        one, two = ([x[name] for name in sorted(x)] for x in (one, two))
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["whole", "resumed", "pretraining"])
def test_what_processes_learn_together_one_learns(alone, both, name):
    """A model that both hold, begun on one device; resumed; a pretraining by rows of each."""
    for weights in both[2]:
        assert_close(weights[name], alone[2][name])


def test_what_processes_measure_and_predict_one_does(alone, both):
    folder, said, _ = both
    for name in ("history", "answers", "pretraining"):
        for words in said:
            assert_close(words[name], alone[1][name])
    assert np.abs(np.subtract(*(words["answers"] for words in said))).max() < 1e-6
    assert "transformer/blocks/0/attention/query/kernel" in said[0]["split"]
    answers = on_processes.answers_of(playmask.load_task(folder / "whole"))  # written by the first
    assert_close(answers, alone[1]["answers"])


def test_shards_are_gone_on_from_on_the_same_devices_and_on_others(alone, both):
    """Time was over at the same update in both, by the first one's clock."""
    folder, said, weights = both
    for words, own in zip(said, weights, strict=True):
        assert words["stopped"] == [1, 1]
        assert sorted(words["files"]) == [".npz", ".orbax", ".sha256"]
        assert np.array_equal(own["resumed"], own["whole"])  # bit for bit
    *_, left = on_processes.trained(folder / "left", resume=True)
    assert_close(left, alone[2]["whole"])
    assert not (folder / "left" / BACKUP).exists()


@pytest.mark.whole
def test_what_only_the_first_one_finds_out_ends_all(tmp_path):
    """A line of a corpus that is none: the first one says so, and the others that it failed."""
    (tmp_path / "a.jsonl").write_text("{", encoding="utf-8")
    architecture = pretraining("mlm").transformer.architecture
    write_json(tmp_path / "architecture.json", to_json(architecture))
    WORDS.save(tmp_path)
    line = [sys.executable, "-c", COMMAND, "pretrain", "mlm", "a.jsonl", "--out", "out"]
    line += ["--architecture", "architecture.json", "--tokenizer", ".", "--max-length", "16"]
    line += ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--process-id"]
    running = [
        subprocess.Popen([*line, f"{number}"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for number in (0, 1)
    ]
    errors = [process.communicate(timeout=200)[1] for process in running]
    assert [process.returncode for process in running] == [2, 3], errors
    assert "playmask: a.jsonl:1: The line is not JSON" in errors[0]
    assert "playmask: The first process could not finish tokenising" in errors[1]


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


@pytest.mark.parametrize(
    ("replicas", "parts"), [(8, [0, 1, 2, 3]), (4, [0, 1, 2, 3]), (2, [0, 0, 1, 1]), (1, [0] * 4)]
)
def test_processes_that_hold_one_model_have_the_same_rows(monkeypatch, replicas, parts):
    """Of four processes; a process may hold several replicas of the model, or a part of one."""
    monkeypatch.setattr(peer_processes, "peers", lambda: 4)
    distribution = SimpleNamespace(num_model_replicas=replicas)
    monkeypatch.setattr(keras.distribution, "distribution", lambda: distribution)
    shares = []
    for number in range(4):
        monkeypatch.setattr("jax.process_index", lambda number=number: number)
        shares.append(own_share())
    assert shares == [BatchShare(part, min(4, replicas)) for part in parts]


def test_a_coordinator_needs_to_know_how_many():
    for options in ({}, {"processes": 2}, {"processes": 2, "process_id": 2}):
        with pytest.raises(ConfigError, match="needs processes"):
            playmask.distribute(coordinator="127.0.0.1:1", **options)


@pytest.mark.parametrize(
    "address",
    ["nonsense", "host:", ":1234", "host:0", "host:70000", "host:12a", "::1:1234", "a b:-1"],
)
def test_a_coordinator_is_a_host_and_a_port(address):
    with pytest.raises(ConfigError, match=r"is no HOST:PORT, such as 10\.0\.0\.1:1234"):
        playmask.distribute(coordinator=address, processes=2, process_id=1)


def test_a_process_waits_for_the_first_one_for_a_bounded_time(monkeypatch):
    monkeypatch.setattr(peer_processes, "NOTED", 0.05)
    monkeypatch.setattr(peer_processes, "MEETING", 0.5)
    port = free_port()
    with (
        pytest.warns(UserWarning, match=f"waiting for process 0 at 127.0.0.1:{port}"),
        pytest.raises(ProcessError, match=f"Nobody listens at 127.0.0.1:{port} "),
    ):
        playmask.distribute(coordinator=f"127.0.0.1:{port}", processes=2, process_id=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_process_goes_on_once_the_first_one_listens(host, monkeypatch):
    """JAX is asked no earlier, with the address as it was given."""
    asked = []
    monkeypatch.setattr("jax.distributed.initialize", lambda **known: asked.append(known))
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda seed: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{host}:{server.getsockname()[1]}"
        peer_processes.connect(address, 2, 1)
    assert [each["coordinator_address"] for each in asked] == [address]
