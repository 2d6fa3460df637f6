"""Set-up for all tests: the backend, and a compilation cache that lasts between runs."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playmask"
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "tests"))  # for all checkouts
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("MPLCONFIGDIR", str(CACHE / "matplotlib"))
if os.environ["KERAS_BACKEND"] != "jax":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny operations; workers share the cores
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network
