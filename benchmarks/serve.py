"""How many requests a server answers, how late, and what it does with three times as many.

    python benchmarks/serve.py [--seconds 20] [--rounds 3] [--clients 1,16,64] [--overload 60]
    python benchmarks/serve.py --task runs/reviews --texts reviews.txt --cores 0

A classifier of 6 blocks of width 384 with random weights (or a saved task) is served as it was
saved and exported in 8 bits, each with batches and with one text at a time; and by FastAPI around
a pipeline of transformers (`--peers`, where its environment is made). All are asked in turns by so
many clients that each wait for their answer. Then requests come at three times the rate that was
reached, whoever waits; and at last SIGTERM comes while 64 are in flight. Every answer is compared
with that of `task.predict`. The clients share the machine with the servers: --cores puts the
servers on some, clients on the others.
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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import environments
from http_load import Answer, Client, Counts, Work, closed_loop, in_turn, is_ready, open_loop
from measuring import PASSIVE, PEERS

OWN = [sys.executable, "-c", "from playmask.cli import main; main()", "serve"]
ONE = ("--max-batch", "1")
NEAR, NEAR_OF_PEERS, NEAR_IN_8_BITS = 2e-5, 1e-4, 2e-2
"""By which a probability may differ: a value that is rounded otherwise is a step of 8 bits away."""
PRESSED = ("float32", "int8")  # of which more is asked than they can, and which end in between
FIRST = 20  # requests after which a server is warm for certain


class Server(NamedTuple):
    """What is started, with {port} for the port, and what it is asked."""

    command: list[str]
    work: Work


class Started(NamedTuple):
    """A server's process, its port, what it is asked, and the seconds until it was ready."""

    process: subprocess.Popen[bytes]
    port: int
    work: Work
    seconds: float


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
        playmask.build(architecture, heads="pool"), ["bad", "good"], tokenizer=tokenizer,
        max_length=32 if smoke else 128, pooling="pooled",
    )  # fmt: skip
    return task.save(folder / "task")


def made_up(count: int, longest: int) -> list[str]:
    """Texts about as long as reviews are: most are short, few are long."""
    draw = random.Random(0)
    sizes = [max(2, min(longest, int(draw.lognormvariate(3.3, 0.8)))) for _ in range(count)]
    return ["".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(size)) for size in sizes]


def own(path: Path, *options: str) -> list[str]:
    """The command that serves a task."""
    return [*OWN, str(path), "--port", "{port}", "--timeout", "120", *options]


def servers(path: Path, texts: list[str], folder: Path, peers: Path) -> dict[str, Server]:
    """Those that take part, by name; of a peer that is missing, why is printed."""
    import playmask

    task = playmask.load_task(path)
    eight = folder / "int8"
    task.export(eight, quantize=playmask.Int8(calibrate=texts[:64]))
    right = answers(task, texts)
    whole = Work.of(texts, right, NEAR)
    quantized = Work.of(texts, answers(playmask.load_exported(eight), texts), NEAR_IN_8_BITS)
    found = {
        "float32": Server(own(path), whole),
        "float32, one at a time": Server(own(path, *ONE), whole),
        "int8": Server(own(eight), quantized),
        "int8, one at a time": Server(own(eight, *ONE), quantized),
    }
    try:
        python = str(environments.python_of("transformers", peers))
        published = str(task.save(folder / "published", dialect="huggingface"))
    except (environments.Missing, playmask.PlaymaskError) as reason:
        print(f"transformers takes no part: {reason}", file=sys.stderr, flush=True)
        return found
    program = [python, str(PEERS / "pipeline_server.py"), published, "{port}"]
    theirs = Work.of(texts, right, NEAR_OF_PEERS)
    peer = {f"FastAPI, pipeline, {kind}": Server([*program, kind], theirs) for kind in KINDS}
    return {**found, **peer}


KINDS = ("async", "sync")
"""The endpoint of the pipeline: a coroutine, or a function, called in threads."""


def answers(task: Any, texts: list[str]) -> list[Answer]:
    """What a task answers to some texts, as JSON has it."""
    from playmask.data.examples import Example

    both = zip(texts, task.predict(texts), strict=True)
    return [task.answer_json(Example(text), answer) for text, answer in both]


@contextmanager
def started(server: Server, cores: str) -> Iterator[Started]:
    """A server's process, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [part.format(port=port) if part == "{port}" else part for part in server.command]
    if cores:
        command = ["taskset", "-c", cores, *command]
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **PASSIVE}, stderr=subprocess.DEVNULL)
    try:
        while asyncio.run(is_ready(port)) != 200:
            if process.poll() is not None:
                sys.exit(f"The server has ended: {' '.join(command)}")
            time.sleep(0.02)
        yield Started(process, port, server.work, time.perf_counter() - began)
    finally:
        process.kill()
        process.wait()


def start(server: Started) -> dict[str, float]:
    """How long it took to be ready, and whether its first answers are as quick as later ones."""
    first, *later = (asyncio.run(in_turn(server.port, server.work, FIRST)) for _ in range(3))
    again = [statistics.median(each) for each in zip(*later, strict=True)]
    return {
        "ready s": round(server.seconds, 2),
        "first ms": round(1000 * statistics.median(first), 1),
        "later ms": round(1000 * statistics.median(again), 1),
        "slowest first / later": round(max(a / b for a, b in zip(first, again, strict=True)), 2),
    }


async def ended(server: Started) -> dict[str, Any]:
    """SIGTERM while 64 requests are in flight."""
    counts = Counts()
    clients = [Client(server.port, server.work, counts) for _ in range(64)]
    asks = [asyncio.ensure_future(each.ask(number)) for number, each in enumerate(clients)]
    while not counts.statuses:
        await asyncio.sleep(0.001)
    answered = sum(counts.statuses.values())
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*asks)
    code = await asyncio.to_thread(server.process.wait, 60)
    return {"before SIGTERM": answered, **counts.summary(1.0), "exit": code}


def memory(process: subprocess.Popen[bytes]) -> float:
    """What a process holds, in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """What a process has computed so far: others may have had its core meanwhile."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(all_servers: Mapping[str, Server], options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    clients = [int(each) for each in options.clients.split(",")]
    rows: Rows = {name: {n: [] for n in clients} for name in all_servers}
    with ExitStack() as stack:
        running, starts = {}, {}
        for name, server in all_servers.items():
            running[name] = stack.enter_context(started(server, options.cores))
            starts[name] = start(running[name])
            print(name, starts[name], file=sys.stderr, flush=True)
        for _ in range(options.rounds):
            for n in clients:
                for name, own in running.items():
                    before = processor_seconds(own.process)
                    done = asyncio.run(closed_loop(own.port, own.work, n, options.seconds))
                    spent = processor_seconds(own.process) - before
                    done["answers a processor second"] = done["statuses"].get(200, 0) / spent
                    print(name, n, done, file=sys.stderr, flush=True)
                    rows[name][n].append(done)
        pressed = {
            name: overloaded(running[name], rows[name], options.overload)
            for name in PRESSED
            if name in running
        }
        return {"start": starts, "closed loop": rows, "overload": pressed}


Rows = dict[str, dict[int, list[dict[str, Any]]]]


def overloaded(
    server: Started, rows: Mapping[int, list[dict[str, Any]]], seconds: float
) -> dict[str, Any]:
    """Three times what it can, twice; what it holds then; its end."""
    rates = [[each["answers a second"] for each in runs] for runs in rows.values()]
    best = max(map(statistics.median, rates))
    held = [memory(server.process)]
    found = []
    for _ in range(2):
        found.append(asyncio.run(open_loop(server.port, server.work, 3 * best, seconds)))
        held.append(memory(server.process))
    return {
        "capacity": best,
        "at 3 ×": found,
        "memory before, after, after as much again, MB": held,
        "SIGTERM": asyncio.run(ended(server)),
    }


def table(rows: Rows) -> str:
    """Medians, as Markdown."""
    lines = [
        "| clients | | answers/s | a processor second | p50 ms | p99 ms | p99 / p50 | wrong |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for n in next(iter(rows.values())):
        for name, runs in rows.items():
            keys = ("answers a second", "answers a processor second", "p50 ms", "p99 ms")
            rate, own, p50, p99 = (statistics.median(each[key] for each in runs[n]) for key in keys)
            bad = sum(
                each["wrong"] + each["lost"] + sum(each["statuses"].values())
                - each["statuses"].get(200, 0)
                for each in runs[n]
            )  # fmt: skip
            numbers = (rate, own, p50, p99, p99 / max(p50, 1e-9))
            cells = " | ".join(f"{number:.1f}" for number in numbers)
            lines.append(f"| {n} | {name} | {cells} | {bad} |")
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
    parser.add_argument("--peers", type=Path, default=environments.ROOT / "runs" / "peers")
    parser.add_argument("--only", help="names of servers, as the table has them, with semicolons")
    parser.add_argument("--smoke", action="store_true", help="a little of it, with a tiny model")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    environments.MAKE = not options.smoke
    if options.smoke:
        options.seconds, options.rounds, options.overload = 1.0, 1, 1.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = options.task or small_task(folder, smoke=options.smoke)
        lines = options.texts.read_text("utf-8").splitlines() if options.texts else ()
        texts = [line for line in lines if line.strip()][:2000] or made_up(500, 120)
        taking_part = servers(path, texts, folder, options.peers.resolve())
        if options.only:
            taking_part = {name: taking_part[name] for name in options.only.split(";")}
        if options.cores:
            theirs = {int(core) for core in options.cores.split(",")}
            os.sched_setaffinity(0, {*range(os.cpu_count() or 1)} - theirs)
        results = measure(taking_part, options)
    print(table(results["closed loop"]))
    for part in ("start", "overload"):
        for name, value in results[part].items():
            print(f"{part}, {name}: {json.dumps(value, ensure_ascii=False)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
