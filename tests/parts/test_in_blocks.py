"""Attention for some queries at a time equals attention for all of them."""

import numpy as np
import pytest

import playmask
import playmask.model.kernels
from comparing import TINY, error
from laboratory import CONTEXT, LABORATORY, OPEN

LENGTH = 20


@pytest.mark.parametrize("name", [*LABORATORY, *OPEN])
def test_in_blocks(name, monkeypatch):
    model = playmask.build(TINY.change(**(LABORATORY | OPEN)[name]), heads=("mlm",))
    random = np.random.default_rng(0)
    inputs = {
        "tokens": random.integers(1, TINY.vocabulary, (2, LENGTH)).astype("int32"),
        "valid": np.arange(LENGTH) < np.array([[LENGTH], [11]]),
    }
    if model.architecture.context is not None:
        inputs["context"] = random.normal(size=(2, 3, CONTEXT)).astype("float32")
    whole = model(inputs, attention=True)
    monkeypatch.setattr(playmask.model.kernels, "SCORES", 1)  # at most 16 queries, so 10 twice
    parts = model(inputs, attention=True)
    assert error(parts["logits"], whole["logits"]) < 2e-5
    for ours, wanted in zip(parts["attention"], whole["attention"], strict=True):
        assert ours.shape == wanted.shape and error(ours, wanted) < 2e-5
