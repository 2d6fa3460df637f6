"""One graph for prefill and steps: a loop of numpy writes what `generate` writes."""

from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import filled
from export.sessions import greedy, padded
from families.small import small
from pairwise import marked
from playmask.errors import ConfigError
from playmask.onnx.check import session
from tasks.every_task import MAKE

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="exports need JAX")
STEPS = 8
PROMPTS = [[7, 9, 11, 8], [12, 6], [30, 31, 5]]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", {}),
    "bert unilm": ("bert", {"mask": "unilm"}),
    "roformer unilm": ("roformer", {"mask": "unilm"}),
}


@pytest.mark.parametrize("case", marked([(case,) for case in CASES], [("roformer unilm",)]))
def test_ragged_prompts_are_continued_the_same(case, tmp_path):
    family, changes = CASES[case]
    model = filled(small(family, **changes), ("mlm",))
    playmask.export(model, tmp_path, cached=True)
    expected = playmask.generate(model, PROMPTS, max_tokens=STEPS, end=None).tokens
    tokens, valid = padded(PROMPTS)
    first = {"tokens": tokens, "valid": valid, "segments": np.zeros_like(tokens)}
    step = {"segments": np.full((len(tokens), 1), 1 if "unilm" in case else 0, "int32")}
    assert greedy(tmp_path, first, step, STEPS) == [[*text] for [text] in expected]


def test_an_encoder_decoder_writes_the_same(tmp_path):
    model = filled(small("t5_1_1"), ("mlm",))
    playmask.export(model, tmp_path, cached=True)
    expected = playmask.generate(model, PROMPTS, max_tokens=STEPS, end=None).tokens
    tokens, valid = padded(PROMPTS)
    encoder = session(tmp_path / "encoder.onnx")
    names = [each.name for each in encoder.get_outputs()]
    memory = dict(zip(names, encoder.run(names, {"tokens": tokens, "valid": valid}), strict=True))
    start = np.full((len(tokens), 1), model.architecture.start_id, "int32")
    first = {"target_tokens": start, "target_valid": np.ones_like(start, bool), **memory}
    texts = greedy(tmp_path, first, {}, STEPS, tokens="target_tokens")
    assert texts == [[*text] for [text] in expected]


@pytest.mark.parametrize("kind", ["seq2seq", pytest.param("lm", marks=pytest.mark.whole)])
def test_tasks_that_write_have_the_cache(kind, tmp_path):
    (graph,) = MAKE[kind]().export(tmp_path).graphs
    assert graph.inputs["past/order"].sizes == ("batch", "past")
    assert graph.outputs["cache/order"].sizes == ("batch", "past+length")
    with pytest.raises(ConfigError, match="writes token by token"):
        playmask.load_task(tmp_path)
