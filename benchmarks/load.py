"""How long a BERT-base checkpoint takes to load, and how much anonymous memory it takes.

    python benchmarks/load.py [--runs 5]

Writes one checkpoint per format into a temporary folder, then loads each in a process of its own,
with the file cached. The goal: at most 0.5 s, and a peak of at most 1.3 times the weights' size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HEADS = ("pool", "nsp", "mlm")


def anonymous_mb() -> float:
    """Anonymous memory of this process, in MB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e3
    raise OSError("/proc/self/status has no RssAnon; this benchmark needs Linux")


def measure(path: str, runs: int) -> dict[str, float]:
    """Load once for the memory's peak, then again for the median time."""
    import jax
    import numpy as np

    import playmask

    load = playmask.load
    jax.numpy.zeros(1).block_until_ready()
    base, done = anonymous_mb(), threading.Event()
    peak = [base]

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], anonymous_mb())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = load(path, heads=HEADS)
    done.set()
    watcher.join()
    size = sum(int(np.prod(v.shape)) * 4 for v in model.weights) / 1e6
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        load(path, heads=HEADS)
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": round(sorted(seconds)[len(seconds) // 2], 3),
        "peak_mb": round(peak[0] - base),
        "weights_mb": round(size),
        "peak_over_weights": round((peak[0] - base) / size, 2),
    }


def main() -> None:
    """Write the checkpoints, then measure each format in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.path:
        print(json.dumps(measure(options.path, options.runs)))
        return
    import playmask

    with tempfile.TemporaryDirectory() as folder:
        model = playmask.build(playmask.architecture("bert"), heads=HEADS)
        for dialect in ("google", "huggingface", "playmask"):
            path = playmask.save(model, Path(folder) / dialect, dialect)
            command = [sys.executable, __file__, "--path", str(path), "--runs", str(options.runs)]
            result = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"{dialect:12} {result.stdout.strip().splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
