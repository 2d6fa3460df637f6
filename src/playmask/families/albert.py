"""ALBERT: one block for all layers, and a narrow embedding (Lan et al. 2019)."""

from dataclasses import replace

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key
from playmask.families.encoders import (
    KERNEL,
    KEYS,
    NORM,
    TABLE,
    TORCH_NORM,
    configuration,
    google,
    google_heads,
    google_names,
    huggingface,
    huggingface_names,
    transposed,
)
from playmask.families.family import Family
from playmask.families.keras_names import encoder, keras_layers
from playmask.families.names import Rule, pairs
from playmask.families.published_heads import POOLED, encoder_heads
from playmask.model.architecture import Architecture
from playmask.model.norms import Around, Norm

BASE = Architecture(
    family="albert",
    vocabulary=21128,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    embedding_size=128,
    activation="relu",
    sharing="all",
    dropout=0.0,
    attention_dropout=0.0,
)
"""The sizes of Google's Chinese ALBERT-base."""

BERT4KERAS = Around(after=Norm(epsilon=1e-7))  # Keras' own epsilon, in the blocks only


SILENT = (
    "net_structure_type",
    "gap_size",
    "num_memory_blocks",
    "down_scale_factor",
    "layers_to_keep",
)
"""Keys of published files that say nothing about the published models."""


def from_fields(fields: Fields) -> Fields:
    """Groups of layers as blocks that share; a group of several different blocks is refused."""
    fields = {name: value for name, value in fields.items() if name not in SILENT}
    if fields.pop("inner_groups", 1) != 1:
        raise ConfigError("inner_group_num other than 1 was never published, and is not loaded.")
    groups, depth = fields.pop("groups", 1), fields.get("depth", BASE.depth)
    if groups < 1 or depth % groups:
        raise ConfigError(f"num_hidden_groups {groups} does not divide {depth} hidden layers.")
    return fields | {"sharing": "all" if groups == 1 else depth // groups}


def to_fields(architecture: Architecture) -> Fields:
    """How many groups there are, and the embedding's width: Hugging Face's default is 128."""
    return {
        "groups": len(set(architecture.block_map)),
        "inner_groups": 1,
        "embedding_size": architecture.embedding_size_,
    }


def google_blocks() -> list[Rule]:
    """The shared blocks in Google's checkpoints."""
    group, block = "bert/encoder/transformer/group_{i}/inner_group_0", "blocks/{i}"
    rules = []
    for name in ("query", "key", "value"):
        rules += pairs(f"{block}/attention/{name}", f"{group}/attention_1/self/{name}", KERNEL)
    rules += pairs(f"{block}/attention/output", f"{group}/attention_1/output/dense", KERNEL)
    rules += pairs(f"{block}/attention_norm/after", f"{group}/LayerNorm", NORM)
    rules += pairs(f"{block}/feedforward/inner", f"{group}/ffn_1/intermediate/dense", KERNEL)
    rules += pairs(f"{block}/feedforward/outer", f"{group}/ffn_1/intermediate/output/dense", KERNEL)
    rules += pairs(f"{block}/feedforward_norm/after", f"{group}/LayerNorm_1", NORM)
    return rules


def huggingface_blocks() -> list[Rule]:
    """The shared blocks, the projection and the heads in Hugging Face's models."""
    group, block = "albert.encoder.albert_layer_groups.{i}.albert_layers.0", "blocks/{i}"
    rules = []
    for name in ("query", "key", "value"):
        rules += transposed(f"{block}/attention/{name}", f"{group}.attention.{name}")
    rules += transposed(f"{block}/attention/output", f"{group}.attention.dense")
    rules += pairs(f"{block}/attention_norm/after", f"{group}.attention.LayerNorm", TORCH_NORM)
    rules += transposed(f"{block}/feedforward/inner", f"{group}.ffn")
    rules += transposed(f"{block}/feedforward/outer", f"{group}.ffn_output")
    rules += pairs(f"{block}/feedforward_norm/after", f"{group}.full_layer_layer_norm", TORCH_NORM)
    rules += transposed("embeddings/projection", "albert.encoder.embedding_hidden_mapping_in")
    rules += transposed("pool/dense", "albert.pooler")
    rules += transposed("mlm/transform", "predictions.dense")
    rules += pairs("mlm/norm", "predictions.LayerNorm", TORCH_NORM)
    rules += transposed("nsp/dense", "sop_classifier.classifier")
    rules += transposed("mlm/output", "predictions.decoder")[:1]
    return [*rules, Rule("mlm/bias", "predictions.bias", copies=("predictions.decoder.bias",))]


def embeddings(rules: list[Rule]) -> list[Rule]:
    """Those of BERT's rules that name the embedding, without its projection."""
    return [r for r in rules if r.ours.startswith("embeddings/") and "projection" not in r.ours]


ALBERT = Family(
    "albert",
    BASE,
    configuration(
        BASE,
        keys=(
            *KEYS,
            *TABLE,
            Key("num_hidden_groups", "groups"),
            Key("inner_group_num", "inner_groups"),
            *(Key(name, name, dialect="") for name in SILENT),
        ),
        architectures="AlbertForPreTraining",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "google": google(
            [
                *embeddings(google_names()),
                *pairs("embeddings/projection", "bert/encoder/embedding_hidden_mapping_in", KERNEL),
                *google_blocks(),
                *google_heads(),
            ]
        ),
        "huggingface": huggingface(
            [*embeddings(huggingface_names("albert.")), *huggingface_blocks()],
            "albert.",
        ),
    },
    frozenset({"albert"}),
    heads=("pool", "nsp", "mlm"),
    published=encoder_heads(POOLED),
    bert4keras=lambda architecture: replace(
        architecture, attention_norm=BERT4KERAS, feedforward_norm=BERT4KERAS
    ),
    models='ALBERT; unshared with sharing="none"',
    reads=keras_layers(encoder(), aliases=(("Transformer-{i}-", "Transformer-"),)),
)
