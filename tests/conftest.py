"""Set-up for all tests: the backend, and a compilation cache that lasts between runs."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / ".cache" / "matplotlib"))
if os.environ["KERAS_BACKEND"] != "jax":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny operations; workers share the cores
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network
