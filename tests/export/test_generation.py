"""One graph for prefill and steps: a loop of numpy writes what `generate` writes."""

import shutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import playmask
from comparing import filled
from export.sessions import greedy, padded
from export.store import STORED
from families.small import small
from pairwise import marked
from playmask.errors import CheckpointError, ConfigError, InputError
from playmask.files import read_json, write_json
from playmask.generation.steering import Steering, bag_of_words
from playmask.model.architecture import Decoder
from playmask.model.parts import Learned
from playmask.runtime.graph_runs import onnx_session
from tasks.every_task import WORDS, same
from tasks.made_up import model

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
    encoder = onnx_session(tmp_path / "encoder.onnx")
    names = [each.name for each in encoder.get_outputs()]
    memory = dict(zip(names, encoder.run(names, {"tokens": tokens, "valid": valid}), strict=True))
    start = np.full((len(tokens), 1), model.architecture.start_id, "int32")
    first = {"target_tokens": start, "target_valid": np.ones_like(start, bool), **memory}
    texts = greedy(tmp_path, first, {}, STEPS, tokens="target_tokens")
    assert texts == [[*text] for [text] in expected]


def decoding():
    made = model(WORDS, decoder=Decoder(1, position=Learned(32)))
    return playmask.Seq2Seq.new(made, tokenizer=WORDS, max_source=8, max_target=8)


def conditioned():
    made = model(WORDS, mask="lm", condition_size=2)
    options = {"tokenizer": WORDS, "condition": "label", "labels": ["甲", "乙"], "max_length": 16}
    return playmask.LanguageModel.new(made, **options)


TASKS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "decoder": (decoding, {"search": playmask.Beams(3)}),
    "condition": (conditioned, {"search": playmask.Sample(n=2), "condition": ["乙", "甲", "甲"]}),
}
"""What no stored task has, each written by one search: tests/export/stored has all of them."""
TEXTS = ["六七八九", "六 七八", "三六九"]


@pytest.fixture(scope="module", params=TASKS)
def writers(request, tmp_path_factory):
    """A task, the same as it was exported, and how it writes."""
    make, options = TASKS[request.param]
    task, folder = make(), tmp_path_factory.mktemp("exported")
    graph = task.export(folder).graphs[-1]
    assert graph.inputs["past/order"].sizes == ("batch", "past")
    assert "past" in str(graph.outputs["cache/order"].sizes[1])
    return task, playmask.load_task(folder), options


def test_exported_tasks_write_what_the_network_does(writers):
    task, light, options = writers
    same(light.writer.write(TEXTS, **options), task.writer.write(TEXTS, **options))
    one = {"condition": "乙"} if "condition" in options else {}
    pieces = [*light.writer.stream(TEXTS[0], **one)]
    assert "".join(pieces) == light.writer.write(TEXTS[0], **one)[0][0].text


def test_what_a_graph_cannot_do_is_a_sentence(writers):
    _, light, options = writers
    with pytest.raises(ConfigError, match="Steering needs gradients"):
        light.writer.write(TEXTS, steer=Steering(bag_of_words([7])), **options)
    with pytest.raises(InputError, match="Cut the prompt, or ask for fewer tokens"):
        light.writer.write(TEXTS, max_tokens=40, **options)


def test_an_older_export_is_to_be_written_again(tmp_path):
    """It has the graph, but does not say what its model was."""
    folder = tmp_path / "older"
    shutil.copytree(STORED / "lm", folder)
    (folder / "checksums.json").unlink()
    described = read_json(folder / "export.json")
    del described["decoding"]
    write_json(folder / "export.json", described)
    with pytest.raises(CheckpointError, match="export the task again"):
        playmask.load_task(folder)
