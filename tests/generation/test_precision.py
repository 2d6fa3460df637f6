"""Half precision and 8-bit weights: the same loop, almost the same scores, less memory."""

import keras
import numpy as np
import pytest

import playmask
from comparing import TINY, filled
from playmask import Beams, Sample
from playmask.errors import ConfigError
from tasks.made_up import QUICK, cycle, model, tokenizer

pytestmark = pytest.mark.backends

PROMPTS = [[2, 7, 9], [2, 8, 6, 5, 11]]
RATIO = {"bfloat16": 0.5, "float16": 0.5, "mixed_bfloat16": 1, "mixed_float16": 1, "int8": 0.35}
WRONG = {"bfloat16": 0.05, "float16": 0.01, "mixed_bfloat16": 0.05, "mixed_float16": 0.01}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A language model as a checkpoint, and what it writes in float32."""
    folder = tmp_path_factory.mktemp("precision")
    whole = filled(TINY.change(order="lm", width=64, inner=256, depth=2), ("mlm",))
    playmask.save(whole, folder)
    return folder, whole, playmask.generate(whole, PROMPTS, max_tokens=6, end=None)


def size_of(model) -> int:
    return sum(np.asarray(keras.ops.convert_to_numpy(v.value)).nbytes for v in model.variables)


@pytest.mark.parametrize("dtype", RATIO)
def test_less_precise_is_almost_the_same(saved, dtype):
    """The score of a text, told by the precise and by the other model."""
    folder, whole, wanted = saved
    other = playmask.load(folder, heads="mlm", dtype=dtype)
    assert size_of(other) <= 1.01 * RATIO[dtype] * size_of(whole)
    forced = playmask.Automaton.prefix_tree(wanted.tokens[0][:1], end=3)
    both = [
        playmask.generate(each, PROMPTS[:1], max_tokens=7, end=3, constrain=forced)
        for each in (whole, other)
    ]
    assert both[0].tokens == both[1].tokens
    assert np.isfinite(both[1].scores).all()
    difference = abs(both[0].scores[0][0] - both[1].scores[0][0])
    assert 0 < difference < WRONG.get(dtype, 0.1) * abs(both[0].scores[0][0])


@pytest.mark.parametrize("search", [Beams(3), Sample(2, top_p=0.9)], ids=str)
def test_all_searches_run_in_half_precision(saved, search):
    other = playmask.load(saved[0], heads="mlm", dtype="bfloat16")
    made = playmask.generate(other, PROMPTS, max_tokens=4, end=3, search=search)
    assert all(np.isfinite(score) for row in made.scores for score in row)


@pytest.mark.backends("torch")
def test_a_quantized_model_writes_but_is_not_saved(saved, tmp_path):
    other = playmask.load(saved[0], heads="mlm")
    before = playmask.generate(other, PROMPTS, max_tokens=4, end=None)
    assert other.quantized is None
    other.quantize("int8")
    assert other.quantized == "int8"
    after = playmask.generate(other, PROMPTS, max_tokens=4, end=None)  # not what was compiled
    assert before.scores != after.scores
    with pytest.raises(ConfigError, match="turned into int8, which no checkpoint holds"):
        playmask.save(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.backends("torch")
def test_a_task_is_loaded_in_less(tmp_path):
    words = tokenizer()
    task = playmask.LanguageModel.new(model(words, mask="lm"), tokenizer=words, max_length=16)
    task.fit([cycle(i % 10) for i in range(160)], **QUICK)
    task.save(tmp_path)
    for dtype in ("bfloat16", "int8"):
        other = playmask.load_task(tmp_path, dtype=dtype)
        assert other.predict("三", max_tokens=3) == task.predict("三", max_tokens=3) == "四五六"
    with pytest.raises(ConfigError, match="Save it before that"):
        other.save(tmp_path)
    assert playmask.load_task(tmp_path).predict("三", max_tokens=3) == "四五六"
    with pytest.raises(ConfigError, match="no dtype 'int7'"):
        playmask.load_task(tmp_path, dtype="int7")
