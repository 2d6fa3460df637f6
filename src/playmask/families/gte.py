"""GTE (new): BERT with rotary positions and gated feed-forward layers (Zhang et al. 2024, mGTE)."""

from playmask.errors import ConfigError, brief
from playmask.families.config import Fields, Key, read_activation, refuse_others, write_silu
from playmask.families.encoders import (
    HUGGINGFACE_IGNORED,
    REQUIRED,
    TORCH_KERNEL,
    TORCH_NORM,
    TRANSPOSED,
    configuration,
    transposed,
)
from playmask.families.encoders import KEYS as BERT_KEYS
from playmask.families.family import Family
from playmask.families.names import OUTPUT, TOKENS, Dialect, Rule, fused, pairs
from playmask.families.rope import ROPE_KEYS, take_rotary, write_rotary
from playmask.model.architecture import Architecture
from playmask.model.parts import Rotary

THETA = 160_000.0

BASE = Architecture(
    family="gte",
    vocabulary=250048,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    gate="linear",
    position=Rotary(THETA, halves=True),
    segments=1,
    pad=1,
    bias=("query", "key", "value", "output", "outer"),
    attention_dropout=0.0,
)
"""The sizes of gte-multilingual-base."""

NOT_BERT = ("hidden_act", "embedding_size", "attention_key_size", "attention_head_size")
ENCODER_KEYS = (
    *(key for key in BERT_KEYS if key.theirs not in (*NOT_BERT, "segment_vocab_size")),
    Key("hidden_act", "gated", read_activation, write_silu),
    *ROPE_KEYS,
)
"""BERT's keys, and those of rotary positions."""

UNUSUAL = {
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
    "logn_attention_clip1": False,
    "pack_qkv": True,
}
"""Keys of the files with the program beside them (`new`), with the only published values."""


def from_fields(fields: Fields) -> Fields:
    """Rotary positions, one way or the other; the first half of the gated layer is the gate."""
    refuse_others(fields, UNUSUAL, "GTE")
    kind = fields.pop("position_type", "rope")
    if kind != "rope":
        raise ConfigError(f"position_embedding_type {brief(kind)} is not GTE's; 'rope' is due.")
    position = take_rotary(fields, THETA)
    activation = fields.pop("gated", BASE.activation)
    return {**fields, "position": position, "activation": activation}


def to_fields(architecture: Architecture) -> Fields:
    """What the keys say of an architecture."""
    return {"gated": architecture.activation, **write_rotary(architecture.position)}


def huggingface() -> Dialect:
    """Its tensor names, with the root of either program or without one."""
    layer, block = "new.encoder.layer.{i}", "blocks/{i}"
    projections = [f"{block}/attention/{name}" for name in ("query", "key", "value")]
    gated = [f"{block}/feedforward/{name}" for name in ("gate", "inner")]
    rules = [
        Rule(TOKENS, "new.embeddings.word_embeddings.weight"),
        Rule("embeddings/segments/embeddings", "new.embeddings.token_type_embeddings.weight"),
        *pairs("embeddings/norm", "new.embeddings.LayerNorm", TORCH_NORM),
        *fused(projections, f"{layer}.attention.qkv_proj", TORCH_KERNEL, TRANSPOSED),
        *transposed(f"{block}/attention/output", f"{layer}.attention.o_proj"),
        *pairs(f"{block}/attention_norm/after", f"{layer}.attn_ln", TORCH_NORM),
        *fused(gated, f"{layer}.mlp.up_gate_proj", {"kernel": ".weight"}, TRANSPOSED),
        *transposed(f"{block}/feedforward/outer", f"{layer}.mlp.down_proj"),
        *pairs(f"{block}/feedforward_norm/after", f"{layer}.mlp_ln", TORCH_NORM),
        *transposed("pool/dense", "new.pooler.dense"),
        *transposed("mlm/transform", "lm_head.dense"),
        *pairs("mlm/norm", "lm_head.norm", TORCH_NORM),
        Rule("mlm/bias", "lm_head.decoder.bias"),
        Rule(OUTPUT, "lm_head.decoder.weight", TRANSPOSED),
    ]
    return Dialect(
        "huggingface",
        tuple(rules),
        body=r"^((new|gte)\.)?(embeddings|encoder)\.",
        aliases=(("new.", ""), ("new.", "gte.")),
        ignored=HUGGINGFACE_IGNORED,
    )


GTE = Family(
    "gte",
    BASE,
    configuration(
        BASE,
        keys=(*ENCODER_KEYS, *(Key(name, name, dialect="") for name in UNUSUAL)),
        required=(*REQUIRED, ("rope_theta", "rope_parameters")),
        architectures="GteForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface()},
    frozenset({"gte", "new"}),
    models="GTE (new), multilingual too",
)
