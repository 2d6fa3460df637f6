"""Servers as processes: their start, their end by a signal, and the death of one of several."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from cli.commands import call, complaint

CLIENT = httpx2.Client(verify=False)  # no certificates are read
SCRIPT = Path(__file__).with_name("fake_processes.py")


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


@contextmanager
def started(workers, name="fake"):
    """A server's process, and its address."""
    port = free_port()
    command = [sys.executable, str(SCRIPT), str(port), str(workers), name]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(process, address):
    for _ in range(600):
        assert process.poll() is None, process.communicate()
        try:
            if CLIENT.get(f"{address}/ready", timeout=30).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("it is never ready")


def ask(address, text="a"):
    headers = {"Connection": "close"}  # each on one of its own, which any process may take
    body = {"texts": [text]}
    answer = CLIENT.post(f"{address}/predict", json=body, timeout=30, headers=headers)
    assert answer.status_code == 200, answer.text
    (fields,) = answer.json()["answers"]
    assert fields["text"] == text
    return fields["process"]


def taken(address):
    """How many texts a server has taken: those that wait, one that runs, and those that ran."""
    lines = CLIENT.get(f"{address}/metrics", timeout=30).text.splitlines()
    numbers = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    names = ("playmask_queue_texts", "playmask_batch_texts_sum")
    return 1 + sum(float(numbers.get(f'{name}{{task="fake"}}', 0)) for name in names)


def test_a_signal_ends_it_when_what_was_taken_is_answered():
    with started(1) as (process, address), ThreadPoolExecutor(32) as pool:
        wait_until_ready(process, address)
        answers = [pool.submit(ask, address, str(i)) for i in range(32)]
        while taken(address) < 32:
            time.sleep(0.01)
        assert sum(each.done() for each in answers) < 32
        process.send_signal(signal.SIGTERM)
        assert {each.result() for each in answers} == {process.pid}  # 32 answers, none lost
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        lines = [json.loads(line) for line in errors.splitlines()]
        assert [line["status"] for line in lines if line.get("path") == "/predict"] == [200] * 32


def test_a_head_that_does_not_end_is_refused():
    """Whichever parsers are installed: one of them would hold it in memory as long as it comes."""
    with started(1) as (process, address):
        wait_until_ready(process, address)
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 30) as client:
            client.sendall(b"GET /ready HTTP/1.1\r\n" + b"X-Long: " + b"a" * 100_000)
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        assert CLIENT.get(f"{address}/ready", timeout=30).status_code == 200


def test_a_process_that_is_killed_is_replaced_while_others_answer():
    with started(2) as (process, address):
        wait_until_ready(process, address)
        first = processes_that_answer(address, 2)
        killed = first.pop()
        os.kill(killed, signal.SIGKILL)
        time.sleep(0.1)  # its connections are closed
        assert {ask(address) for _ in range(8)} == first
        both = processes_that_answer(address, 2)
        assert killed not in both and first < both
        metrics = CLIENT.get(f"{address}/metrics", timeout=30).text
        assert "playmask_ready 2.0" in metrics  # of both processes, and not of the dead one
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
        for each in both:
            with pytest.raises(ProcessLookupError):
                os.kill(each, 0)


def processes_that_answer(address, count):
    """The processes behind an address, as soon as there are so many."""
    seen = set()
    for _ in range(600):
        seen.add(ask(address))
        if len(seen) == count:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"only {seen} answer")


def test_workers_that_cannot_load_their_task_end_it_with_a_sentence():
    with started(2, "none") as (process, _):
        _, errors = process.communicate(timeout=60)
        assert process.returncode != 0 and "There is no task." in errors


def test_workers_end_with_the_process_that_started_them():
    with started(2) as (process, address):
        wait_until_ready(process, address)
        workers = processes_that_answer(address, 1)
        process.kill()
        process.wait()
        for _ in range(400):
            if not any(map(alive, workers)):
                return
            time.sleep(0.05)
        raise AssertionError("workers live on")


def alive(process):
    """Whether a process runs; one that has ended may wait for nobody to ask how."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def test_the_command_refuses_in_a_sentence(tmp_path, monkeypatch):
    task = tmp_path / "reviews"
    task.mkdir()
    assert complaint(call("serve", tmp_path / "none")) == f"There is no folder {tmp_path / 'none'}."
    assert "Two tasks are called 'reviews'" in complaint(call("serve", task, task))
    assert "--port is 70000; at most 65535 is due" in complaint(
        call("serve", task, "--port", 70_000)
    )
    assert "There is no task in" in complaint(call("serve", f"a={task}"))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "playmask.server.workers", raising=False)
    assert "pip install 'playmask[serve]'" in complaint(call("serve", task))
