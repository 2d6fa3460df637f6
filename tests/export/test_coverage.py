"""What can be exported: every family and every part, whole and with a cache, and who says no."""

from pathlib import Path

import jax
import keras
import numpy as np
import pytest
from keras import ops

import playmask
from comparing import tiny
from export.exportable import CELLS, PARTS, model_of_cell, table
from export.sessions import whole, written
from pairwise import covering, marked
from playmask.errors import ConfigError
from playmask.onnx.cached import cached_entries
from playmask.onnx.export import Entry
from playmask.onnx.primitives import PRIMITIVES
from playmask.onnx.tracing import TensorInfo, traced

jax_only = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
pytestmark = jax_only


def needs(row: tuple[str, str, str]):
    """Each kind of model that attention knows of, cached where it can be: at first it is whole."""
    kind, name, form = row
    if form == "cached" or CELLS[kind, name, "cached"] is not None:
        yield from PARTS[kind].traits(name)


ROWS = [row for row in CELLS if CELLS[row] is None]


@pytest.mark.parametrize(("kind", "name", "form"), marked(ROWS, covering(ROWS, needs)))
def test_a_graph_computes_what_the_model_does(kind, name, form, tmp_path):
    model = model_of_cell(kind, name)
    limits = [model.architecture.limit]
    if model.architecture.decoder is not None:
        limits.append(model.architecture.decoding.limit)
    most = min((limit for limit in limits if limit is not None), default=None)
    entries = cached_entries(model) if form == "cached" else [whole(model, most)]
    for entry in entries:
        assert written(entry, tmp_path, model) <= 2e-5


@pytest.mark.parametrize("row", [row for row in CELLS if CELLS[row] is not None])
def test_what_cannot_be_exported_says_why(row):
    kind, name, _ = row
    with pytest.raises(ConfigError, match=CELLS[row]):
        cached_entries(model_of_cell(kind, name))


def test_the_page_has_the_table():
    page = Path(__file__).parents[2] / "docs" / "export.md"
    text = page.read_text(encoding="utf-8")
    assert text.split("<!-- exportable -->\n")[1].split("<!-- end -->")[0] == table()


def test_an_unknown_primitive_is_named_with_its_place_and_the_version(monkeypatch):
    monkeypatch.delitem(PRIMITIVES, "cumsum")
    message = rf"'cumsum' of JAX {jax.__version__} has no lowering to ONNX. .*playmask/model/inputs"
    entry = whole(tiny())
    with pytest.raises(ConfigError, match=message):
        traced(entry.function, entry.inputs)


FORMULAS = {
    "negative indices": lambda x: ops.take(x, np.array([-1, 0], "int32"), axis=1),
    "along": lambda x: ops.take_along_axis(x, ops.cast(x[:, :2] * 0, "int32"), axis=1),
    "flip": lambda x: ops.flip(x, axis=1),
    "top": lambda x: ops.cast(ops.top_k(x, 2)[1], "float32"),
    "logs": lambda x: ops.log_softmax(x) + ops.softplus(x) - ops.log_sigmoid(x),
    "whole numbers": lambda x: ops.cast(ops.cast(x * 9, "int32") // 2 % 3, "float32"),
    "remainder": lambda x: x % 0.7 + x // 0.3,
    "einsum": lambda x: ops.einsum("bij,bkj->kbi", x, x),
    "pad": lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 0]], constant_values=3.0),
    "sizes": lambda x: x * x.shape[1] + ops.cast(ops.arange(x.shape[1]), "float32")[:, None],
    "broadcast": lambda x: ops.broadcast_to(ops.mean(x, axis=1, keepdims=True), x.shape),
    "flat": lambda x: ops.reshape(x, (x.shape[0] * x.shape[1], -1)),
    "repeat": lambda x: ops.repeat(x, 3, axis=1),
    "extremes": lambda x: ops.max(x, axis=1) - ops.min(x, axis=1) + ops.prod(x, axis=1),
    "logic": lambda x: ops.cast(ops.logical_xor(ops.all(x > 0, axis=1), x[:, 0] > 0), "float32"),
    "steps": lambda x: x[:, :, 0::2] - x[:, :, 1::2] + x[:, -1:, :2],
    "powers": lambda x: ops.power(ops.abs(x) + 1, 0.3) + x**3 + 1 / (x**2 + 1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula(name, tmp_path):
    inputs = {"x": TensorInfo(("batch", "length", 4), "float32")}
    formula = FORMULAS[name]
    entry = Entry(
        "x.onnx", lambda tensors: {"y": formula(ops.convert_to_tensor(tensors["x"]))}, inputs
    )
    assert written(entry, tmp_path) <= 2e-5


def test_models_in_half_precision_and_of_integers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="the model in bfloat16; load it with dtype='float32'"):
        playmask.export(playmask.build(tiny().architecture, dtype="bfloat16"), tmp_path / "a")
    small = tiny()
    small.quantize("int8")
    with pytest.raises(ConfigError, match="quantized to int8"):
        playmask.export(small, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_in_normal_runs_no_seam_is_there():
    model = tiny(heads=("mlm",))
    tokens = {"tokens": np.ones((1, 3), "int32")}
    assert "playmask seam" not in str(jax.make_jaxpr(lambda x: model(x))(tokens))
