"""MegatronBERT and Erlangshen-MegatronBert (Shoeybi et al. 2019): BERT with norms before."""

from playmask.families.encoders import (
    TORCH_NORM,
    configuration,
    huggingface,
    huggingface_heads,
    huggingface_names,
)
from playmask.families.family import Family
from playmask.families.names import Rule, pairs
from playmask.model.architecture import Architecture
from playmask.model.norms import Around, Norm

NORM = Norm()

BASE = Architecture(
    family="megatron_bert",
    vocabulary=29056,
    width=1024,
    depth=24,
    attention_heads=16,
    inner=4096,
    embedding_norm=None,
    attention_norm=Around(before=NORM),
    feedforward_norm=Around(before=NORM),
    final_norm=NORM,
)
"""The sizes of MegatronBERT with 345 million parameters."""

NORMS = {"attention_norm": "attention.ln", "feedforward_norm": "ln"}
"""Norms before the sub-layers, and what they are called in a layer."""


def rules() -> list[Rule]:
    """Hugging Face's names: BERT's, but for the norms'."""
    usual = [rule for rule in huggingface_names() if "norm/" not in rule.ours]
    layer = "bert.encoder.layer.{i}"
    return [
        *usual,
        *(
            rule
            for ours, theirs in NORMS.items()
            for rule in pairs(f"blocks/{{i}}/{ours}/before", f"{layer}.{theirs}", TORCH_NORM)
        ),
        *pairs("blocks/norm", "bert.encoder.ln", TORCH_NORM),
        *huggingface_heads(),
    ]


MEGATRON_BERT = Family(
    "megatron_bert",
    BASE,
    configuration(
        BASE,
        architectures="MegatronBertForPreTraining",
        constants={"model_type": "megatron-bert"},
    ),
    {"huggingface": huggingface(rules())},
    frozenset({"megatron-bert"}),
    heads=("pool", "nsp", "mlm"),
    models="MegatronBERT, Erlangshen 1.3B",
)
