"""ModernBERT: windows in two blocks of three, rotary positions, gates (Warner et al. 2024)."""

from dataclasses import replace

from playmask.errors import ConfigError, brief
from playmask.families.config import Fields, Key, read_activation, write_activation
from playmask.families.encoders import (
    HUGGINGFACE_IGNORED,
    TORCH_KERNEL,
    TORCH_NORM,
    TRANSPOSED,
    configuration,
    transposed,
)
from playmask.families.family import Family
from playmask.families.layer_types import (
    FULL,
    LOCAL,
    by_type,
    check_types,
    local_mask,
    types_of,
    types_where,
)
from playmask.families.llama import ATTENTION, FEEDFORWARD, biased
from playmask.families.names import OUTPUT, TOKENS, Dialect, Rule, fused, pairs
from playmask.families.published_heads import OWN, SEQUENCE, Config, PublishedHead, VectorHead
from playmask.families.rope import read_rotary, write_rotary
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.masks import Ordered
from playmask.model.norms import Around, Norm
from playmask.model.parts import ByBlock, Rotary
from playmask.model.parts.by_block import first, of
from playmask.model.vector_transform import VectorTransform

NORM = Norm(epsilon=1e-5, shift=False)
GLOBAL, NEAR = Rotary(160_000.0, halves=True), Rotary(10_000.0, halves=True)


def every(depth: int, count: int = 3) -> list[str]:
    """`layer_types` where every so manieth block, from the first on, attends to all."""
    return types_where(lambda block: block % count > 0, depth)


def normed(norm: Norm, depth: int) -> Fields:
    """One norm everywhere, but for the first block's attention, which has none before it."""
    return {
        "embedding_norm": norm,
        "attention_norm": first(ByBlock(((0, Around()),), Around(before=norm)), depth),
        "feedforward_norm": Around(before=norm),
        "final_norm": norm,
    }


BASE = Architecture(
    family="modernbert",
    vocabulary=50368,
    width=768,
    depth=22,
    attention_heads=12,
    inner=1152,
    gate="linear",
    position=by_type(every(22), GLOBAL, NEAR),
    mask=by_type(every(22), Ordered(), local_mask(65)),
    segments=0,
    pad=50283,
    bias=False,
    embedding_dropout="none",
    **normed(NORM, 22),
    vocabulary_head=VocabularyHead(norm=NORM, transform_bias=False),
    dropout=0.0,
    attention_dropout=0.0,
)
"""The sizes of ModernBERT-base."""

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("hidden_size", "width"),
    Key("num_hidden_layers", "depth"),
    Key("num_attention_heads", "attention_heads"),
    Key("intermediate_size", "inner"),
    Key("hidden_activation", "gated", read_activation, write_activation),
    Key("classifier_activation", "head_activation", read_activation, write_activation),
    Key("attention_dropout", "attention_dropout"),
    Key("mlp_dropout", "dropout"),
    Key("embedding_dropout", "embedding_pdrop"),
    Key("initializer_range", "initializer_range"),
    Key("norm_eps", "epsilon"),
    Key("norm_bias", "norm_bias"),
    Key("attention_bias", "attention_bias"),
    Key("mlp_bias", "mlp_bias"),
    Key("classifier_bias", "transform_bias"),
    Key("decoder_bias", "head_bias"),
    Key("pad_token_id", "pad"),
    Key("tie_word_embeddings", "tied"),
    Key("local_attention", "local"),
    Key("layer_types", "layer_types"),
    Key("global_attn_every_n_layers", "every", dialect=""),
    Key("global_rope_theta", "rope_theta"),
    Key("local_rope_theta", "local_theta"),
    Key("rope_scaling", "rope_scaling", dialect=""),
    Key("rope_parameters", "rope_parameters"),
    Key("max_position_embeddings", "longest", dialect=""),
    *(
        Key(name, "unread", dialect="")
        for name in (
            *("layer_norm_eps", "position_embedding_type"),  # which its program does not heed
            *("initializer_cutoff_factor", "classifier_pooling"),
        )
    ),
)


def take_rotaries(fields: Fields) -> tuple[Rotary, Rotary]:
    """Take the keys of rotary positions out of fields: of blocks that attend to all, and near."""
    theta = fields.pop("rope_theta", None) or GLOBAL.base
    bases = {FULL: theta, LOCAL: fields.pop("local_theta", NEAR.base) or theta}
    nested, scaling = fields.pop("rope_parameters", None), fields.pop("rope_scaling", None)
    longest = fields.pop("longest", None)
    for name, value in (nested or {}).items():
        if name not in bases or not isinstance(value, dict | None):
            raise ConfigError(
                f"rope_parameters has {brief(name)}: {brief(value)}, where an object for each of "
                f"{FULL} and {LOCAL} is due."
            )
    said = {
        name: {"rope_theta": base, **((nested or {}).get(name) or {}), **(scaling or {})}
        for name, base in bases.items()
    }
    return read_rotary(said[FULL], longest), read_rotary(said[LOCAL], longest)


def from_fields(fields: Fields) -> Fields:
    """Two kinds of blocks, norms and biases, and the head's own activation."""
    fields = {name: value for name, value in fields.items() if name != "unread"}
    depth, count = fields["depth"], fields.pop("every", 3)
    types = check_types(fields.pop("layer_types", None) or every(depth, count), depth)
    norm = replace(NORM, shift=bool(fields.pop("norm_bias", False)))
    attention, feedforward = fields.pop("attention_bias", False), fields.pop("mlp_bias", False)
    name, own = fields.pop("gated", "gelu"), fields.pop("head_activation", "gelu")
    head = replace(
        BASE.vocabulary_head,
        norm=norm,
        activation=None if own == name else own,
        transform_bias=bool(fields.pop("transform_bias", False)),
        bias=fields.pop("head_bias", True) is not False,
    )
    return {
        **normed(norm, depth),
        "embedding_dropout": _dropped(fields.pop("embedding_pdrop", 0.0), fields.get("dropout")),
        "activation": name,
        "bias": biased((attention, ATTENTION), (feedforward, FEEDFORWARD)),
        "mask": by_type(types, Ordered(), local_mask(fields.pop("local", 128) // 2 + 1)),
        "position": by_type(types, *take_rotaries(fields)),
        "vocabulary_head": head,
        **fields,
    }


def _dropped(rate: float, other: float | None) -> str:
    """Where the embedding drops numbers: nowhere, or as often as all else."""
    if rate not in (0.0, other):
        raise ConfigError(f"embedding_dropout {rate} other than mlp_dropout is not read.")
    return "after" if rate else "none"


def to_fields(a: Architecture) -> Fields:
    """What the keys say of an architecture."""
    types, width = types_of(a)
    parts = {name: of(a.position, i) for i, name in reversed([*enumerate(types)])}
    said = {name: write_rotary(part) for name, part in parts.items()}
    bases = {"rope_theta": said.get(FULL, {}), "local_theta": said.get(LOCAL, {})}
    head = a.vocabulary_head
    return {
        "gated": a.activation,
        "head_activation": head.activation or a.activation,
        "embedding_pdrop": 0.0 if a.embedding_dropout == "none" else a.dropout,
        "norm_bias": a.final_norm is not None and a.final_norm.shift,
        "attention_bias": a.has_bias("output"),
        "mlp_bias": a.has_bias("outer"),
        "transform_bias": head.transform_bias,
        "head_bias": head.bias,
        "layer_types": types,
        **({} if width is None else {"local": 2 * (width - 1)}),
        **{name: own["rope_theta"] for name, own in bases.items() if own},
        "rope_parameters": {n: own["rope_parameters"] for n, own in said.items() if own} or None,
    }


def huggingface() -> Dialect:
    """Its tensor names; of the two gated halves, the first is activated."""
    layer, block = "model.layers.{i}", "blocks/{i}"
    projections = [f"{block}/attention/{name}" for name in ("query", "key", "value")]
    gated = [f"{block}/feedforward/{name}" for name in ("inner", "gate")]
    rules = [
        Rule(TOKENS, "model.embeddings.tok_embeddings.weight"),
        *pairs("embeddings/norm", "model.embeddings.norm", TORCH_NORM),
        *pairs(f"{block}/attention_norm/before", f"{layer}.attn_norm", TORCH_NORM),
        *fused(projections, f"{layer}.attn.Wqkv", TORCH_KERNEL, TRANSPOSED),
        *transposed(f"{block}/attention/output", f"{layer}.attn.Wo"),
        *pairs(f"{block}/feedforward_norm/before", f"{layer}.mlp_norm", TORCH_NORM),
        *fused(gated, f"{layer}.mlp.Wi", TORCH_KERNEL, TRANSPOSED),
        *transposed(f"{block}/feedforward/outer", f"{layer}.mlp.Wo"),
        *pairs("blocks/norm", "model.final_norm", TORCH_NORM),
        *transposed("mlm/transform", "head.dense"),
        *pairs("mlm/norm", "head.norm", TORCH_NORM),
        Rule("mlm/bias", "decoder.bias"),
        Rule(OUTPUT, "decoder.weight", TRANSPOSED),
    ]
    return Dialect(
        "huggingface",
        tuple(rules),
        body=r"^(model\.)?(embeddings|layers|final_norm)\.",
        aliases=(("model.", ""),),
        ignored=HUGGINGFACE_IGNORED,
    )


POOLINGS = {"cls": "first", "mean": "mean"}
PUBLISHED = {ours: theirs for theirs, ours in POOLINGS.items()}
"""What `classifier_pooling` calls the poolings, and the other way round."""


def vector(config: Config, a: Architecture) -> VectorHead:
    """The vocabulary head's transform and norm, behind a pooling."""
    name, head = config.get("classifier_pooling", "cls"), a.vocabulary_head
    if name not in POOLINGS:
        raise ConfigError(f"classifier_pooling is {brief(name)}; cls or mean is due.")
    norm = head.norm or NORM
    transform = VectorTransform(
        head.activation or a.activation, head.transform_bias, norm.epsilon, norm.shift
    )
    return VectorHead(POOLINGS[name], transform)


SEQUENCE_HEAD = PublishedHead(
    f"{OWN}labels",
    (
        *transposed(f"{OWN}transform/dense", "head.dense"),
        *pairs(f"{OWN}transform/norm", "head.norm", TORCH_NORM),
        *transposed(f"{OWN}labels", "classifier"),
    ),
    vector=vector,
    keys=lambda own: {"classifier_pooling": PUBLISHED.get(own.pooling, "cls")},
)


MODERNBERT = Family(
    "modernbert",
    BASE,
    configuration(
        BASE,
        keys=KEYS,
        architectures="ModernBertForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface()},
    frozenset({"modernbert"}),
    published={SEQUENCE: SEQUENCE_HEAD},
    models="ModernBERT, Chinese ModernBERT, mmBERT, GTE ModernBERT",
)
