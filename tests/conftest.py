"""Set-up for all tests: the backend, and a compilation cache that lasts between runs."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playmask"
# Tiny models are compiled for longer than they run, so less is made of each of a program's kernels.
# The lowest level of optimisation would be as quick, but its gradients are off by a sixth.
LESS = "optimize_for_size", "disable_slp_vectorizer", "disable_loop_unrolling"
QUICK_TO_COMPILE = (
    "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true "
    "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters=true,"
    + ",".join(f"xla_cpu_{name}=true" for name in LESS)
)
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "tests"))  # for all checkouts
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("XLA_FLAGS", QUICK_TO_COMPILE)
os.environ.setdefault("MPLCONFIGDIR", str(CACHE / "matplotlib"))
if os.environ["KERAS_BACKEND"] != "jax":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny operations; workers share the cores
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network
