"""PEGASUS and Randeng-Pegasus (Zhang et al. 2020): pre-norm, with sinusoidal positions."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.families.bart import BASE as BART
from playmask.families.bart import NORM, ONE_ORDER, USUAL, configuration, dialect
from playmask.families.bart import settle as settle_head
from playmask.families.family import Family
from playmask.model.architecture import Architecture, Decoder
from playmask.model.norms import Around
from playmask.model.parts import Learned, Sinusoidal

BASE = replace(
    BART,
    family="pegasus",
    vocabulary=96103,
    width=1024,
    depth=16,
    attention_heads=16,
    inner=4096,
    activation="relu",
    position=Sinusoidal(halves=True),
    decoder=Decoder(16, start=0),
    pad=0,
    embedding_norm=None,
    attention_norm=Around(before=NORM),
    feedforward_norm=Around(before=NORM),
    final_norm=NORM,
    embedding_scale=32.0,
)
"""The sizes of PEGASUS-large."""

TABLES = "{}.embed_positions.weight"


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """Positions that are stored are read as they are, and not trained."""
    architecture = settle_head(architecture, tensors)
    rows = [
        len(tensor)
        for side in ("encoder", "decoder")
        for root in ("model.", "")
        if (tensor := tensors.get(root + TABLES.format(side))) is not None and tensor.ndim == 2
    ]
    decoder = architecture.decoder
    if len(rows) != 2 or decoder is None:
        return architecture
    first, second = (Learned(size, trained=False) for size in rows)
    return architecture.change(position=first, decoder=replace(decoder, position=second))


PEGASUS = Family(
    "pegasus",
    BASE,
    configuration(
        BASE,
        "PegasusForConditionalGeneration",
        USUAL
        | {
            "normalize_before": True,
            "normalize_embedding": False,
            "add_final_layer_norm": True,
            "static_position_embeddings": True,
        },
    ),
    {"huggingface": dialect("before")},
    frozenset({"pegasus"}),
    one_order=ONE_ORDER,
    settle=settle,
    models="PEGASUS, Randeng PEGASUS",
)
