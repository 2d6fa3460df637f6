"""RoFormer and RoFormer-Sim: BERT with rotary positions (Su et al. 2021)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key, read_activation, write_activation
from playmask.families.encoders import (
    KEYS,
    NO_TABLE,
    configuration,
    google,
    google_heads,
    google_names,
    huggingface,
    huggingface_heads,
    huggingface_names,
    without_positions,
)
from playmask.families.family import Family
from playmask.families.keras_names import encoder, keras_layers
from playmask.families.names import Rule
from playmask.families.published_heads import encoder_heads, of_first
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Rotary, StoredRotary

NORM = Norm(epsilon=1e-7)  # it was trained with bert4keras, which leaves Keras' own epsilon

BASE = Architecture(
    family="roformer",
    vocabulary=50000,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=Rotary(),
    embedding_norm=NORM,
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(norm=NORM),
)
"""The sizes of the word-level RoFormer-base."""

ROFORMER_KEYS = (
    *KEYS,
    *NO_TABLE,
    Key("rotary_value", "rotary_value"),
    Key("pooler_activation", "pooler_activation", read_activation, write_activation),
    Key("use_bias", "bias", dialect=""),
)


def from_fields(fields: Fields) -> Fields:
    """Refuse what RoFormer never was."""
    if fields.pop("rotary_value", False):
        raise ConfigError("rotary_value true (values are rotated too) was never published.")
    return fields


def to_fields(architecture: Architecture) -> Fields:
    """That values are not rotated."""
    return {"rotary_value": False}


TABLE = "roformer.encoder.embed_positions.weight"
HUGGINGFACE_IGNORED = ((r"embed_positions\.weight$", "a constant: sines and cosines"),)


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """A stored table of positions counts where it is not the usual sines and cosines."""
    table = tensors.get(TABLE)
    if table is None or table.ndim != 2 or table.shape[1] != architecture.key_size_:
        return architecture
    speeds = 10000.0 ** (-np.arange(0, architecture.key_size_, 2) / architecture.key_size_)
    angles = np.arange(len(table))[:, None] * speeds
    usual = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    if np.abs(table - usual).max() < 1e-3:  # published tables are rounded, some to half precision
        return architecture
    return architecture.change(position=StoredRotary(len(table)))


ROFORMER = Family(
    "roformer",
    BASE,
    configuration(
        BASE,
        keys=ROFORMER_KEYS,
        architectures="RoFormerForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "google": google([*without_positions(google_names()), *google_heads()]),
        "huggingface": huggingface(
            [
                Rule("blocks/rotary/embeddings", TABLE),
                *without_positions(huggingface_names("roformer.")),
                *huggingface_heads("roformer."),
            ],
            "roformer.",
            HUGGINGFACE_IGNORED,
        ),
    },
    frozenset({"roformer"}),
    marks=frozenset({"rotary_value"}),
    heads=("pool", "mlm"),
    published=encoder_heads(of_first(lambda config, architecture: architecture.activation)),
    settle=settle,
    bert4keras=lambda architecture: replace(
        architecture,
        embedding_norm=NORM,
        attention_norm=Around(after=NORM),
        feedforward_norm=Around(after=NORM),
        vocabulary_head=VocabularyHead(),
    ),
    models="RoFormer, RoFormer-Sim, RoFormer-GPT",
    reads=keras_layers(encoder(positions=False)),
)
