"""Exports in 8 bits: near float32, a quarter of the size, and mended where a task would lose."""

import json
import logging
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import filled
from export.sessions import greedy
from families.small import small
from playmask.errors import ConfigError
from playmask.metrics.agreement import agreement
from playmask.onnx.graph import MODEL, Node
from playmask.onnx.int8 import in_int8
from playmask.onnx.tracing import Program, TensorInfo
from playmask.onnx.writing import write_program
from playmask.runtime.graph_runs import onnx_session
from playmask.runtime.train.weight_names import all_weights
from tasks.every_task import spread
from tasks.made_up import model, tokenizer

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
WORDS = tokenizer("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏")
TEXTS = ["零一二三", "六七八九天地", "玄黄", "一三五七九", "寒来暑往", "二四六八"] * 4
TABLE = "embeddings/tokens/embeddings"
OUTER = "blocks/0/feedforward/outer/kernel"


def made(kind: type, *values: Any, **options: Any) -> Any:
    """A task of a model whose matrices are large enough for 8 bits."""
    wide = model(WORDS, depth=1, width=64, inner=128)
    task = kind.new(wide, *values, tokenizer=WORDS, max_length=16, **options)
    spread(task)
    return task


KINDS = {
    "classify": partial(made, playmask.TextClassifier, ["甲", "乙", "丙"]),
    "regress": partial(made, playmask.TextRegressor),
    "tag": partial(made, playmask.SequenceTagger, ["甲", "乙"]),
    "mlm": partial(made, playmask.MaskFill),
}
DECISIONS = {
    "classify": lambda answer: answer.label,
    "regress": lambda answer: answer,
    "tag": lambda answer: [(each.label, each.start, each.end) for each in answer],
    "mlm": lambda answer: answer[0][0].text,
}
"""What is compared of an answer."""


@cache
def task_of(kind: str) -> Any:
    """A task that several tests export, and none changes."""
    return KINDS[kind]()


def product(matrix: Any, *, transposed: bool = False) -> Program:
    """x times a matrix, as a program."""
    nodes = [Node("Transpose", ("w",), ("turned",), {"perm": [1, 0]})] if transposed else []
    nodes.append(Node("MatMul", ("x", "turned" if transposed else "w"), ("y",), {}))
    size = matrix.shape[1 if transposed else 0]
    inputs = {"x": TensorInfo(("batch", "length", size), "float32")}
    outputs = {"y": TensorInfo(("batch", "length", matrix.size // size), "float32")}
    return Program(nodes, {"w": matrix}, inputs, outputs)


def computed(program: Program, x: Any, folder: Any) -> Any:
    write_program(program, folder / "x.onnx")
    (y,) = onnx_session(folder / "x.onnx").run(None, {"x": x})
    return y


def worst(y: Any, expected: Any) -> Any:
    """The largest difference of each output, in parts of its largest value."""
    return np.abs(y - expected).max((0, 1)) / np.abs(expected).max((0, 1))


RANDOM = np.random.default_rng(0)
MATRIX = RANDOM.normal(size=(64, 48)).astype("float32")
MATRIX[:, 5] *= 1000  # one huge channel
X = RANDOM.normal(size=(2, 3, 64)).astype("float32")


NARROW = X[..., :48].copy()


def by_onnxruntime(program: Program, x: Any, folder: Any) -> Any:
    """What onnxruntime.quantization makes of a program, computed."""
    from onnxruntime.quantization import quantize_dynamic

    write_program(program, folder / "float.onnx")
    logging.disable(logging.WARNING)  # it advises a preparation that would change nothing here
    try:
        quantize_dynamic(folder / "float.onnx", folder / "theirs.onnx", per_channel=True)
    finally:
        logging.disable(logging.NOTSET)
    (y,) = onnx_session(folder / "theirs.onnx").run(None, {"x": x})
    return y


RANGES = {"dynamic": None, "static": {"x": (float(X.min()), float(X.max()))}}


@pytest.mark.parametrize("ranges", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("transposed", [False, True], ids=["kernel", "head"])
def test_a_huge_channel_does_not_spoil_the_others(transposed, ranges, tmp_path):
    weight = MATRIX.T.copy() if transposed else MATRIX
    y = computed(in_int8(product(weight, transposed=transposed), (), ranges), X, tmp_path)
    expected = X @ MATRIX
    assert (worst(y, expected) < 0.1).all()
    by_tensor = np.rint(MATRIX * 127 / np.abs(MATRIX).max()) * np.abs(MATRIX).max() / 127
    assert (np.delete(worst(X @ by_tensor, expected), 5) > 0.5).all()


def test_the_rows_of_a_table_have_a_scale_each(tmp_path):
    table = MATRIX.T.copy()
    ids = TensorInfo(("batch",), "int32", 48)
    node = Node("Gather", ("w", "x"), ("y",), {"axis": 0})
    program = Program([node], {"w": table}, {"x": ids}, {"y": TensorInfo(("batch", 64), "float32")})
    rows = computed(in_int8(program), np.arange(48, dtype="int32"), tmp_path)
    assert (np.abs(rows - table).max(1) <= np.abs(table).max(1) / 253).all()


def test_a_product_is_that_of_onnxruntimes_own_quantizer(tmp_path):
    wide = MATRIX.T.copy()
    ours = computed(in_int8(product(wide)), NARROW, tmp_path)
    theirs = by_onnxruntime(product(wide), NARROW, tmp_path)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


def test_where_a_matrix_has_more_rows_than_columns_a_huge_token_does_not_spoil_the_others(tmp_path):
    x, others = X * np.array([1, 1000, 1], "float32")[:, None], [0, 2]
    expected = (x @ MATRIX)[:, others]
    ours = computed(in_int8(product(MATRIX)), x, tmp_path)[:, others]
    theirs = by_onnxruntime(product(MATRIX), x, tmp_path)[:, others]
    assert (worst(ours, expected) < 0.05).all() and (worst(theirs, expected) > 0.5).all()
    assert (computed(in_int8(product(MATRIX)), 0 * X, tmp_path) == 0).all()


def test_a_table_that_is_a_head_too_is_stored_once(tmp_path):
    a = small("gpt2", vocabulary=96, width=64, inner=128)
    written = playmask.export(filled(a, ("mlm",)), tmp_path, cached=True, quantize="int8")
    import onnx

    stored = {each.name: each.data_type for each in onnx.load(tmp_path / MODEL).graph.initializer}
    assert [n for n in stored if n.startswith(TABLE) and "scale" not in n] == [f"{TABLE}/int8"]
    assert written.graphs[0].difference < 0.2 and written.quantization.comparison is None
    first = {"tokens": np.array([[7, 9, 11]], "int32"), "valid": np.ones((1, 3), bool)}
    assert len(greedy(tmp_path, first, {}, 4)[0]) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_in_8_bits_answers_as_in_float32(kind, tmp_path):
    task = task_of(kind)
    texts = [f"零[MASK]{text[0]}" for text in TEXTS] if kind == "mlm" else TEXTS
    written = task.export(tmp_path, quantize="int8")
    light = playmask.load_task(tmp_path)
    answers = [[*map(DECISIONS[kind], each.predict(texts))] for each in (task, light)]
    assert agreement(*answers) >= 0.9
    assert written.difference <= 0.1
    quantization = written.quantization
    size = sum(each.stat().st_size for each in tmp_path.glob("model.onnx*"))
    assert quantization.bytes == size and size / quantization.bytes_before < 0.5


def outlier() -> tuple[Any, list[Any]]:
    """A classifier with one channel of huge values, which nothing is multiplied with, and examples.

    8 bits have no steps left for the other values that go into the same matrix.
    """
    task = made(playmask.TextClassifier, ["甲", "乙", "丙"])
    weights = all_weights(task.network)
    bias, outer = weights["blocks/0/feedforward/inner/bias"], weights[OUTER]
    bias.assign(np.concatenate([[3000.0], bias.numpy()[1:]]))
    outer.assign(np.concatenate([np.zeros((1, 64)), 10 * outer.numpy()[1:]]))
    return task, [
        (text, answer.label) for text, answer in zip(TEXTS, task.predict(TEXTS), strict=True)
    ]


def test_the_weight_that_8_bits_harm_stays_in_float32_until_the_bound_holds(tmp_path):
    task, examples = outlier()
    free = task.export(tmp_path / "free", quantize=playmask.Int8(evaluate=examples))
    assert free.quantization.comparison.loss > 0.5 and free.quantization.float32 == ()
    bound = playmask.Int8(evaluate=examples, max_loss=0.5)
    written = task.export(tmp_path / "bound", quantize=bound).quantization
    assert written.float32 == (OUTER,)
    assert written.comparison.measure == "accuracy" and written.comparison.float32 == 1
    assert written.comparison.loss <= 0.5 and written.comparison.agreement >= 0.98
    for name in ("task.json", "export.json"):
        said = json.loads((tmp_path / "bound" / name).read_text("utf-8"))["quantization"]
        assert said["float32"] == [OUTER] and said["comparison"]["agreement"] >= 0.98
    page = (tmp_path / "bound" / "README.md").read_text("utf-8")
    assert f"| weights in float32 | {OUTER} |" in page and "answers that agree" in page


def test_with_calibration_an_answer_depends_on_its_own_text_alone(tmp_path):
    task = task_of("classify")
    written = task.export(tmp_path, quantize=playmask.Int8(calibrate=TEXTS))
    assert written.quantization.activations == "static"
    light = playmask.load_task(tmp_path)
    alone, beside = light.predict(["零一"])[0], light.predict(["零一", "三五天地"])[0]
    assert alone.probabilities == pytest.approx(beside.probabilities, abs=1e-6)


def test_texts_and_examples_may_stand_in_files(tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), "utf-8")
    (tmp_path / "valid.tsv").write_text("".join(f"{text}\t甲\n" for text in TEXTS), "utf-8")
    options = playmask.Int8(calibrate=tmp_path / "texts.txt", evaluate=tmp_path / "valid.tsv")
    written = task_of("classify").export(tmp_path / "out", quantize=options)
    assert written.quantization.comparison.examples == len(TEXTS)


REFUSED = {
    "quantize is 'int4'; leave it out for weights in float32.*'int8'": lambda: "int4",
    "max_loss is 0.5, but there are no examples": lambda: playmask.Int8(max_loss=0.5),
    "max_loss is -1; it is a number of points, from 0": lambda: playmask.Int8(
        evaluate=[], max_loss=-1
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        task_of("classify").export(tmp_path / "out", quantize=REFUSED[message]())
    assert not (tmp_path / "out").exists()


def test_what_answers_no_examples_is_not_measured(tmp_path):
    texts = playmask.Int8(calibrate=TEXTS)
    with pytest.raises(ConfigError, match="calibrate= needs a task that answers"):
        playmask.export(task_of("mlm").transformer, tmp_path / "out", quantize=texts)
    examples = playmask.Int8(evaluate=["零[MASK]"])
    with pytest.raises(ConfigError, match="measured by its loss, which no export computes"):
        task_of("mlm").export(tmp_path / "out", quantize=examples)
    assert not (tmp_path / "out").exists()
