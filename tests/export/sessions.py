"""Graphs run beside what they were made of, and a loop that writes with one."""

from pathlib import Path
from typing import Any

import numpy as np

from playmask.model.transformer import Transformer
from playmask.onnx.check import Lengths, compare
from playmask.onnx.export import Entry
from playmask.onnx.signature import inputs_of
from playmask.onnx.tracing import traced
from playmask.onnx.writing import write_program
from playmask.runtime.compiled import Compiled
from playmask.runtime.graph_runs import onnx_session


def whole(model: Transformer, most: int | None = None) -> Entry:
    """All that a model returns, as one graph."""
    return Entry(
        "model.onnx",
        lambda inputs: model(inputs),
        inputs_of(model.architecture),
        Lengths(most=most),
    )


def written(entry: Entry, folder: Path, model: Transformer | None = None) -> float:
    """Write a graph and run it at sizes that were not traced: how far it is from the model."""
    file = folder / entry.file
    write_program(traced(entry.function, entry.inputs), file)
    function = entry.function if model is None else Compiled(model, entry.function)
    return compare(file, function, entry.inputs, entry.lengths)


def padded(rows: list[list[int]]) -> tuple[Any, Any]:
    """Rows of one length, and what is no padding."""
    length = max(map(len, rows))
    valid = np.array([[i < len(row) for i in range(length)] for row in rows])
    return np.array([row + [0] * (length - len(row)) for row in rows], "int32"), valid


def greedy(
    folder: Path, first: dict[str, Any], step: dict[str, Any], count: int, tokens: str = "tokens"
) -> list[list[int]]:
    """The most likely tokens, each after those before it: a loop that knows numpy and the graph.

    first: inputs of the first call; step: of each further one, but for the tokens
    """
    model = onnx_session(folder / "model.onnx")
    names = [each.name for each in model.get_outputs()]
    batch = len(first[tokens])
    inputs = dict(first)
    for each in model.get_inputs():
        if each.name.startswith("past/"):
            sizes = {"batch": batch, "past": 0}
            shape = [sizes.get(size, size) for size in each.shape]
            dtype = {"tensor(float)": "float32", "tensor(int32)": "int32"}[each.type]
            inputs[each.name] = np.zeros(shape, dtype)
    texts: list[list[int]] = [[] for _ in range(batch)]
    known = {each.name for each in model.get_inputs()}
    last = np.maximum(first[tokens.replace("tokens", "valid")].sum(1) - 1, 0)
    for _ in range(count):
        fed = {name: value for name, value in inputs.items() if name in known}
        outputs = dict(zip(names, model.run(names, fed), strict=True))
        best = outputs["logits"][np.arange(batch), last].argmax(-1).astype("int32")
        for text, token in zip(texts, best, strict=True):
            text.append(int(token))
        kept = {name.replace("cache/", "past/"): value for name, value in outputs.items()
                if name.startswith("cache/")}  # fmt: skip
        fixed = {name: value for name, value in first.items() if name.startswith("memory/")}
        valid = np.ones((batch, 1), bool)
        inputs = {**fixed, **kept, **step, tokens: best[:, None],
                  tokens.replace("tokens", "valid"): valid}  # fmt: skip
        last = np.zeros(batch, int)
    return texts
