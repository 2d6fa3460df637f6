"""Which engine runs an exported graph, and that each gives what the network does."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from playmask.errors import CheckpointError, ConfigError
from playmask.onnx.check import difference, drawn
from playmask.onnx.graph import MODEL
from playmask.runtime.graph_runs import GRAPH_ENGINES, VARIABLE, graph_run
from tasks.every_task import MAKE, TEXT, same

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
HALF = 2e-2
"""What bfloat16 may change of the largest value: it has 8 bits of precision, 4e-3."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    task, folder = MAKE["span"](), tmp_path_factory.mktemp("export")
    return task, playmask.export(task, folder, largest=0)  # weights beside the graph


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"),
        )
        for name in GRAPH_ENGINES
    ],
)
def test_every_engine_gives_what_the_network_does(exported, engine):
    task, written = exported
    run = graph_run(written.directory / MODEL, engine, threads=1)
    sizes = {"batch": 3, "length": 14}
    inputs = drawn(written.graphs[0].inputs, sizes, np.random.default_rng(7))
    expected, found = task.network.exported(inputs), run(inputs)
    assert expected.keys() == found.keys()
    for name, value in found.items():
        most = 2e-5 if engine == "onnxruntime" else HALF
        assert difference(numpy_of(expected[name]), value) <= most


def test_the_environment_names_the_engine_where_nobody_does(exported, monkeypatch):
    folder = exported[1].directory
    monkeypatch.setenv(VARIABLE, "openvine")
    with pytest.raises(ConfigError, match=r"engine of a graph is 'openvine'.*openvino"):
        playmask.load_task(folder)
    light = playmask.tasks.load_exported(folder, engine="onnxruntime")
    same(light.predict([TEXT]), exported[0].predict([TEXT]))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no process is bound to cores")
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is no other core")
def test_a_process_that_is_bound_to_a_core_computes_there_alone(exported):
    """As one of several workers is; ONNX Runtime by itself binds its threads to all cores."""
    core = {min(os.sched_getaffinity(0))}

    def opened():
        os.sched_setaffinity(0, core)  # of this thread, and of those that it starts
        return graph_run(exported[1].directory / MODEL, "onnxruntime")

    threads = {*os.listdir("/proc/self/task")}
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(opened).result()
        started = {*os.listdir("/proc/self/task")} - threads
        assert started and all(os.sched_getaffinity(int(each)) == core for each in started)
    assert run is not None


@pytest.mark.parametrize("engine", GRAPH_ENGINES)
def test_an_engine_that_is_not_installed_says_what_to_install(exported, engine, monkeypatch):
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ConfigError, match=f"pip install.*{engine}"):
        graph_run(exported[1].directory / MODEL, engine)


@pytest.mark.parametrize("engine", [name for name in GRAPH_ENGINES if find_spec(name)])
def test_what_is_no_graph_is_named(engine, tmp_path):
    (tmp_path / MODEL).write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"model\.onnx: "):
        graph_run(tmp_path / MODEL, engine)


def test_onnx_runtime_sends_no_telemetry_whoever_imports_it(monkeypatch, tmp_path):
    """The variable is read when the library is imported, so that there is one place that does."""
    sources = (Path(playmask.__file__).parent).rglob("*.py")
    importing = re.compile(r"^ +(import onnxruntime|from onnxruntime)", re.MULTILINE)
    here = [path.name for path in sources if importing.search(path.read_text("utf-8"))]
    assert here == ["graph_runs.py"]
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    MAKE["span"]().export(tmp_path)
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
