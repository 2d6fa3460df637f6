"""Qwen3, its embeddings and rerankers: norms on queries and keys, heads of a size of their own."""

from dataclasses import replace

from playmask.families.config import Fields, Key
from playmask.families.family import Family
from playmask.families.llama import (
    ATTENTION,
    HEAD_NORMS,
    NORM,
    NORMS,
    biased,
    decoder,
    dialect,
)
from playmask.families.qwen2 import BASE as QWEN2
from playmask.families.qwen2 import WINDOW_KEYS, read_windows, write_windows
from playmask.model.architecture import Architecture

BASE = replace(
    QWEN2,
    family="qwen3",
    width=1024,
    depth=28,
    attention_heads=16,
    key_value_heads=8,
    key_size=128,
    value_size=128,
    inner=3072,
    bias=False,
    query_key_norm=NORM,
)
"""The sizes of Qwen3, 0.6B (Yang et al. 2025)."""


def from_fields(fields: Fields) -> Fields:
    """Attention may have biases, and windows."""
    attention = fields.pop("attention_bias", False)
    return read_windows(fields) | {"bias": biased((attention, ATTENTION))}


def to_fields(architecture: Architecture) -> Fields:
    """What it has of these."""
    own = {"attention_bias": architecture.has_bias("output")}
    return own | write_windows(architecture)


QWEN3 = Family(
    "qwen3",
    BASE,
    decoder(
        BASE,
        (*WINDOW_KEYS, Key("attention_bias", "attention_bias")),
        "Qwen3ForCausalLM",
        from_fields,
        to_fields,
        ("key_value_heads",),
    ),
    {"huggingface": dialect(ATTENTION, NORMS | HEAD_NORMS)},
    frozenset({"qwen3"}),
    models="Qwen3, its Embedding and Reranker",
    needs=r"q_norm\.weight$",
)
