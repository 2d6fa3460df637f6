"""What a token costs after how many others, and the memory that generating takes.

    python benchmarks/long_generation.py [--runs 3] [--picture FILE] [--json FILE]

A GPT-2-base with random weights goes on from 16 tokens to 1,024, batch 1; of each stretch of 48
tokens the fastest of the runs is taken. Memory is what the process holds at its peak, above what
it held before the model was loaded, against weights and cache.
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import playmask  # first: it chooses the backend
from playmask.generation.decoding_options import DecodingOptions
from playmask.generation.generator import Generator
from playmask.generation.prompts import Prompts
from playmask.inspection.draw.colours import LINES
from playmask.inspection.draw.sheet import drawn
from playmask.model.transformer import weights_by_name

import keras  # isort: skip

LENGTH, PROMPT, STRETCH = 1024, 16, 48
CAPTION = (
    "Horizontally: tokens that the text has so far; vertically: the time that the next one takes."
)


def status(name: str) -> float:
    """A line of the kernel's about this process, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name + ":"))


def forget_peak() -> None:
    """Let the kernel note the peak of this process anew."""
    Path("/proc/self/clear_refs").write_text("5")


def seconds_of_stretches(model: playmask.Transformer) -> list[float]:
    """The seconds a token, for each stretch of one generation."""
    prompts = Prompts.of(
        Generator.of(model).facts, [[*range(1, PROMPT + 1)]], segments=None, start=None, seed=0
    )
    session = Generator.of(model)(prompts, DecodingOptions(LENGTH - PROMPT, end=None), {})
    found = []
    while not session.done:
        began = time.perf_counter()
        session.advance(STRETCH)
        keras.tree.map_structure(np.asarray, session.state.tokens)  # waits for the stretch
        found.append((time.perf_counter() - began) / STRETCH)
    return found


def draw(counts: list[int], milliseconds: list[float], path: Path) -> None:
    """A line from the first token to the last."""
    title = "GPT-2-base, one text, greedy"
    with drawn(path, [], title=title, caption=CAPTION) as sheet:
        sheet.figure.set_size_inches(7, 3.2)
        axes = sheet.figure.subplots()
        axes.plot(counts, milliseconds, marker=".", color=LINES[0])
        axes.set_ylim(0, 1.25 * max(milliseconds))
        axes.set(xlabel="tokens so far", ylabel="milliseconds a token")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keras.utils.set_random_seed(0)
        made = playmask.build(playmask.architecture("gpt2"), heads=("mlm",))
        playmask.save(made, folder)
        weights = sum(v.value.nbytes for v in weights_by_name(made).values()) / 1e6
        cache = made.empty_cache(1, LENGTH)
        slots = sum(np.asarray(x).nbytes for x in keras.tree.flatten(cache)) / 1e6
        del made, cache
        gc.collect()
        before = status("VmRSS")
        model = playmask.load(folder)
        seconds_of_stretches(model)  # compiles
        forget_peak()
        runs = [seconds_of_stretches(model) for _ in range(options.runs)]
        taken = status("VmHWM") - before
    milliseconds = [1000 * min(each) for each in zip(*runs, strict=True)]
    counts = [PROMPT + STRETCH * (i + 1) for i in range(len(milliseconds))]
    results = {
        "milliseconds a token": dict(zip(counts, milliseconds, strict=True)),
        "last over first": milliseconds[-1] / milliseconds[0],
        "weights, MB": weights,
        "cache, MB": slots,
        "taken, MB": taken,
        "taken over both": taken / (weights + slots),
    }
    for name, value in results.items():
        print(name, value if isinstance(value, dict) else round(value, 3))
    if options.picture:
        draw(counts, milliseconds, options.picture)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
