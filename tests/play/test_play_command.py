"""`playmask play` as a process: zh-small comes along, and Ctrl-C ends it."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import keras
import pytest

from cli.commands import call, complaint, start

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="one backend is enough")


def read(address: str, server) -> dict:
    """The state of a page, once it is served."""
    for _ in range(600):
        assert server.poll() is None, server.stderr.read()
        try:
            with urllib.request.urlopen(f"{address}/ask/state") as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"{address} is not served.")


def test_it_serves_the_built_in_model_until_it_is_ended():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    server = start("play", "--port", port)
    try:
        state = read(f"http://127.0.0.1:{port}", server)
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0 and f"http://127.0.0.1:{port}  (Ctrl-C ends it)" in said
    assert [(each["name"], each["kind"]) for each in state["tasks"]] == [
        ("zh-small [MASK]", "mask-fill"), ("zh-small", "similar")
    ]  # fmt: skip
    assert all({"look", "explain"} <= {*each["abilities"]} for each in state["tasks"])


def test_what_cannot_be_served_is_said(tmp_path):
    assert complaint(call("play", tmp_path / "none")) == f"There is no folder {tmp_path / 'none'}."
    assert call("play", "--port", 0).exit_code == 2
