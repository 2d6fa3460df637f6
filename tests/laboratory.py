"""The parts of the attention laboratory, each as what `change` takes, for tests of all of them."""

from typing import Any

from playmask.model.norms import Around, Norm
from playmask.model.parts import (
    Alibi,
    Buckets,
    ContextAttention,
    Disentangled,
    Dot,
    DynamicConvolution,
    Glu,
    Joined,
    Learned,
    LightConvolution,
    Linformer,
    PseudoSelf,
    ResidualScores,
    Rotary,
    Synthesizer,
    TalkingHeads,
    TokenMixing,
    TransformerXl,
    mix,
)

LENGTH, CONTEXT = 20, 6


def synthesizer(kind: str, **options: Any) -> Any:
    """A Synthesizer for short texts, drawn wide enough that its scores matter."""
    spread = {"spread": 1.0} if "random" in kind or kind == "fixed" else {}
    return Synthesizer(kind, length=LENGTH, **spread, **options)


RANDOM, DENSE = synthesizer("random"), synthesizer("dense")

FOLLOWING: dict[str, dict[str, Any]] = {
    "dot": {"attention": Dot()},
    "unscaled": {"attention": Dot(scale=False)},
    "random": {"attention": RANDOM},
    "fixed": {"attention": synthesizer("fixed")},
    "dense": {"attention": DENSE},
    "dense_hidden": {"attention": synthesizer("dense", hidden=5)},
    "factorized_random": {"attention": synthesizer("factorized_random", rank=3)},
    "factorized_dense": {"attention": synthesizer("factorized_dense", rows=4)},
    "mesh_dense": {"attention": synthesizer("mesh_dense")},
    "random+dot": {"attention": mix(RANDOM, Dot())},
    "dense+dot": {"attention": mix(DENSE, Dot(), form="mesh", start=(0.7, 0.3))},
    "random+dense": {"attention": mix(RANDOM, DENSE, start=(0.2, 0.8))},
    "random+dense+dot": {"attention": mix(RANDOM, DENSE, Dot())},
    "two_randoms": {"attention": mix(RANDOM, RANDOM)},
    "random_plus": {"attention": (Dot(), RANDOM)},
    "residual": {"attention": (Dot(), ResidualScores())},
    "by_block": {"attention": {0: RANDOM, "rest": Dot()}},
    "light": {"attention": LightConvolution(2, 1), "projections": Glu()},
    "dynamic": {"attention": DynamicConvolution(3, 0)},
    "dynamic+dot": {"attention": mix(DynamicConvolution(1, 1), Dot())},
    "talking": {"talking_heads": True},
    "talking_before": {"talking_heads": TalkingHeads(after=False)},
    "talking_after": {"talking_heads": TalkingHeads(before=False)},
    "talking_others": {"talking_heads": TalkingHeads(key_heads=2, value_heads=3)},
    "talking_random": {"attention": RANDOM, "talking_heads": TalkingHeads(key_heads=6)},
    "key_size": {"key_size": 10, "value_size": 4},
    "alibi": {"position": "alibi"},
    "pseudo_self": {"context": PseudoSelf(CONTEXT)},
    "context": {"context": ContextAttention(CONTEXT)},
}
"""What follows any order, and a cache."""

ENCODING: dict[str, dict[str, Any]] = {
    "linformer": {"attention": Linformer(5, length=LENGTH)},
    "token_mixing": {"attention": TokenMixing(7, length=LENGTH)},
}
"""What mixes the whole text."""

OPEN: dict[str, dict[str, Any]] = {
    "grouped": {"key_value_heads": 2},
    "grouped_mixed": {"key_value_heads": 1, "attention": mix(RANDOM, Dot())},
    "grouped_talking": {"key_value_heads": 2, "talking_heads": True, "position": "nezha"},
    "grouped_context": {"key_value_heads": 2, "context": PseudoSelf(CONTEXT)},
    "query_key_norm": {"query_key_norm": Norm(1e-6, "rms"), "position": "rotary"},
    "query_key_norm_context": {"query_key_norm": Norm(1e-6), "context": PseudoSelf(CONTEXT)},
    "halves": {"position": Rotary(halves=True), "key_value_heads": 2},
    "rotary_by_block": {"position": {0: Rotary(500.0), "rest": None}},
    "buckets_by_block": {"position": {0: Buckets(6, 9), "rest": Buckets(8, 9)}},
    "disentangled": {"position": Disentangled(6, 12), "attention": Dot(terms=3)},
    "disentangled_grouped": {"position": Disentangled(6, 12, norm=None), "key_value_heads": 2},
    "disentangled_random": {"position": Disentangled(6, 12), "attention": RANDOM},
    "joined": {"position": Joined((Learned(40), Buckets(6, 9), Alibi()))},
    "joined_by_block": {"position": {0: Joined((Alibi(), Disentangled(6, 12))), "rest": None}},
    "own_distances": {"position": Disentangled(6, None, None, ("p2c",), shared=False)},
    "transformer_xl": {"position": TransformerXl(), "key_value_heads": 2},
    "norms_by_block": {"attention_norm": {0: Around()}, "feedforward_norm": {1: Around()}},
    "biases": {"bias": ("query", "key", "inner")},
}
"""Choices of the architecture around the parts; they follow any order, and a cache."""

LABORATORY = FOLLOWING | ENCODING
