"""Every task's network as a graph, run beside it at sizes that were not traced."""

import json
import pickle
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
import pytest

import playmask
from comparing import numpy_of
from pairwise import marked
from playmask.errors import CheckpointError, ConfigError
from playmask.onnx import check
from playmask.onnx.check import difference, drawn
from playmask.onnx.readme import TEXT
from playmask.runtime.graph_runs import onnx_session
from tasks.every_task import EXPORTED, MAKE, ONE, TEXTS, same, spread

jax_only = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
OF_A_NETWORK = (
    "classify", "pattern", "similar", "tag", "span", "relate casrel", "read", "mlm",
)  # fmt: skip
"""A task for each kind of network; others have one of these, or point as they do."""
ROWS = [(kind,) for kind in EXPORTED]
ROOT = Path(__file__).parents[2]


@jax_only
@pytest.mark.parametrize("kind", marked(ROWS, [(kind,) for kind in OF_A_NETWORK]))
def test_a_tasks_graph_gives_what_its_answers_are_read_from(kind, tmp_path):
    task = MAKE[kind]()
    spread(task)
    export = task.export(tmp_path)
    assert export.difference <= 2e-5
    assert {"model.onnx", "export.json", "README.md", "task.json", "tokenizer.json"} <= {
        file.name for file in tmp_path.iterdir()
    }
    if task.network.generates:
        return
    texts = TEXTS.get(kind, ONE)
    same(playmask.load_task(tmp_path).predict(texts), task.predict(texts))
    running = onnx_session(tmp_path / "model.onnx")
    inputs = drawn(export.graphs[-1].inputs, {"batch": 2, "length": 13}, np.random.default_rng(5))
    expected = task.network.exported(inputs)
    for output, result in zip(running.get_outputs(), running.run(None, inputs), strict=True):
        assert difference(numpy_of(expected[output.name]), result) <= 2e-5


@jax_only
def test_a_damaged_graph_is_named(tmp_path):
    MAKE["tag"]().export(tmp_path)
    graph = tmp_path / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"model\.onnx .*checksums"):
        playmask.load_task(tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    task, folder = MAKE["tag"](), tmp_path_factory.mktemp("export")
    return task, folder, playmask.export(task, folder, largest=0)


@jax_only
def test_the_export_is_described(exported):
    _, folder, written = exported
    said = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    graph = said["graphs"]["model.onnx"]
    assert said["task"] == "tag" and said["opset"] >= 21
    assert {"playmask", "jax", "keras", "onnx", "onnxruntime"} == said["versions"].keys()
    assert graph["difference"] == written.difference and graph["nodes"] == written.graphs[0].nodes
    assert graph["inputs"]["tokens"] == {"shape": ["batch", "length"], "dtype": "int32"}
    for name, digest in said["sha256"].items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    assert said["sha256"].keys() == {"model.onnx", "model.onnx.data"}


@jax_only
def test_large_weights_stand_beside_the_graph(exported):
    task, folder, _ = exported
    data, graph = (folder / name for name in ("model.onnx.data", "model.onnx"))
    table = numpy_of(task.transformer.embeddings.tokens.weights[0])
    assert table.tobytes() in data.read_bytes() and table.tobytes() not in graph.read_bytes()
    whole = MAKE["tag"]().export(folder / "whole")
    assert (folder / "whole" / "model.onnx").read_bytes().count(table.tobytes()) == 1
    assert whole.graphs[0].inputs == exported[2].graphs[0].inputs


@jax_only
def test_the_call_of_the_page_runs(exported):
    task, folder, _ = exported
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1]
    command = [sys.executable, "-c", code.split("```")[0]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    length = len(task.tokenizer.encode(TEXT).ids)
    assert done.stdout == f"logits (1, {length}, 5)\n"


@jax_only
def test_names_in_other_languages_are_the_graphs(exported):
    graph, page = exported[2].graphs[0], (ROOT / "docs/export.md").read_text(encoding="utf-8")
    types = {"int": "int32", "bool": "bool"}
    named = re.findall(r'CreateFromTensor\("(\w+)", new DenseTensor<(\w+)>', page)
    inputs = {name: each.dtype for name, each in graph.inputs.items()}
    assert {name: types[kind] for name, kind in named} == inputs
    assert {*re.findall(r'each.Name == "(\w+)"', page)} == graph.outputs.keys()
    script = (ROOT / "examples/browser/classifier.mjs").read_text(encoding="utf-8")
    assert dict(re.findall(r'(\w+): new Tensor\("(\w+)"', script)) == inputs
    assert f"{{ {', '.join(graph.outputs)} }} = await this.session.run" in script


@jax_only
def test_a_graph_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "MOST", 1e-12)
    with pytest.raises(CheckpointError, match="output 'logits' differs from the model's by"):
        MAKE["tag"]().export(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.backends
def test_on_another_backend_it_says_which_is_due(tmp_path):
    if keras.backend.backend() == "jax":
        pytest.skip("here it exports")
    with pytest.raises(ConfigError, match="set KERAS_BACKEND=jax"):
        MAKE["tag"]().export(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@jax_only
def test_an_export_and_a_saved_task_do_not_hide_each_other(tmp_path):
    """Neither may be written over the other's files."""
    task = MAKE["tag"]()
    saved, both = task.save(tmp_path / "saved"), tmp_path / "both"
    with pytest.raises(ConfigError, match="holds a saved task or model .*another folder"):
        task.export(saved)
    assert playmask.load_task(saved).predict("ab") == task.predict("ab")
    task.export(both)
    task.save(both)
    assert isinstance(playmask.load_task(both).network, keras.Model)
    with pytest.raises(ConfigError, match="was exported already"):
        playmask.load_exported(task.export(tmp_path / "exported").directory).export(tmp_path / "x")


@jax_only
def test_an_exported_task_goes_to_another_process(exported):
    light = playmask.load_exported(exported[1])
    assert pickle.loads(pickle.dumps(light)).predict("ab") == light.predict("ab")
