"""How much anonymous memory, and how long, models of 1.5 billion parameters take to load.

    python benchmarks/load_large.py [--family gpt2_ml|gpt2|bert] [--dtype float32 …] [--depth 48]

Writes one synthetic checkpoint at a time (6 GB) into a temporary folder, block by block, and loads
it in fresh processes, with the file cached. The bound: at the peak at most 1.25 times the model's
size in the chosen dtype, above what the libraries and a tiny load took.

`shift` is where the tensors lie in the file, in bytes modulo 64: TensorFlow packs them, so that
one global_step of 8 bytes, or one string of any length, moves all that follow. `peak` and
`kernel's` are in parts of the model's size: RssAnon, sampled from outside, and VmPeak less the
mapped file, which nothing can escape. `read`: the seconds to read the file once; `filled`: to fill
as much new memory as the model takes.
"""

import argparse
import json
import math
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

import playmask
from playmask.checkpoints import bundle
from playmask.families import FAMILIES
from playmask.families.names import Rule
from playmask.model.architecture import Architecture
from playmask.model.parts import Learned
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank

XL = {"width": 1600, "depth": 48, "attention_heads": 25, "inner": 6400}  # gpt2-xl
LARGE = {"width": 1024, "depth": 24, "attention_heads": 16, "inner": 4096}  # bert-large
CASES = {
    "gpt2_ml": ("google", {}, (0, 8, 1)),
    "gpt2": ("huggingface", XL, (0, 8)),
    "bert": ("huggingface", LARGE, (8,)),
}
"""By family: the dialect, the sizes other than the family's base, the shifts."""

TINY = {"width": 32, "depth": 1, "attention_heads": 2, "inner": 64, "vocabulary": 100}
FULL = "float32"
DTYPES = (FULL, "bfloat16", "float16")
GB = 1e9
Shapes = dict[str, tuple[int, ...]]


class Drawn(Mapping[str, np.ndarray]):
    """Tensors that exist only while they are looked at: the same random block over and over."""

    def __init__(self, shapes: Shapes, shift: int = 0):
        self.shapes, self.shift = shapes, shift
        self.block = np.random.default_rng(0).normal(0, 0.02, 1 << 20).astype("float32")

    def __getitem__(self, name: str) -> np.ndarray:
        if name == "global_step":
            return np.zeros(self.shift, "int8")
        return np.resize(self.block, self.shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(["global_step", *self.shapes] if self.shift else self.shapes)

    def __len__(self) -> int:
        return len(self.shapes) + bool(self.shift)


def shapes_of(made: Architecture, dialect: str) -> Shapes:
    """The shapes of a checkpoint's tensors, found without making any."""
    found: dict[str, list[tuple[Rule, tuple[int, ...]]]] = {}
    rules = FAMILIES[made.family].dialects[dialect]
    for ours, variable in weights_by_name(blank(lambda: Transformer(made))).items():
        hit = rules.rule_for(ours)
        if hit is None:
            raise LookupError(f"{dialect} has no name for {ours}")
        found.setdefault(hit[1][0], []).append((hit[0], tuple(variable.shape)))
    return {
        name: pieces[0][0].write([np.zeros(shape, "int8") for _, shape in pieces]).shape
        for name, pieces in found.items()
    }


def write(folder: Path, made: Architecture, dialect: str, shift: int = 0) -> Path:
    """Write a checkpoint of an architecture, a tensor at a time; gives the file of its weights."""
    folder.mkdir()
    config = FAMILIES[made.family].configuration.write(made, dialect)
    (folder / "config.json").write_text(json.dumps(config))
    shapes = shapes_of(made, dialect)
    if dialect == "google":
        bundle.write(folder / "model.ckpt", Drawn(shapes, shift))
        return folder / "model.ckpt.data-00000-of-00001"
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * ((shift - 8 - len(text)) % 64)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in Drawn(shapes).values():
            tensor.tofile(file)
    return folder / "model.safetensors"


def status(pid: int | str, name: str) -> int:
    """One line of /proc/…/status (Linux), in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0  # a process that has just ended has no memory left


def load(folder: Path, dtype: str) -> None:
    """In a process of its own: a tiny load, then, when the parent has looked, the real one."""
    wait(playmask.load(folder.with_name("tiny"), dtype=dtype))
    size = sum(file.stat().st_size for file in folder.iterdir()) // (1 if dtype == FULL else 2)
    touch(size)  # a virtual machine gets memory that was not used for long from its host
    fresh = touch(size)
    before = status("self", "VmSize")
    print("ready", flush=True)
    input()
    start = time.perf_counter()
    model = playmask.load(folder, dtype=dtype)
    wait(model)
    seconds = time.perf_counter() - start
    grown = status("self", "VmPeak") - before
    found = {"parameters": model.count_params(), "grown": grown}
    print(json.dumps({**found, "seconds": seconds, "fresh": fresh}))


def touch(size: int) -> float:
    """How many seconds it takes to fill so much new memory, in pieces of a kernel's size."""
    start = time.perf_counter()
    pieces = [np.full(1 << 25, 1, "uint8") for _ in range(size >> 25)]
    seconds = time.perf_counter() - start
    pieces.clear()
    return seconds


def wait(model: Transformer) -> None:
    """JAX copies behind one's back; here it is waited for."""
    for variable in model.weights:
        getattr(variable.value, "block_until_ready", lambda: None)()


def measure(weights: Path, dtype: str) -> dict[str, float]:
    """Load in a fresh process and sample its memory from outside, so that nothing holds it up."""
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["cat", weights], stdout=nowhere, check=True)
    once = time.perf_counter() - start
    command = [sys.executable, __file__, "--load", str(weights.parent), "--dtype", dtype]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin and child.stdout
        while child.stdout.readline().strip() != "ready":
            assert child.poll() is None, "it ended before it was ready"
        base = peak = status(child.pid, "RssAnon")
        child.stdin.write("go\n")
        child.stdin.close()
        while not select.select([child.stdout], [], [], 0.002)[0]:
            peak = max(peak, status(child.pid, "RssAnon"))
        found = json.loads(child.stdout.readline())
    size = found["parameters"] * (4 if dtype == FULL else 2)
    return {
        "size": size / GB,
        "peak": (peak - base) / size,
        "kernel": (found["grown"] - weights.stat().st_size) / size,
        "seconds": found["seconds"],
        "read": once,
        "fresh": found["fresh"],
    }


def main() -> None:
    """Write each checkpoint, measure it in each dtype, print a row for both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--depth", type=int, help="fewer blocks than the model has")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(options.load, options.dtype[0])
        return
    print("| family | from | shift | dtype | GB | peak | kernel's | s | read | filled | s / read |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for family in options.family:
        dialect, sizes, shifts = CASES[family]
        made = FAMILIES[family].base.change(**sizes)
        made = made.change(depth=options.depth or made.depth)
        for shift in shifts:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder) / "tiny", made.change(position=Learned(32), **TINY), dialect)
                weights = write(Path(folder) / "model", made, dialect, shift)
                for dtype in options.dtype:
                    m = measure(weights, dtype)
                    print(
                        f"| {family} | {dialect} | {shift} | {dtype} | {m['size']:.2f} "
                        f"| {m['peak']:.2f} | {m['kernel']:.2f} | {m['seconds']:.1f} "
                        f"| {m['read']:.2f} | {m['fresh']:.2f} | {m['seconds'] / m['read']:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
