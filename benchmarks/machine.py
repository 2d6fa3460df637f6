"""What the machine allows: rates of matrix products, bandwidth, and what it is."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

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


PRODUCTS = {"cpu": ((1024, 768, 3072), "float32"), "gpu": ((8192, 8192, 8192), "bfloat16")}
"""On each device, the product of matrices whose rate is the bound: rows, inner, columns; dtype."""


def rates(device: str = "cpu") -> dict[str, float]:
    """Operations a second of a matrix product, and bytes a second of a matrix-vector product.

    These are the two bounds, measured now.
    """
    import jax
    import jax.numpy as jnp

    (rows, inner, columns), dtype = PRODUCTS[device]
    a, b = jnp.ones((rows, inner), dtype), jnp.ones((inner, columns), dtype)
    matrix, vector = jnp.ones((8192, 4096)), jnp.ones(4096)
    product = jax.jit(lambda a, b: a @ b)
    return {
        "operations": 2 * rows * inner * columns / seconds_of(lambda: product(a, b)),
        "bytes": matrix.nbytes / seconds_of(lambda: product(matrix, vector)),
    }


def half_rate(python: Path | None) -> float | None:
    """Operations a second of the same product in bfloat16, by PyTorch: JAX on a CPU widens."""
    if python is None:
        return None
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


def describe() -> dict[str, str]:
    """The processor, the system and the cores."""
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
    return {
        "processor": model,
        "instructions": ", ".join(wide) or "unknown",
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }
