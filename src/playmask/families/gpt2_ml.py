"""GPT2_ML, the Chinese GPT-2 of 1.5 billion parameters (imcaspar/gpt2-ml; Grover's code)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.families.config import Fields
from playmask.families.encoders import KERNEL, NORM, configuration, google
from playmask.families.family import Family
from playmask.families.keras_names import AROUND, blocks, embedding, keras_layers
from playmask.families.names import Rule, pairs
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Learned

LAYER_NORM = Norm(epsilon=1e-5)

BASE = Architecture(
    family="gpt2_ml",
    vocabulary=21130,
    width=1536,
    depth=48,
    attention_heads=24,
    inner=6144,
    position=Learned(1024),
    segments=0,
    embedding_norm=LAYER_NORM,
    embedding_dropout="none",
    attention_norm=Around(),
    feedforward_norm=Around(before=LAYER_NORM, after=LAYER_NORM),
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False),
    order="lm",
    initializer_range=0.014142135623731,
)
"""The sizes of the "mega" model; its vocabulary is read from the checkpoint."""


def from_fields(fields: Fields) -> Fields:
    """There are no segments, whatever the file says."""
    return fields | {"segments": 0}


def rules() -> list[Rule]:
    """Its variable names."""
    layer, block = "newslm/layer{i:0>2}", "blocks/{i}"
    own = {
        "attention/query": "query_layer",
        "attention/key": "key_layer",
        "attention/value": "value_layer",
        "attention/output": "context_projection_layer",
        "feedforward/inner": "intermediate",
        "feedforward/outer": "output",
    }
    return [
        Rule("embeddings/tokens/embeddings", "newslm/embeddings/word_embed"),
        Rule("embeddings/positions/embeddings", "newslm/embeddings/pos_embed"),
        *pairs("embeddings/norm", "newslm/embeddings/LayerNorm_embed_norm", NORM),
        *(
            rule
            for ours, theirs in own.items()
            for rule in pairs(f"{block}/{ours}", f"{layer}/{theirs}", KERNEL)
        ),
        *pairs(f"{block}/feedforward_norm/before", f"{layer}/LayerNorm_mlp_ln0", NORM),
        *pairs(f"{block}/feedforward_norm/after", f"{layer}/LayerNorm_mlp_ln1", NORM),
    ]


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """The vocabulary has as many tokens as the table has rows: two were published."""
    table = tensors.get("newslm/embeddings/word_embed")
    return architecture if table is None else architecture.change(vocabulary=len(table))


GPT2_ML = Family(
    "gpt2_ml",
    BASE,
    configuration(BASE, architectures="GPT2ML", from_fields=from_fields),
    {
        "google": replace(google(rules(), "newslm"), body=r"^newslm/(embeddings|layer\d+)/"),
    },
    settle=settle,
    models="GPT2_ML, both vocabularies",
    reads=keras_layers([*embedding(), *blocks(AROUND)]),
)
