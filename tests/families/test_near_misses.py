"""The original programs' values are sharp: a model that is nearly right fails on them."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from stored import family_of

import playmask
from comparing import numpy_of
from oracles import CASES, CLOSE
from playmask.families import FAMILIES
from playmask.families.config import with_epsilon
from playmask.model.architecture import Architecture
from playmask.model.masks import Ordered, Window
from playmask.model.norms import Around, Norm
from playmask.model.parts import (
    Buckets,
    ByBlock,
    Disentangled,
    Dot,
    Hierarchical,
    Joined,
    Learned,
    Nezha,
    Rotary,
    StoredRotary,
    TransformerXl,
)
from playmask.model.transformer import Transformer, weights_by_name
from playmask.runtime.lazy_weights import blank, fill

pytestmark = pytest.mark.backends

FAR = 2e-3  # what a wrong choice must differ by, at least, where it is no matter of rounding
GELU = {"gelu": "gelu_tanh", "gelu_tanh": "gelu"}


@cache
def right(name: str) -> Transformer:
    return CASES[name].load()


def errors(name: str, **changes: Any) -> float:
    """How far a case's model is from the original with some of its fields changed."""
    model = right(name)
    made = blank(lambda: Transformer(model.architecture.change(**changes), model.head_names))
    values = weights_by_name(model)
    for ours, variable in weights_by_name(made).items():
        fill(variable, numpy_of(values[ours].value))
    return max(CASES[name].errors(made).values())


@cache
def right_architecture(name: str) -> Architecture:
    return playmask.architecture(CASES[name].path, family=family_of(name))


@pytest.mark.parametrize("name", CASES)
def test_the_same_model_without_a_change_is_right(name):
    """What is left of a near miss when nothing is missed."""
    assert errors(name) < CLOSE


@pytest.mark.parametrize("name", [n for n in CASES if right_architecture(n).activation in GELU])
def test_the_other_gelu(name):
    assert errors(name, activation=GELU[right(name).architecture.activation]) > CLOSE


BLUNT = {"bert4keras/gpt"}  # no norm in front, and large numbers: an epsilon does not show
NORMS = ("embedding_norm", "attention_norm", "feedforward_norm", "final_norm", "vocabulary_head")


def norms(name: str, epsilon: float) -> dict[str, Any]:
    other = with_epsilon(right(name).architecture, epsilon)
    return {field: getattr(other, field) for field in NORMS}


@pytest.mark.parametrize("name", CASES)
def test_another_epsilon(name):
    """Ten times the largest that any family has; 1e-12 and 1e-7 cannot be told apart."""
    assert (errors(name, **norms(name, 1e-4)) > CLOSE) == (name not in BLUNT)


def test_an_epsilon_that_others_have():
    assert errors("bert4keras/bert_encoder", **norms("bert4keras/bert_encoder", 1e-5)) > CLOSE
    assert errors("bert4keras/gpt2", **norms("bert4keras/gpt2", 1e-12)) > CLOSE


@pytest.mark.parametrize("name", CASES)
def test_dot_products_scaled_otherwise(name):
    (part,) = right(name).architecture.attention
    assert errors(name, attention=Dot(scale=not part.scale)) > FAR


NEARLY: dict[type, Any] = {
    Learned: None,
    Hierarchical: None,
    Rotary: Rotary(base=1000.0),
    StoredRotary: Rotary(),
    Nezha: Nezha(clip=63),  # its sinusoid starts at the clip, so that short texts show it too
    Buckets: Buckets(bidirectional=False),
    Disentangled: None,
    Joined: None,
    TransformerXl: None,
    ByBlock: Rotary(160_000.0, halves=True),
}


@pytest.mark.parametrize("name", CASES)
def test_other_positions(name):
    position = right(name).architecture.position
    assert errors(name, position=NEARLY[type(position)]) > FAR
    if isinstance(position, Rotary) and position.halves:
        assert errors(name, position=replace(position, halves=False)) > FAR


def test_windows_norms_and_shared_heads():
    """What sets the newer families apart, each missed by a little."""
    modern = right("transformers5/modernbert_mlm").architecture
    everywhere = Around(before=modern.final_norm)
    for changes in (
        {"mask": Ordered()},
        {"mask": replace(modern.mask, rest=Ordered() & Window(3))},
        {"mask": replace(modern.mask, rest=Ordered() & Window(5))},
        {"attention_norm": {0: Around(), 1: Around(), "rest": everywhere}},
        {"activation": "linear", "gate": "gelu"},
    ):
        assert errors("transformers5/modernbert_mlm", **changes) > CLOSE, changes
    assert errors("transformers5/qwen3_lm", query_key_norm=None) > FAR
    assert errors("transformers5/qwen2_lm", bias=False) > CLOSE
    assert errors("transformers5/gte", activation="linear", gate="gelu") > CLOSE
    assert errors("transformers5/nomic_bert", activation="linear", gate="swish") > CLOSE


@pytest.mark.parametrize("name", ["bart", "mbart", "pegasus"])
def test_what_each_stack_has_of_its_own(name):
    name = f"transformers5/{name}"
    a = right(name).architecture
    others = [{"embedding_scale": 2.0}]
    if name.endswith("bart"):
        others += [{"decoder": replace(a.decoder, position=None)}]
        others += [{"decoder": replace(a.decoder, embedding_norm=None)}]
        others += [{"position": replace(a.position, size=42, offset=0)}]
    if a.final_norm is not None:
        others += [{"final_norm": None}]
    for changes in others:
        assert errors(name, **changes) > FAR, changes


EPSILON = Around(after=Norm(1e-3))


@pytest.mark.parametrize(
    "changes", [{"memory": None}, {"memory": 1}, {"segments": True}, {"norm": EPSILON}]
)
def test_what_cpts_decoder_does_otherwise(changes):
    decoder = replace(right("transformers5/cpt").architecture.decoder, **changes)
    assert errors("transformers5/cpt", decoder=decoder) > CLOSE
    assert errors("transformers5/cpt", default_segment=0) > FAR


def test_each_of_the_positions_that_stand_together_counts():
    table, distances = right("transformers5/mpnet").architecture.position.members
    for part in (table, distances, Joined((replace(table, offset=0), distances))):
        assert errors("transformers5/mpnet", position=part) > FAR


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("v2_mlm", {"terms": ("c2p",)}),
        ("v2_mlm", {"terms": ("p2c",)}),
        ("v3_shared", {"terms": ("c2p",)}),
        ("v3_shared", {"longest": None}),
        ("v3_shared", {"norm": None}),
    ],
)
def test_other_distances(case, change):
    name = f"transformers5/deberta_{case}"
    part = replace(right(name).architecture.position, **change)
    assert errors(name, position=part) > CLOSE


@pytest.mark.parametrize("name", [n for n in CASES if family_of(n) in ("t5", "t5_1_1", "mt5")])
def test_a_decoder_with_or_without_what_bert4keras_adds(name):
    made = right(name).architecture
    if made.decoder is None:
        return  # the case of an encoder alone
    cross = replace(made.decoder, cross_position=not made.decoder.cross_position)
    assert errors(name, decoder=cross) > FAR
    other = {1.0: made.width**-0.5, made.width**-0.5: 1.0}[made.vocabulary_head.scale]
    scaled = replace(made.vocabulary_head, scale=other)
    assert errors(name, vocabulary_head=scaled) > FAR
    assert errors(name, decoder=replace(made.decoder, position=None)) > FAR


@pytest.mark.parametrize("name", CASES)
def test_like_bert4keras_or_not(name):
    """It changes the outputs where it changes more than an epsilon, and only there."""
    case, stored = CASES[name], right_architecture(name)
    one, other = (
        with_epsilon(made, 1.0) for made in (stored, FAMILIES[stored.family].bert4keras(stored))
    )
    if "mlm" not in right(name).head_names:
        other = replace(other, vocabulary_head=one.vocabulary_head)
    found = case.errors(case.load(like=None if "like" in case.options else "bert4keras"))
    assert (max(found.values()) > CLOSE) == (one != other)


@pytest.mark.parametrize("mask", ["full", "lm", "unilm"])
@pytest.mark.parametrize("name", [n for n in CASES if CASES[n].options.get("mask")])
def test_another_mask(name, mask):
    if mask != right(name).architecture.order:
        assert errors(name, order=mask) > FAR


def test_the_tanh_gelu_of_a_checkpoint_is_read():
    assert right("transformers/bert_tanh_gelu").architecture.activation == "gelu_tanh"
