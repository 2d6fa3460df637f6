"""mBART and mBART-50 (Liu et al. 2020): BART of many languages, with norms before and last."""

from dataclasses import replace

from playmask.families.bart import BASE as BART
from playmask.families.bart import NORM, ONE_ORDER, USUAL, configuration, dialect, settle, table
from playmask.families.family import Family
from playmask.model.architecture import Decoder
from playmask.model.norms import Around

BASE = replace(
    BART,
    family="mbart",
    vocabulary=250054,
    width=1024,
    depth=12,
    attention_heads=16,
    inner=4096,
    decoder=Decoder(12, table(1024), embedding_norm=NORM),
    attention_norm=Around(before=NORM),
    feedforward_norm=Around(before=NORM),
    final_norm=NORM,
    embedding_scale=32.0,
)
"""The sizes of mBART-50."""

MBART = Family(
    "mbart",
    BASE,
    configuration(
        BASE,
        "MBartForConditionalGeneration",
        USUAL | {"normalize_before": True, "add_final_layer_norm": True},
    ),
    {"huggingface": dialect("before")},
    frozenset({"mbart"}),
    one_order=ONE_ORDER,
    settle=settle,
    models="mBART, mBART-50",
)
