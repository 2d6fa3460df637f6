"""DeBERTa-v2, DeBERTa-v3, mDeBERTa and Erlangshen (He et al. 2021): disentangled attention."""

from typing import Any

from playmask.errors import ConfigError, brief
from playmask.families.config import Fields, Key, read_activation, write_activation
from playmask.families.encoders import (
    KEYS,
    TORCH_NORM,
    configuration,
    huggingface,
    huggingface_heads,
    huggingface_names,
    transposed,
)
from playmask.families.family import Family
from playmask.families.names import Rule, pairs
from playmask.families.published_heads import POOLED, encoder_heads
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Disentangled, Dot, Joined, Learned, Part, members

NORM = Norm(epsilon=1e-7)

BASE = Architecture(
    family="deberta_v2",
    vocabulary=128100,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    attention=(Dot(terms=3),),
    position=Disentangled(256, 512, norm=NORM),
    segments=0,
    embedding_norm=NORM,
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(norm=NORM),
    pooler_activation="gelu",
)
"""The sizes of DeBERTa-v3-base."""


def read_terms(value: Any) -> tuple[str, ...]:
    """The terms of the scores beside content with content: a list, or names between strokes."""
    names = value.lower().split("|") if isinstance(value, str) else value or ()
    known = [str(name).strip() for name in names]
    if not set(known) <= {"c2p", "p2c"}:
        raise ConfigError(f"pos_att_type is {brief(value)}, where 'c2p' and 'p2c' are known.")
    return tuple(name for name in ("c2p", "p2c") if name in known)


def write_terms(terms: tuple[str, ...]) -> list[str]:
    """The same, in the order in which they are published."""
    return sorted(terms, reverse=True)


SILENT = ("pooler_dropout", "pooler_hidden_size", "legacy", "z_steps")
"""Keys of heads, and of a pretraining that the encoder is not."""

DEBERTA_KEYS = (
    *(key for key in KEYS if key.ours != "embedding_size"),
    Key("embedding_size", "embeddings"),
    Key("relative_attention", "relative"),
    Key("position_biased_input", "biased_input"),
    Key("max_position_embeddings", "rows"),
    Key("max_relative_positions", "span"),
    Key("position_buckets", "position_buckets"),
    Key("pos_att_type", "terms", read_terms, write_terms),
    Key("share_att_key", "shared_keys"),
    Key("norm_rel_ebd", "row_norm"),
    Key("pooler_hidden_act", "pooler_activation", read_activation, write_activation),
    *(Key(name, name, dialect="") for name in ("conv_kernel_size", "conv_act", "conv_groups")),
    *(Key(name, name, dialect="") for name in SILENT),
)


def from_fields(fields: Fields) -> Fields:
    """Where tokens stand: distances in the scores, a table, both or neither."""
    if fields.pop("conv_kernel_size", 0):
        raise ConfigError(
            "conv_kernel_size asks for the convolution after the first block that DeBERTa-v2 "
            "xlarge has; playmask has no such layer, so that checkpoint is not loaded."
        )
    own = {"conv_act", "conv_groups", *SILENT}
    fields = {name: value for name, value in fields.items() if name not in own}
    width = fields.pop("embeddings", None)
    if width not in (None, fields.get("width")):
        raise ConfigError(f"embedding_size {width} other than hidden_size was never published.")
    rows, terms = fields.pop("rows", 512), fields.pop("terms", ())
    distances = _distances(fields, rows, terms)
    table = (Learned(rows),) if fields.pop("biased_input", True) else ()
    relative = (distances,) if fields.pop("relative", False) and terms else ()
    parts: tuple[Part, ...] = (*table, *relative)
    position = Joined(parts) if len(parts) > 1 else next(iter(parts), None)
    return fields | {"position": position, "attention": (Dot(terms=1 + len(terms)),)}


def _distances(fields: Fields, rows: int, terms: tuple[str, ...]) -> Disentangled | None:
    """The part of the scores that looks at distances."""
    span, buckets = fields.pop("span", -1), fields.pop("position_buckets", -1)
    span = span if span > 0 else rows
    norms = [name.strip() for name in fields.pop("row_norm", "none").lower().split("|")]
    shared = bool(fields.pop("shared_keys", False))
    norm = Norm(fields.get("epsilon", NORM.epsilon)) if "layer_norm" in norms else None
    if not terms:
        return None
    if buckets > 0:
        return Disentangled(buckets, span, norm, terms, shared)
    return Disentangled(span, None, norm, terms, shared)


def to_fields(a: Architecture) -> Fields:
    """What the keys say of the positions; of other parts they say nothing."""
    parts = members(a.position)
    table = next((part for part in parts if isinstance(part, Learned)), None)
    part = next((part for part in parts if isinstance(part, Disentangled)), None)
    fields: Fields = {"relative": part is not None, "biased_input": table is not None}
    if part is not None:
        span = part.buckets if part.longest is None else part.longest
        fields |= {
            "rows": span if table is None else table.size,
            "span": -1 if table is None or table.size == span else span,
            "position_buckets": -1 if part.longest is None else part.buckets,
            "terms": part.terms,
            "shared_keys": part.shared,
            "row_norm": "none" if part.norm is None else "layer_norm",
        }
    elif table is not None:
        fields["rows"] = table.size
    return fields


def rules() -> list[Rule]:
    """Hugging Face's names; the vocabulary head has two, by the program that wrote it."""
    root, layer = "deberta.", "deberta.encoder.layer.{i}.attention.self"
    own = {"query": "pos_query_proj", "key": "pos_key_proj"}
    named = [
        _renamed(rule)
        for rule in (*huggingface_names(root), *huggingface_heads(root))
        if not rule.ours.startswith(("nsp/", "pool/", "embeddings/tasks", "embeddings/projection"))
    ]
    return [
        *named,
        *transposed("pool/dense", "pooler.dense"),
        Rule("blocks/disentangled/embeddings", f"{root}encoder.rel_embeddings.weight"),
        *pairs("blocks/disentangled/norm", f"{root}encoder.LayerNorm", TORCH_NORM),
        *(
            rule
            for ours, theirs in own.items()
            for rule in transposed(f"blocks/{{i}}/attention/distances/{ours}", f"{layer}.{theirs}")
        ),
    ]


LATER_HEAD = {
    "cls.predictions.transform.": "lm_predictions.lm_head.",
    "cls.predictions.bias": "lm_predictions.lm_head.bias",
}
"""What the vocabulary head is called where `legacy` is false, and in Microsoft's own files."""


def _renamed(rule: Rule) -> Rule:
    """DeBERTa's names where they are not BERT's."""
    for name in ("query", "key", "value"):
        if rule.ours.startswith(f"blocks/{{i}}/attention/{name}/"):
            theirs = rule.theirs.replace(f"self.{name}", f"self.{name}_proj")
            return Rule(rule.ours, theirs, rule.ops)
    copies = [
        rule.theirs.replace(usual, later)
        for usual, later in LATER_HEAD.items()
        if rule.theirs.startswith(usual)
    ]
    return Rule(rule.ours, rule.theirs, rule.ops, copies=(*rule.copies, *copies))


IGNORED = (
    (r"^mask_predictions\.", "the head of another task: which tokens were replaced"),
    (
        r"(^|\.)embeddings\.position_embeddings\.weight$",
        "not read where position_biased_input is false",
    ),
)

DEBERTA_V2 = Family(
    "deberta_v2",
    BASE,
    configuration(
        BASE,
        keys=DEBERTA_KEYS,
        architectures="DebertaV2ForMaskedLM",
        constants={"model_type": "deberta-v2"},
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface(rules(), "deberta.", IGNORED)},
    frozenset({"deberta-v2"}),
    published=encoder_heads(POOLED),
    models="DeBERTa-v2 and -v3, mDeBERTa, Erlangshen DeBERTa-v2",
)
