"""GAU-α: gated attention units in place of attention and feed-forward (kexue 9052)."""

from dataclasses import replace

from playmask.families.config import Fields, Key
from playmask.families.encoders import KEYS, NO_TABLE, configuration, google, google_names
from playmask.families.family import Family
from playmask.families.keras_names import MAPPING, embedding, gated_units, keras_layers
from playmask.families.names import Rule
from playmask.families.roformer_v2 import BASE as ROFORMER_V2
from playmask.families.roformer_v2 import PROJECTION, without_biases
from playmask.model.architecture import Architecture
from playmask.model.parts import Gated

BASE = replace(
    ROFORMER_V2,
    family="gau_alpha",
    depth=24,
    attention_heads=1,
    inner=1536,
    activation="swish",
    key_size=128,
    value_size=1536,
    projections=Gated(),
    normalization="softmax_plus",
    feedforward=False,
    initializer_range=1.13684723 / 768**0.5 / 24 ** (1 / 3),
)
"""The sizes of chinese_GAU-alpha-char_L-24_H-768."""


def from_fields(fields: Fields) -> Fields:
    """One head as wide as the unit; weights are drawn by width and depth."""
    for name in ("attention_scale", "norm_type", "rotary_value"):
        fields.pop(name, None)
    width, depth = fields.get("width", BASE.width), fields.get("depth", BASE.depth)
    return fields | {
        "attention_heads": 1,
        "bias": False,
        "value_size": fields.get("inner", BASE.inner),
        "key_size": fields.get("key_size", BASE.key_size),
        "initializer_range": 1.13684723 / width**0.5 / depth ** (1 / 3),
    }


def to_fields(architecture: Architecture) -> Fields:
    """How it differs from BERT, in the words of its configuration."""
    return {"bias": False, "attention_scale": True}


def google_blocks() -> list[Rule]:
    """The units in its checkpoints."""
    unit, block = "GAU_alpha/encoder/layer_{i}/gau", "blocks/{i}/attention"
    return [
        Rule(f"{block}/inputs/kernel", f"{unit}/i_dense/kernel"),
        Rule(f"{block}/query/gamma", f"{unit}/q_scaleoffset/gamma"),
        Rule(f"{block}/key/gamma", f"{unit}/k_scaleoffset/gamma"),
        Rule(f"{block}/output/kernel", f"{unit}/o_dense/kernel"),
    ]


def embeddings() -> list[Rule]:
    """The embedding's tables are named as BERT's."""
    return [rule for rule in without_biases(google_names()) if rule.ours.startswith("embeddings/")]


GAU_ALPHA = Family(
    "gau_alpha",
    BASE,
    configuration(
        BASE,
        keys=(
            *(key for key in KEYS if key.ours not in ("attention_heads", "value_size")),
            *NO_TABLE,
            Key("num_attention_heads", "attention_heads", dialect=""),
            Key("use_bias", "bias"),
            Key("normalization", "normalization"),
            Key("attention_scale", "attention_scale"),
        ),
        required=("vocabulary", "width", "depth", "inner"),
        architectures="GAUAlphaForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "google": replace(
            google(
                [
                    *embeddings(),
                    *google_blocks(),
                    Rule(PROJECTION, "cls/predictions/transform/dense/kernel"),
                ]
            ),
            body=r"^(bert/embeddings|GAU_alpha/encoder)/",
        ),
    },
    frozenset({"gau_alpha"}),
    marks=frozenset({"attention_scale", "normalization"}),
    models="GAU-α",
    reads=keras_layers([*without_biases(embedding(False)), *gated_units(), *MAPPING]),
)
