"""How fast each installed backend multiplies matrices here, by precision, and what follows."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

SIDE = 1024  # of the square matrices
PRECISIONS = ("float32", "bfloat16")
WORTH = 1.25  # how many times faster another choice must be to be told of

Speeds = Mapping[str, Mapping[str, float]]


def measured(backend: str, seconds: float) -> dict[str, float]:
    """The operations a second of products on a backend, by precision, in a process of its own.

    A process has one backend, and it is chosen before Keras is imported.
    Raises: RuntimeError where the backend does not run
    """
    done = subprocess.run(
        [sys.executable, "-m", "playmask.cli.actions.matmul_speed", str(seconds)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{backend} does not run: {lines[-1]}")
    rates: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return rates


def advice(speeds: Speeds, chosen: str) -> list[str]:
    """What to choose instead of a backend in float32, where that is faster by far."""
    base = speeds[chosen]["float32"]
    exact = max(speeds, key=lambda name: speeds[name]["float32"])
    half = max(speeds, key=lambda name: speeds[name]["bfloat16"])
    hints = []
    if speeds[exact]["float32"] > WORTH * base:
        gain = speeds[exact]["float32"] / base
        hints.append(
            f"KERAS_BACKEND={exact} multiplies matrices {gain:.1f} times as fast as {chosen} here."
        )
    if speeds[half]["bfloat16"] > WORTH * max(base, speeds[exact]["float32"]):
        gain = speeds[half]["bfloat16"] / base
        hints.append(
            f"In bfloat16 on {half}, matrices are multiplied {gain:.1f} times as fast as in "
            f"float32 on {chosen}: for long training take KERAS_BACKEND={half} and "
            "keras.config.set_dtype_policy('mixed_bfloat16')."
        )
    return hints


def rate(precision: str, seconds: float) -> float:
    """Operations a second in products of matrices, on this process' backend."""
    from keras import ops, random

    x = ops.cast(random.normal((SIDE, SIDE)) / SIDE**0.5, precision)
    done, y = 0, ops.matmul(x, x)
    _wait(y)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(4):  # the device works while the next ones are asked for
            y = ops.matmul(x, y)
            done += 1
        _wait(y)
    return 2 * SIDE**3 * done / (time.perf_counter() - start)


def _wait(x: Any) -> None:
    from keras import ops

    ops.convert_to_numpy(ops.cast(x[:1, :1], "float32"))


if __name__ == "__main__":
    taken = float(sys.argv[1])
    sys.stdout.write(json.dumps({name: rate(name, taken) for name in PRECISIONS}) + "\n")
