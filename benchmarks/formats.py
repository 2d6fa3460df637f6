"""Which backend and which format answers fastest on this machine.

python benchmarks/formats.py TASK_DIR [--save docs/benchmarks/formats.json]

A saved task is timed by itself on JAX, PyTorch and TensorFlow, a process each, and as a graph of
ONNX Runtime in 32 and in 8 bits: processor time on one core, the least of some rounds. Each process
times the graphs in turns with its own backend, so that what they found can be compared on a machine
whose speed drifts. What `playmask doctor --export` says is of all cores, and of JAX.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from machine import describe

ROOT = Path(__file__).parents[1]
OWN, ROUNDS = "playmask itself", 7
GRAPHS = {"ONNX Runtime, float32": {}, "ONNX Runtime, int8": {"quantize": "int8"}}
SHAPES = {"1 × 32": (1, 32), "8 × 128": (8, 128)}


def prepare(task: Path, folder: Path) -> None:
    """Export the task in all formats, and draw what is computed; on JAX."""
    from playmask.onnx.check import drawn
    from playmask.onnx.signature import BATCH, LENGTH
    from playmask.tasks.exporting import export
    from playmask.tasks.loading import load_task

    loaded = load_task(task)
    for name, options in GRAPHS.items():
        graph = export(loaded, folder / name, **options).graphs[0]
    for shape, (batch, length) in SHAPES.items():
        random = np.random.default_rng(0)
        arrays = drawn(graph.inputs, {BATCH: batch, LENGTH: length}, random)
        np.savez(folder / f"{shape}.npz", **arrays)


def timed(task: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of the backend of this process and of the graphs, by shape and name."""
    from playmask.onnx.graph import MODEL
    from playmask.runtime.graph_runs import graph_run
    from playmask.runtime.network_engine import NetworkEngine
    from playmask.tasks.loading import load_task

    network = load_task(task).network
    runs = {OWN: NetworkEngine(network, network.exported)}
    runs |= {name: graph_run(folder / name / MODEL, "onnxruntime") for name in GRAPHS}
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        with np.load(folder / f"{shape}.npz") as arrays:
            batch = dict(arrays)
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS + 1):  # the first of all compiles
            for name, run in runs.items():
                start = time.process_time()
                run(batch)
                taken[name].append(time.process_time() - start)
        found[shape] = {name: min(seconds[1:]) for name, seconds in taken.items()}
    return found


def on(backend: str, python: Path, task: Path, folder: Path) -> dict[str, dict[str, float]]:
    """What a process of a backend finds, on one core."""
    command = [str(python), __file__, str(task), "--folder", str(folder)]
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, print a table, and save what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", type=Path, help="the folder of a saved task")
    parser.add_argument("--name", default="", help="what the task is, for the chart")
    parser.add_argument("--save", type=Path, help="a JSON file, for the chart of performance.md")
    others = ROOT / ".venv-backends" / "bin" / "python"
    parser.add_argument("--others", type=Path, default=others, help="a Python with both of these")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(timed(options.task, options.folder)))
        return
    pythons = {"jax": Path(sys.executable)}
    if options.others.exists():
        pythons |= dict.fromkeys(("torch", "tensorflow"), options.others)
    with TemporaryDirectory() as temporary:
        prepare(options.task, Path(temporary))
        found = {
            name: on(name, python, options.task, Path(temporary))
            for name, python in pythons.items()
        }
    for backend, by_shape in found.items():
        for shape, by_name in by_shape.items():
            times = "".join(f"{name}: {1000 * s:.1f} ms  " for name, s in by_name.items())
            print(f"{backend:11}{shape:10}{times}")
    if options.save:
        whole = {
            "date": date.today().isoformat(),
            "command": f"python benchmarks/formats.py {options.task}",
            "task": options.name,
            "machine": describe(),
            "seconds": found,
        }
        text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
        options.save.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
