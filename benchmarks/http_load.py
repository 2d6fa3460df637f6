"""Clients of a server over HTTP: what they ask, what came of it, and at which pace they ask."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]


@dataclass
class Work:
    """What is asked: requests as bytes, the right answer of each, and how near it has to be.

    near: by which a probability may differ: batches of other shapes round otherwise
    """

    requests: list[bytes]
    right: list[Answer]
    near: float

    @classmethod
    def of(cls, texts: list[str], right: list[Answer], near: float) -> "Work":
        """A request for each text."""
        bodies = [json.dumps({"texts": [text]}).encode() for text in texts]
        head = "POST /predict HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
        requests = [f"{head}Content-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies]
        return cls(requests, right, near)

    def is_right(self, number: int, body: bytes) -> bool:
        """Whether an answer has the right label, and about the same probabilities."""
        (own,) = json.loads(body)["answers"]
        right = self.right[number]
        return own["label"] == right["label"] and all(
            abs(own["probabilities"][name] - value) < self.near
            for name, value in right["probabilities"].items()
        )


@dataclass
class Counts:
    """What came of requests."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    lost: int = 0

    def summary(self, elapsed: float) -> dict[str, Any]:
        """Rates and delays."""
        delays = sorted(self.seconds) or [0.0]
        p50, p99 = (1000 * delays[min(len(delays) - 1, int(q * len(delays)))] for q in (0.5, 0.99))
        return {
            "answers a second": round(self.statuses[200] / elapsed, 2),
            "p50 ms": round(p50, 1),
            "p99 ms": round(p99, 1),
            "statuses": dict(self.statuses),
            "wrong": self.wrong,
            "lost": self.lost,
        }


async def is_ready(port: int) -> int:
    """The status of /ready, 0 where nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        status, _ = await exchange(reader, writer, b"GET /ready HTTP/1.1\r\nHost: server\r\n\r\n")
        return status
    finally:
        writer.close()


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    """Send a request, and read its status and body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


class Client:
    """A connection that is kept, and made anew where the server has closed it."""

    def __init__(self, port: int, work: Work, counts: Counts) -> None:
        self.port, self.work, self.counts = port, work, counts
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, number: int) -> None:
        """Send a request, and note what comes of it."""
        number %= len(self.work.requests)
        began = time.perf_counter()
        try:
            if self.streams is None or self.streams[0].at_eof():
                self.streams = await asyncio.open_connection("127.0.0.1", self.port)
            status, body = await exchange(*self.streams, self.work.requests[number])
        except (OSError, asyncio.IncompleteReadError):
            self.counts.lost += 1
            self.streams = None
            return
        self.counts.statuses[status] += 1
        if status == 200:
            self.counts.seconds.append(time.perf_counter() - began)
            self.counts.wrong += not self.work.is_right(number, body)


async def closed_loop(port: int, work: Work, clients: int, seconds: float) -> dict[str, Any]:
    """So many clients, each of which asks again when it has its answer."""
    counts, began = Counts(), time.perf_counter()

    async def run(first: int) -> None:
        client, number = Client(port, work, counts), first
        while time.perf_counter() < began + seconds:
            await client.ask(number)
            number += clients

    await asyncio.gather(*map(run, range(clients)))
    return counts.summary(time.perf_counter() - began)


async def open_loop(port: int, work: Work, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a rate, whether or not those before are answered."""
    counts, began, free = Counts(), time.perf_counter(), list[Client]()
    running: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        client = free.pop() if free else Client(port, work, counts)
        await client.ask(number)
        free.append(client)

    number = 0
    while (now := time.perf_counter() - began) < seconds:
        while number < rate * now:
            task = asyncio.ensure_future(one(number))
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)
    return {"sent": number, **counts.summary(time.perf_counter() - began)}


async def in_turn(port: int, work: Work, requests: int) -> list[float]:
    """The seconds of so many requests, one after the other."""
    counts = Counts()
    client = Client(port, work, counts)
    for number in range(requests):
        await client.ask(number)
    return counts.seconds
