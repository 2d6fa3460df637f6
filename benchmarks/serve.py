"""How many requests a server answers, how late, and what it does with three times as many.

    python benchmarks/serve.py [--seconds 20] [--rounds 3] [--clients 1,16,64] [--overload 60]
    python benchmarks/serve.py --task runs/reviews --texts reviews.txt --cores 0

A classifier of 6 blocks of width 384 with random weights (or a saved task) is served twice, with
batches and with one text at a time, and asked in turns by so many clients that each wait for their
answer. Then requests come at three times the rate that was reached, whoever waits; and at last
SIGTERM comes while 64 are in flight. Every answer is compared with that of `task.predict`. The
clients share the machine with the servers: --cores puts the servers on some, clients on the others.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEAR = 2e-5  # by which a probability may differ: batches of other shapes round otherwise
Answer = dict[str, Any]


@dataclass
class Work:
    """What is asked: requests as bytes, and the right answer of each."""

    requests: list[bytes]
    right: list[Answer]


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


def small_task(folder: Path, *, smoke: bool) -> Path:
    """A classifier with random weights."""
    import playmask

    letters = [chr(0x4E00 + i) for i in range(3000)]
    tokenizer = playmask.Tokenizer.from_texts(["".join(letters)], size=3100, minimum=1)
    sizes = (32, 1, 2, 64) if smoke else (384, 6, 12, 1536)
    names = ("width", "depth", "attention_heads", "inner")
    architecture = playmask.architecture("bert").change(
        vocabulary=len(tokenizer), pad=tokenizer.pad, **dict(zip(names, sizes, strict=True))
    )
    task = playmask.TextClassifier.new(
        playmask.build(architecture), ["bad", "good"], tokenizer=tokenizer,
        max_length=32 if smoke else 128,
    )  # fmt: skip
    return task.save(folder / "task")


def made_up(count: int, longest: int) -> list[str]:
    """Texts about as long as reviews are: most are short, few are long."""
    draw = random.Random(0)
    sizes = [max(2, min(longest, int(draw.lognormvariate(3.3, 0.8)))) for _ in range(count)]
    return ["".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(size)) for size in sizes]


def work_of(path: Path, texts: list[str]) -> Work:
    """The requests of some texts, and what the task answers to them."""
    import playmask
    from playmask.data.examples import Example

    task = playmask.load_task(path)
    answers = task.predict(texts)
    both = zip(texts, answers, strict=True)
    right = [task.answer_json(Example(text), answer) for text, answer in both]
    bodies = [json.dumps({"texts": [text]}).encode() for text in texts]
    head = "POST /predict HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
    return Work([f"{head}Content-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies], right)


@contextmanager
def served(path: Path, cores: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server's process, ready, and its port."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    program = [sys.executable, "-c", "from playmask.cli import main; main()"]
    command = [*program, "serve", str(path), "--port", str(port), *options]
    if cores:
        command = ["taskset", "-c", cores, *command]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while asyncio.run(is_ready(port)) != 200:
            if process.poll() is not None:
                sys.exit("The server has ended.")
            time.sleep(0.1)
        yield process, port
    finally:
        process.kill()
        process.wait()


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


def is_right(body: bytes, right: Answer) -> bool:
    """Whether an answer is the task's: the same label, and about the same probabilities."""
    (own,) = json.loads(body)["answers"]
    return own["label"] == right["label"] and all(
        abs(own["probabilities"][name] - value) < NEAR
        for name, value in right["probabilities"].items()
    )


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
            if self.streams is None:
                self.streams = await asyncio.open_connection("127.0.0.1", self.port)
            status, body = await exchange(*self.streams, self.work.requests[number])
        except (OSError, asyncio.IncompleteReadError):
            self.counts.lost += 1
            self.streams = None
            return
        self.counts.statuses[status] += 1
        if status == 200:
            self.counts.seconds.append(time.perf_counter() - began)
            self.counts.wrong += not is_right(body, self.work.right[number])


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


async def ended(process: subprocess.Popen[bytes], port: int, work: Work) -> dict[str, Any]:
    """SIGTERM while 64 requests are in flight."""
    counts = Counts()
    asks = [asyncio.ensure_future(Client(port, work, counts).ask(number)) for number in range(64)]
    while not counts.statuses:
        await asyncio.sleep(0.001)
    answered = sum(counts.statuses.values())
    process.send_signal(signal.SIGTERM)
    await asyncio.gather(*asks)
    code = await asyncio.to_thread(process.wait, 60)
    return {"before SIGTERM": answered, **counts.summary(1.0), "exit": code}


def memory(process: subprocess.Popen[bytes]) -> float:
    """What a process holds, in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


def measure(path: Path, work: Work, options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    clients = [int(each) for each in options.clients.split(",")]
    modes: dict[str, tuple[str, ...]] = {"batches": (), "one at a time": ("--max-batch", "1")}
    rows: dict[str, dict[int, list[dict[str, Any]]]] = {
        mode: {n: [] for n in clients} for mode in modes
    }
    with (
        served(path, options.cores, "--timeout", "120") as (process, port),
        served(path, options.cores, "--timeout", "120", *modes["one at a time"]) as (_, other),
    ):
        for _ in range(options.rounds):
            for n in clients:
                for mode, own in zip(modes, (port, other), strict=True):
                    done = asyncio.run(closed_loop(own, work, n, options.seconds))
                    print(mode, n, done, file=sys.stderr, flush=True)
                    rows[mode][n].append(done)
        best = max(
            statistics.median(each["answers a second"] for each in runs)
            for runs in rows["batches"].values()
        )
        before = memory(process)
        overload = asyncio.run(open_loop(port, work, 3 * best, options.overload))
        half = memory(process)
        again = asyncio.run(open_loop(port, work, 3 * best, options.overload))
        held = {"before": before, "after": half, "after as much again": memory(process)}
        return {
            "closed loop": rows,
            "capacity": best,
            "overload, 3 ×": [overload, again],
            "memory, MB": held,
            "SIGTERM": asyncio.run(ended(process, port, work)),
        }


def table(rows: dict[str, dict[int, list[dict[str, Any]]]]) -> str:
    """Medians, as Markdown."""
    lines = [
        "| clients | | answers/s | p50 ms | p99 ms | wrong |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for n in next(iter(rows.values())):
        for mode, runs in rows.items():
            names = ("answers a second", "p50 ms", "p99 ms")
            cells = [f"{statistics.median(each[name] for each in runs[n]):.1f}" for name in names]
            wrong = sum(each["wrong"] + each["lost"] for each in runs[n])
            lines.append(f"| {n} | {mode} | {' | '.join(cells)} | {wrong} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", type=Path, help="a saved classifier; default: random weights")
    parser.add_argument("--texts", type=Path, help="a text a line; default: made up")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--overload", type=float, default=60)
    parser.add_argument("--cores", default="", help="of the servers, such as 0")
    parser.add_argument("--smoke", action="store_true", help="a little of it, with a tiny model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.smoke:
        options.seconds, options.rounds, options.overload = 1.0, 1, 1.0
    if options.cores:
        mine = sorted({*range(os.cpu_count() or 1)} - {int(c) for c in options.cores.split(",")})
        os.sched_setaffinity(0, mine)
    with tempfile.TemporaryDirectory() as folder:
        path = options.task or small_task(Path(folder), smoke=options.smoke)
        lines = options.texts.read_text("utf-8").splitlines() if options.texts else ()
        texts = [line for line in lines if line.strip()][:2000] or made_up(500, 120)
        results = measure(path, work_of(path, texts), options)
    print(table(results["closed loop"]))
    for name, value in results.items():
        if name != "closed loop":
            print(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
