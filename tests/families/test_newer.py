"""ModernBERT, GTE, NomicBERT, Llama and Qwen: what tells them apart, what they are used for."""

import json

import numpy as np
import pytest
from small import small
from stored import load, rewritten, tensors_of
from test_cached import rows_for, stepped, uncached

import playmask
from comparing import assert_same, error, filled, numpy_of, tokens
from oracles import CASES, CLOSE
from playmask.checkpoints.safetensors import write
from playmask.errors import ConfigError
from playmask.model.architecture import Architecture
from playmask.model.masks import Ordered, Window
from playmask.model.norms import Around, Norm
from playmask.model.parts import ByBlock, LinearScaling, Rotary
from playmask.tasks.classification.pooling import POOLINGS

pytestmark = pytest.mark.backends

NEWER = ("modernbert_mlm", "gte", "nomic_bert", "llama_lm", "qwen2_lm", "qwen3_lm", "xlnet_lm")


@pytest.mark.parametrize("name", NEWER)
def test_a_checkpoint_is_known_without_its_model_type(name, tmp_path):
    """By its tensors: biases of queries are Qwen2's, norms of them Qwen3's."""
    place = rewritten(f"transformers5/{name}", tmp_path / "x")
    config = json.loads((place / "config.json").read_text())
    family = config.pop("model_type")
    (place / "config.json").write_text(json.dumps(config))
    assert playmask.architecture(place).family == family


# Choices that the original programs' small cases do not make

RMS = Norm(1e-6, "rms")
ALL = ("query", "key", "value", "output", "inner", "gate", "outer")
MADE: dict[str, tuple[Architecture, tuple[str, ...], dict[str, str]]] = {
    "llama with biases": (small("llama", bias=ALL, key_size=10, value_size=10), ("mlm",), {}),
    "llama, all of it seen": (small("llama", order="full"), ("mlm",), {}),
    "qwen2 with windows": (
        small("qwen2", mask=ByBlock(((0, Ordered()),), Ordered() & Window(3))), ("mlm",), {}
    ),
    "qwen3, scaled": (
        small("qwen3", position=Rotary(50.0, halves=True, scaling=LinearScaling(2.0))),
        ("mlm",),
        {"model.": ""},
    ),
    "modernbert with biases": (
        small(
            "modernbert",
            bias=ALL,
            embedding_norm=Norm(1e-5),
            final_norm=Norm(1e-5),
            attention_norm=ByBlock(((0, Around()),), Around(before=Norm(1e-5))),
            feedforward_norm=Around(before=Norm(1e-5)),
            position=ByBlock(((0, Rotary(9.0, halves=True)),), Rotary(90.0, halves=True)),
            vocabulary_head=playmask.VocabularyHead(norm=Norm(1e-5), bias=False, activation="relu"),
        ),
        ("mlm",),
        {"model.": ""},
    ),
    "gte without segments": (small("gte", segments=0), ("mlm", "pool"), {"new.": "gte."}),
    "gte, bare": (small("gte"), (), {"new.": ""}),
    "nomic_bert, whose own program has no biases in the head": (
        small(
            "nomic_bert",
            vocabulary_head=playmask.VocabularyHead(transform_bias=False, bias=False),
        ),
        ("mlm",),
        {"nomic_bert.": "bert."},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_every_choice_is_saved_and_read_again_under_every_root(name, tmp_path):
    made, heads, roots = MADE[name]
    model = filled(made, heads)
    playmask.save(model, tmp_path / "x", "huggingface")
    for usual, other in roots.items():
        stored = tensors_of(tmp_path / "x")
        renamed = {n.replace(usual, other): np.array(value) for n, value in stored.items()}
        (tmp_path / "x" / "checksums.json").unlink()
        write(tmp_path / "x" / "model.safetensors", renamed)
    again = playmask.load(tmp_path / "x", heads=heads)
    ignored = {"initializer_range": made.initializer_range, "dropout": made.dropout}
    assert again.architecture.change(**ignored) == made and not again.report.fresh
    inputs = {"tokens": tokens(2, 9) % 37 + 2}
    output = "logits" if heads else "hidden"
    assert error(again(inputs)[output], model(inputs)[output]) == 0
    playmask.save(again, tmp_path / "y", "huggingface")
    assert_same(tensors_of(tmp_path / "y"), tensors_of(tmp_path / "x"))


def test_windows_of_some_blocks_go_through_the_cache():
    made, _, _ = MADE["qwen2 with windows"]
    model, batch = filled(made, ("mlm",)), rows_for("qwen2", "lm")
    right = uncached(model, batch)
    assert error(stepped(model, batch), right) < CLOSE
    wide = filled(made.change(mask=Ordered()), ("mlm",))
    assert error(stepped(wide, batch), right) > 1e-3


def test_fewer_blocks_keep_their_own_choices():
    cut = load("transformers5/modernbert_mlm", depth=3)
    assert cut.architecture.masks == (Ordered(), *[Ordered() & Window(4)] * 2)
    with pytest.raises(ConfigError, match="names block 3, but the depth is 2"):
        cut.architecture.change(depth=2, mask={3: Ordered()})


# What they are used for


def test_the_last_token_is_what_qwen3_embedding_says():
    case = CASES["transformers5/qwen3_embedding"]
    valid = case.inputs["valid"] & (np.arange(11) < np.array([[11], [8], [5]]))
    out = case.load()(case.inputs | {"valid": valid})
    last, first = (
        numpy_of(POOLINGS[name].pool(out, valid[..., None])) for name in ("last", "first")
    )
    right = case.arrays["out:last_hidden_state"][np.arange(3), valid.sum(1) - 1]
    assert error(last, right) < CLOSE and error(first, right) > 1e-2


def test_two_logits_of_the_last_token_rerank():
    """The recipe of docs/decoders.md, as Qwen3-Reranker is used: what "yes" has against "no"."""
    case = CASES["transformers5/qwen3_lm"]
    yes, no = 7, 9
    valid = case.inputs["valid"] & (np.arange(11) < np.array([[11], [8], [5]]))
    rows = [row[own] for row, own in zip(case.inputs["tokens"], valid, strict=True)]
    predictor = playmask.Predictor(case.load())
    outputs = predictor([{"tokens": row, "read": [len(row) - 1]} for row in rows])
    scores = [1 / (1 + np.exp(o["logits"][0, no] - o["logits"][0, yes])) for o in outputs]
    last = case.arrays["out:logits"][np.arange(3), valid.sum(1) - 1]
    right = np.exp(last[:, yes]) / (np.exp(last[:, yes]) + np.exp(last[:, no]))
    assert np.abs(np.array(scores) - right).max() < 1e-5
