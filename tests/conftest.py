"""Set-up for all tests: the backend, a compilation cache that lasts between runs, and memory."""

import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from zlib import crc32

import pytest

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
os.environ["PLAYMASK_LANG"] = "en"  # whatever the locale of who runs them
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network
gc.set_threshold(100_000, 20, 100)  # the heap is large and mostly modules: look at it less often


# The other backends: what compares operations with formulas runs on both, the rest in turns, or
# where its mark says: `backends("torch")`. TensorFlow traces a graph for each training, some
# seconds of which PyTorch needs none, so it has one turn in four.

BOTH = (
    "tests/parts/",
    "tests/labelling/",
    "tests/families/test_cached.py",
    "tests/families/test_oracles.py",
    "tests/generation/test_search.py",
    "tests/tasks/test_compression_formulas.py",
    "tests/tasks/test_gradient_norm.py",
    "tests/tasks/test_memory_and_time.py",
    "tests/tasks/test_published",
    "tests/tasks/test_robust_steps.py",
    "tests/tasks/test_trained_heads.py",
    "tests/training/test_averages.py",
    "tests/training/test_optimizers.py",
    "tests/tasks/test_vector_losses.py",
    "tests/test_dense.py",
    "tests/test_gradients.py",
    "tests/test_masks.py",
    "tests/test_noise.py",
    "tests/test_transformer.py",
    "tests/test_two_streams.py",
)
TURNS = ("torch", "tensorflow", "torch", "torch")


def pytest_ignore_collect(collection_path, config):
    """With `-m backends`, import no file that names no such mark: some seconds a worker."""
    if config.option.markexpr.startswith("backends") and collection_path.suffix == ".py":
        return "backends" not in collection_path.read_text(encoding="utf-8") or None
    return None  # what other plugins say


@pytest.hookimpl(tryfirst=True)  # before marks are selected
def pytest_collection_modifyitems(items):
    """Leave to `make test-all` what is another backend's turn, test by test of each file."""
    backend, counts = os.environ["KERAS_BACKEND"], Counter()
    for item in items:
        file, mark = item.nodeid.partition("::")[0], item.get_closest_marker("backends")
        if backend not in TURNS or mark is None or (file.startswith(BOTH) and not mark.args):
            continue
        if mark.args:
            if backend not in mark.args:
                item.add_marker(pytest.mark.whole)
            continue
        counts[file] += 1
        if TURNS[(counts[file] + crc32(file.encode())) % len(TURNS)] != backend:
            item.add_marker(pytest.mark.whole)


# Programs: tiny ones are lowered in less time than JAX takes to make an MLIR context for each.

LOWERED_IN_ONE = 100  # a context keeps all constants that it ever held
_contexts = threading.local()


def share_contexts(mlir):
    """Let each thread lower so many programs in one context."""
    make = mlir.make_ir_context

    def shared():
        lowered = getattr(_contexts, "lowered", LOWERED_IN_ONE)
        if lowered == LOWERED_IN_ONE:
            _contexts.context, lowered = make(), 0
        _contexts.lowered = lowered + 1
        return _contexts.context

    mlir.make_ir_context = shared


def pytest_configure():
    """Before anything is lowered."""
    if os.environ["KERAS_BACKEND"] == "jax":
        from jax._src.interpreters import mlir

        share_contexts(mlir)


# Memory: a worker lives through thousands of tiny models, and JAX keeps every program it compiled.

RELEASE_AT = 2300  # MB, some 60 trainings; the largest single test takes 600 more
_released = 0.0  # what a release left in use, MB


def resident() -> float:
    """This process's memory, in MB; 0 where the system has no such file."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def release() -> None:
    """Forget the compiled programs (they are on disk), and give the system its memory back."""
    if os.environ["KERAS_BACKEND"] == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":  # or the C library keeps what was freed
        ctypes.CDLL(None).malloc_trim(0)


def pytest_collection_finish():
    """Look no more at what lives as long as the process: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Release memory after a test where there is much, and more than could not be released."""
    global _released
    result = yield
    if resident() > max(RELEASE_AT, _released + 300):
        release()
        _released = resident()
    return result


def pytest_sessionfinish(session):
    """Append the process's peak in MB to the file that PLAYMASK_TEST_MEMORY names."""
    if file := os.environ.get("PLAYMASK_TEST_MEMORY"):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # Linux counts in KB
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(f"{os.environ['KERAS_BACKEND']} {worker} {peak} MB\n")
