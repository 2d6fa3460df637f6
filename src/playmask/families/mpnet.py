"""MPNet (Song et al. 2020): BERT with one relative bias for all blocks beside its positions."""

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key
from playmask.families.encoders import (
    KEYS,
    TORCH_NORM,
    configuration,
    huggingface,
    huggingface_names,
    transposed,
)
from playmask.families.family import Family
from playmask.families.names import Rule, pairs
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.parts import Buckets, Joined, Learned, table_of

OFFSET = 2
BUCKETS = Buckets()

BASE = Architecture(
    family="mpnet",
    vocabulary=30527,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=Joined((Learned(512, OFFSET), BUCKETS)),
    segments=0,
    pad=1,
    vocabulary_head=VocabularyHead(),
)
"""The sizes of MPNet-base."""


def from_fields(fields: Fields) -> Fields:
    """The first two rows of the position table are the padding's, whatever its id."""
    count = fields.pop("buckets", BUCKETS.count)
    if count != BUCKETS.count:
        raise ConfigError(
            f"relative_attention_num_buckets {count} has no meaning: MPNet's programs have "
            f"{BUCKETS.count} buckets whatever it says."
        )
    rows = fields.pop("rows", 512 + OFFSET)
    return fields | {"position": Joined((Learned(rows - OFFSET, OFFSET), BUCKETS))}


def to_fields(architecture: Architecture) -> Fields:
    """The rows of the position table."""
    table = table_of(architecture.position)
    rows = {"rows": table.size + OFFSET} if isinstance(table, Learned) else {}
    return rows | {"buckets": BUCKETS.count}


def rules() -> list[Rule]:
    """Hugging Face's names: BERT's, but for the attention's."""
    layer, block = "mpnet.encoder.layer.{i}.attention", "blocks/{i}"
    usual = [
        rule
        for rule in huggingface_names("mpnet.")
        if "/attention" not in rule.ours and not rule.ours.startswith("embeddings/segments")
    ]
    return [
        *usual,
        Rule("blocks/buckets/embeddings", "mpnet.encoder.relative_attention_bias.weight"),
        *(
            rule
            for ours in ("query", "key", "value", "output")
            for rule in transposed(f"{block}/attention/{ours}", f"{layer}.attn.{ours[0]}")
        ),
        *pairs(f"{block}/attention_norm/after", f"{layer}.LayerNorm", TORCH_NORM),
        *transposed("pool/dense", "mpnet.pooler.dense"),
        *transposed("mlm/transform", "lm_head.dense"),
        *pairs("mlm/norm", "lm_head.layer_norm", TORCH_NORM),
        *transposed("mlm/output", "lm_head.decoder")[:1],
        Rule("mlm/bias", "lm_head.bias", copies=("lm_head.decoder.bias",)),
    ]


MPNET = Family(
    "mpnet",
    BASE,
    configuration(
        BASE,
        keys=(
            *KEYS,
            Key("max_position_embeddings", "rows"),
            Key("relative_attention_num_buckets", "buckets"),
        ),
        architectures="MPNetForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface(rules(), "mpnet.")},
    frozenset({"mpnet"}),
    heads=("pool", "mlm"),
    models="MPNet, all-mpnet",
)
