"""NEZHA and NEZHA-GEN: BERT with functional relative positions (Wei et al. 2019)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key, number
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
from playmask.families.published_heads import POOLED, encoder_heads
from playmask.model.architecture import Architecture
from playmask.model.norms import Around, Norm
from playmask.model.parts import Nezha, StoredNezha

BASE = Architecture(
    family="nezha",
    vocabulary=21128,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=Nezha(),
)
"""The sizes of NEZHA-base."""

DISTANCES = "Embedding-Relative-Position/embeddings"  # as bert4keras stores what it computes

BERT4KERAS = Norm(epsilon=1e-7)  # Keras' own epsilon, everywhere but in the vocabulary head


def from_fields(fields: Fields) -> Fields:
    """The clipped distance; the embedding size is said in Hugging Face's files but not used."""
    if not fields.pop("relative", True):
        raise ConfigError("A NEZHA with use_relative_position false is a BERT: family='bert'.")
    return {name: value for name, value in fields.items() if name != "embedding_size"}


def to_fields(architecture: Architecture) -> Fields:
    """That positions are relative."""
    return {"relative": True}


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """A stored table of distances counts where it is not the usual sines and cosines."""
    table = tensors.get(DISTANCES)
    if table is None or table.ndim != 2 or len(table) % 2 == 0:
        return architecture
    clip = len(table) // 2
    angles = np.arange(len(table))[:, None] * speeds(table.shape[1])
    usual = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(table), -1)
    if usual.shape == table.shape and np.abs(table - usual).max() < 1e-3:
        return architecture.change(position=Nezha(clip))
    return architecture.change(position=StoredNezha(clip))


def speeds(size: int) -> np.ndarray:
    """The angles, in radians a token, of each pair of a sinusoid."""
    return 10000.0 ** (-np.arange(0, size - 1, 2) / max(size, 1))


NEZHA = Family(
    "nezha",
    BASE,
    configuration(
        BASE,
        keys=(
            *KEYS,
            *NO_TABLE,
            Key("use_relative_position", "relative"),
            Key("max_relative_position", "position", Nezha, number("clip")),
        ),
        architectures="NezhaForPreTraining",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "google": google([*without_positions(google_names()), *google_heads()]),
        "huggingface": huggingface(
            [*without_positions(huggingface_names("nezha.")), *huggingface_heads("nezha.")],
            "nezha.",
            ((r"relative_positions_encoding\.positions_encoding$", "a constant"),),
        ),
    },
    frozenset({"nezha"}),
    marks=frozenset({"use_relative_position", "max_relative_position"}),
    heads=("pool", "nsp", "mlm"),
    published=encoder_heads(POOLED),
    settle=settle,
    bert4keras=lambda architecture: replace(
        architecture,
        embedding_norm=BERT4KERAS,
        attention_norm=Around(after=BERT4KERAS),
        feedforward_norm=Around(after=BERT4KERAS),
    ),
    models='NEZHA; NEZHA-GEN with mask="lm"',
    reads=keras_layers(
        [*encoder(positions=False), Rule("blocks/distances/embeddings", DISTANCES)],
        ignored=((rf"^{DISTANCES}$", "a constant: sines and cosines"),),
    ),
)
