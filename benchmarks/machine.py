"""What the machine allows: rates of matrix products, bandwidth, and what it is."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

HALF = """
import json, sys, time, torch
torch.set_num_threads(int(sys.argv[1]))
a, b = (torch.randn(s, dtype=torch.bfloat16) for s in ((1024, 768), (768, 3072)))
taken = []
for _ in range(12):
    start = time.perf_counter(); a @ b; taken.append(time.perf_counter() - start)
print(json.dumps(2 * 1024 * 768 * 3072 / sorted(taken)[6]))
"""


def seconds_of(run: Callable[[], Any], times: int = 9) -> float:
    """The median of the seconds that something on the device takes."""
    run().block_until_ready()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run().block_until_ready()
        found.append(time.perf_counter() - start)
    return median(found)


class Bounds(NamedTuple):
    """By what the rates of a device are measured.

    product: rows, inner and columns of a product of matrices; matrix: rows and columns of the one
    that is multiplied with a vector
    """

    product: tuple[int, int, int]
    matrix: tuple[int, int]
    dtype: str


BOUNDS = {
    "cpu": Bounds((1024, 768, 3072), (8192, 4096), "float32"),
    "gpu": Bounds((16384, 16384, 16384), (65536, 32768), "bfloat16"),
}
"""A card's are so large that what is timed takes milliseconds, of which a launch is little."""


def rates(device: str = "cpu") -> dict[str, float]:
    """Operations a second of a matrix product, and bytes a second of a matrix-vector product.

    These are the two bounds, measured now. The matrices are random, since a card multiplies ones
    faster, at less power.
    """
    import jax
    import jax.numpy as jnp

    (rows, inner, columns), shape, dtype = BOUNDS[device]
    random = jax.jit(
        lambda *size: jax.random.normal(jax.random.key(0), size, dtype), static_argnums=(0, 1)
    )
    a, b = random(rows, inner), random(inner, columns)
    matrix, vector = jnp.ones(shape, dtype), jnp.ones(shape[1], dtype)
    product = jax.jit(lambda a, b: a @ b)
    return {
        "operations": 2 * rows * inner * columns / seconds_of(lambda: product(a, b)),
        "bytes": matrix.nbytes / seconds_of(lambda: product(matrix, vector)),
    }


def half_rate(python: Path) -> float | None:
    """Operations a second of the same product in bfloat16, by PyTorch: JAX on a CPU widens."""
    found = []
    for threads in ("1", "2"):
        done = subprocess.run(
            [str(python), "-c", HALF, threads],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )
        if done.returncode == 0:
            found.append(json.loads(done.stdout))
    return max(found, default=None)


def has_gpu() -> bool:
    """Whether JAX sees a graphics card."""
    import jax

    return any(device.platform in ("gpu", "cuda", "rocm") for device in jax.devices())


def describe(device: str = "cpu") -> dict[str, str]:
    """The processor, the system and the cores; on a card also which one."""
    model = platform.processor() or platform.machine()
    flags: set[str] = set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
            if name.strip() == "flags":
                flags = set(value.split())
    wide = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    card = {}
    if device == "gpu":
        import jax

        card["card"] = jax.devices()[0].device_kind
    return {
        **card,
        "processor": model,
        "instructions": ", ".join(wide) or "unknown",
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }
