"""A task that computes nothing, as servers have it, and clients to ask a server with."""

import asyncio
import contextlib
import threading
import time

import httpx2
import numpy as np

from playmask.errors import InputError
from playmask.server.app import create_app
from playmask.server.options import ServerOptions
from playmask.server.served import COMPLETE, EMBED, PREDICT, RERANK, Completion

BAD = "坏"


class Fake:
    """Answers with the length of a text; waits while it is `held`, and notes its batches."""

    def __init__(self, name="fake", pairs=None, threads=1):
        self.name, self.pairs, self.threads = name, pairs, threads
        self.kind, self.size, self.continues = "fake", 2, True
        self.abilities = frozenset({PREDICT, EMBED, RERANK, COMPLETE})
        self.batches, self.warmed, self.stopped = [], threading.Event(), threading.Event()
        self.held, self.warming = threading.Event(), threading.Event()
        self.held.set()
        self.warming.set()

    def tokens(self, rows):
        return [len(row) for row in rows]

    def predict(self, rows, schema=None):
        self.batches.append(list(rows))
        assert self.held.wait(10)
        bad = [i for i, row in enumerate(rows) if row == BAD]
        if bad:
            raise InputError(f"Text {bad[0]} is {BAD}.")
        if "fault" in rows:
            raise RuntimeError("a secret text")
        return [{"score": float(len(row[1] if isinstance(row, tuple) else row))} for row in rows]

    def vectors(self, rows, size=None):
        return [np.array([len(row), 0.1], "float32")[:size] for row in rows]

    def room(self, prompt):
        return 3

    def write(self, prompts, decoding):
        return [Completion(one.text[: decoding.max_tokens], 1, 2, "length") for one in prompts]

    def stream(self, prompt, decoding, stopped):
        for i in range(decoding.max_tokens):
            if stopped():
                self.stopped.set()
                return
            assert self.held.wait(10)
            if prompt.text == BAD and i == 1:
                raise InputError(f"Text 0 is {BAD}.")
            time.sleep(0.001)
            yield Completion(f"{i} ", 1, i + 1, None)
        yield Completion("", 1, decoding.max_tokens, "length")

    def warm(self):
        assert self.warming.wait(10)
        self.warmed.set()


@contextlib.asynccontextmanager
async def asked(*served, keys=None, ready=True, **options):
    """A client of an application in this process, from its start to its end."""
    app = create_app(served, ServerOptions(**options), keys)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    client = httpx2.AsyncClient(transport=transport, base_url="http://server")
    async with app.router.lifespan_context(app), client:
        while ready and (await client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.01)
        yield client


def sentence(response, status=422):
    """The one sentence of a refusal."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"] and error["message"].endswith((".", "?"))
    return error["message"]


async def until(condition):
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
