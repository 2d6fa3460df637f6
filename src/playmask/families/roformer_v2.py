"""RoFormerV2: RoFormer without biases and with plain root-mean-square norms (kexue 8998)."""

from playmask.families.config import Fields, Key
from playmask.families.encoders import (
    configuration,
    google,
    google_names,
    huggingface,
    huggingface_names,
    transposed,
    without_positions,
)
from playmask.families.family import Family
from playmask.families.keras_names import MAPPING, encoder, keras_layers
from playmask.families.names import Rule
from playmask.families.roformer import HUGGINGFACE_IGNORED, ROFORMER_KEYS
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Rotary

NORM = Norm(epsilon=1e-7, kind="rms", scale=False)

BASE = Architecture(
    family="roformer_v2",
    vocabulary=12000,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    activation="relu",
    position=Rotary(),
    bias=False,
    embedding_norm=NORM,
    embedding_dropout="before",
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False, dropout=True),
    initializer_range=1.13684723 / 768**0.5 / 12**0.5,
)
"""The sizes of RoFormerV2-base."""


def from_fields(fields: Fields) -> Fields:
    """Weights are drawn by width and depth, whatever the file says."""
    for name in ("rotary_value", "norm_type"):
        fields.pop(name, None)
    width, depth = fields.get("width", BASE.width), fields.get("depth", BASE.depth)
    return fields | {"bias": False, "initializer_range": 1.13684723 / (width * depth) ** 0.5}


def to_fields(architecture: Architecture) -> Fields:
    """How it differs from RoFormer, in the words of its configuration."""
    return {"rotary_value": False, "norm_type": "rms_norm", "bias": False}


def without_biases(rules: list[Rule]) -> list[Rule]:
    """Those rules that do not name a bias, a norm's weight, or a table of positions."""
    gone = ("/bias", "/beta", "/gamma", "/hidden/kernel", "/shifts/kernel", "/scales/kernel")
    return [rule for rule in without_positions(rules) if not rule.ours.endswith(gone)]


PROJECTION = "mlm/projection/kernel"  # where the embedding is narrower than the model

ROFORMER_V2 = Family(
    "roformer_v2",
    BASE,
    configuration(
        BASE,
        keys=(
            *(key for key in ROFORMER_KEYS if key.theirs != "use_bias"),
            Key("use_bias", "bias"),
            Key("norm_type", "norm_type"),
        ),
        architectures="RoFormerForMaskedLM",
        constants={"model_type": "roformer"},
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "google": google(
            [
                *without_biases(google_names()),
                Rule(PROJECTION, "cls/predictions/transform/dense/kernel"),
            ]
        ),
        "huggingface": huggingface(
            [
                *without_biases(huggingface_names("roformer.")),
                *transposed("mlm/projection", "cls.predictions.transform.dense")[:1],
                *transposed("mlm/output", "cls.predictions.decoder")[:1],
            ],
            "roformer.",
            HUGGINGFACE_IGNORED,
        ),
    },
    frozenset({"roformer"}),
    marks=frozenset({"norm_type"}),
    models="RoFormerV2",
    reads=keras_layers(without_biases(encoder(*MAPPING))),
)
