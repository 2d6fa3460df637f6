"""RoBERTa, the English one, and its kin with its tokenizer (Liu et al. 2019)."""

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
from playmask.families.published_heads import encoder_heads, of_first
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Learned

NORM = Norm(epsilon=1e-5)
PAD = 1

BASE = Architecture(
    family="roberta",
    vocabulary=50265,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=Learned(512, offset=PAD + 1),
    segments=1,
    pad=PAD,
    embedding_norm=NORM,
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(norm=NORM),
)
"""The sizes of RoBERTa-base."""


def from_fields(fields: Fields) -> Fields:
    """Positions start after the padding's row: their table is that much larger."""
    offset = fields.get("pad", PAD) + 1
    rows = fields.pop("rows", 512 + offset)
    return fields | {"position": Learned(rows - offset, offset)}


def to_fields(architecture: Architecture) -> Fields:
    """The rows of the position table."""
    part = architecture.position
    return {"rows": part.size + part.offset} if isinstance(part, Learned) else {}


def rules() -> list[Rule]:
    """Hugging Face's names."""
    return [
        *huggingface_names("roberta."),
        *transposed("pool/dense", "roberta.pooler.dense"),
        *transposed("mlm/transform", "lm_head.dense"),
        *pairs("mlm/norm", "lm_head.layer_norm", TORCH_NORM),
        *transposed("mlm/output", "lm_head.decoder")[:1],
        Rule("mlm/bias", "lm_head.bias", copies=("lm_head.decoder.bias",)),
    ]


ROBERTA = Family(
    "roberta",
    BASE,
    configuration(
        BASE,
        keys=(*KEYS, Key("max_position_embeddings", "rows")),
        architectures="RobertaForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface(rules(), "roberta.")},
    frozenset({"roberta", "xlm-roberta", "camembert"}),
    heads=("pool", "mlm"),
    published=encoder_heads(of_first(lambda architecture: "tanh")),
    models="RoBERTa (English), XLM-RoBERTa, CamemBERT",
)
