"""BART (Lewis et al. 2020): norms after; and what mBART and PEGASUS share with it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from playmask.errors import ConfigError
from playmask.families.config import (
    Configuration,
    Fields,
    Key,
    fields_of,
    read_activation,
    write_activation,
)
from playmask.families.encoders import TORCH_NORM, TRANSPOSED, transposed
from playmask.families.family import Family
from playmask.families.names import TOKENS, Dialect, Row, Rule, pairs
from playmask.model.architecture import Architecture, Decoder, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Learned

NORM = Norm(epsilon=1e-5)
OFFSET = 2


def table(size: int) -> Learned:
    """Positions that padding has too, two rows after the table's first."""
    return Learned(size, OFFSET, counts_padding=True)


BASE = Architecture(
    family="bart",
    vocabulary=50265,
    width=768,
    depth=6,
    attention_heads=12,
    inner=3072,
    position=table(1024),
    decoder=Decoder(6, table(1024), embedding_norm=NORM, start=2),
    segments=0,
    pad=1,
    embedding_norm=NORM,
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(transform=False, norm=None),
)
"""The sizes of BART-base."""

SAME = {"decoder_attention_heads": "attention_heads", "decoder_ffn_dim": "inner"}
"""Sizes of the decoder that are those of the encoder in all that was published."""

SILENT = (
    *("activation_dropout", "encoder_layerdrop", "decoder_layerdrop", "classif_dropout"),
    *("num_hidden_layers", "num_attention_heads", "hidden_size", "is_decoder", "save_step"),
    *("extra_pos_embeddings", "force_bos_token_to_be_generated", "do_blenderbot_90_layernorm"),
)
"""Keys that repeat others, or are of training, of generating, or of programs long gone."""

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("d_model", "width"),
    Key("encoder_layers", "depth"),
    Key("decoder_layers", "decoder_depth"),
    Key("encoder_attention_heads", "attention_heads"),
    Key("encoder_ffn_dim", "inner"),
    *(Key(name, name) for name in SAME),
    Key("activation_function", "activation", read_activation, write_activation),
    Key("dropout", "dropout"),
    Key("attention_dropout", "attention_dropout"),
    Key("init_std", "initializer_range"),
    Key("max_position_embeddings", "longest"),
    Key("scale_embedding", "scaled"),
    Key("pad_token_id", "pad"),
    Key("decoder_start_token_id", "start"),
    Key("tie_word_embeddings", "tied"),
    *(Key(name, name, dialect="") for name in SILENT),
)

USUAL: dict[str, Any] = {
    "normalize_before": False,
    "normalize_embedding": True,
    "add_final_layer_norm": False,
    "add_bias_logits": False,
    "static_position_embeddings": False,
}
"""Keys of older files that BART, mBART and PEGASUS once shared, with the values of BART's."""


def from_fields(base: Architecture, usual: Mapping[str, Any], fields: Fields) -> Architecture:
    """Both stacks have the same sizes; each has positions and a norm of its own."""
    for name, value in usual.items():
        if fields.pop(name, value) != value:
            raise ConfigError(f"{name} other than {value} is not {base.family}'s.")
    for name, ours in SAME.items():
        if fields.pop(name, fields[ours]) != fields[ours]:
            raise ConfigError(f"{name} must be {fields[ours]} as the encoder's; none other loads.")
    fields = {name: value for name, value in fields.items() if name not in SILENT}
    assert base.decoder is not None
    depth, size = fields.pop("decoder_depth", None), fields.pop("longest", None)
    start = fields.pop("start", base.decoder.start)
    decoder = replace(base.decoder, depth=depth or fields["depth"], start=start)
    head = replace(base.vocabulary_head, tied=fields.pop("tied", True) is not False)
    scale = math.sqrt(fields["width"]) if fields.pop("scaled", False) else 1.0
    return base.change(
        **fields,
        position=_sized(base.position, size or 1024),
        decoder=replace(decoder, position=_sized(decoder.position, size or 1024)),
        embedding_scale=scale,
        vocabulary_head=head,
    )


def _sized(part: Any, size: int) -> Any:
    """A position part, of so many rows where it has any."""
    return replace(part, size=size) if isinstance(part, Learned) else part


def to_fields(a: Architecture, dialect: str) -> Fields:
    """What the keys say of an architecture."""
    fields = fields_of(a, KEYS) | {name: getattr(a, ours) for name, ours in SAME.items()}
    for position in (a.position, None if a.decoder is None else a.decoder.position):
        if isinstance(position, Learned):
            fields["longest"] = position.size
    if a.decoder is not None:
        fields |= {"decoder_depth": a.decoder.depth, "start": a.decoder.start}
    tied = a.vocabulary_head.tied
    return fields | {"scaled": a.embedding_scale != 1.0, "tied": tied, "pad": a.pad}


def configuration(
    base: Architecture, architectures: str, usual: Mapping[str, Any], keys: tuple[Key, ...] = KEYS
) -> Configuration:
    """How such a family's files are read and written."""
    own = tuple(Key(name, name, dialect="") for name in usual)
    said = {"architectures": [architectures], "model_type": base.family, "is_encoder_decoder": True}
    return Configuration(
        base.family,
        (*keys, *own),
        ("vocabulary", "width", "depth", "attention_heads", "inner"),
        partial(from_fields, base, usual),
        to_fields,
        {"huggingface": said},
    )


PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
SUBLAYERS = {"attention": "self_attn", "cross": "encoder_attn", "feedforward": "final"}


def stack_rules(stack: str, side: str, place: str) -> list[Rule]:
    """The names of one stack's blocks; place: where its norms stand, "before" or "after"."""
    layer, block = f"model.{side}.layers.{{i}}", f"{stack}/{{i}}"
    rules = pairs(f"{stack}/norm", f"model.{side}.layer_norm", TORCH_NORM)
    for ours, theirs in SUBLAYERS.items():
        if ours == "cross" and stack == "blocks":
            continue
        rules += pairs(f"{block}/{ours}_norm/{place}", f"{layer}.{theirs}_layer_norm", TORCH_NORM)
        if ours != "feedforward":
            for mine, yours in PROJECTIONS.items():
                rules += transposed(f"{block}/{ours}/{mine}", f"{layer}.{theirs}.{yours}")
    rules += transposed(f"{block}/feedforward/inner", f"{layer}.fc1")
    return [*rules, *transposed(f"{block}/feedforward/outer", f"{layer}.fc2")]


def embedding_rules(embeddings: str, side: str) -> list[Rule]:
    """The names of one stack's table of positions, and of its norm."""
    positions = f"{embeddings}/positions/embeddings"
    return [
        Rule(positions, f"model.{side}.embed_positions.weight"),
        *pairs(f"{embeddings}/norm", f"model.{side}.layernorm_embedding", TORCH_NORM),
    ]


HEAD = (
    Rule("mlm/output/kernel", "lm_head.weight", TRANSPOSED),
    Rule("mlm/bias", "final_logits_bias", (Row(),)),
)
COPIES = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight")
"""What the one token table is called besides."""

IGNORED = (
    (r"(^|\.)(encoder|decoder)\.version$", "a constant"),
    (r"^classification_head\.|^qa_outputs\.", "the head of another task"),
)


def dialect(place: str) -> Dialect:
    """The names of Hugging Face's BART, mBART and PEGASUS."""
    rules = [
        Rule(TOKENS, "model.shared.weight", copies=COPIES),
        *embedding_rules("embeddings", "encoder"),
        *embedding_rules("decoder_embeddings", "decoder"),
        *stack_rules("blocks", "encoder", place),
        *stack_rules("decoder", "decoder", place),
        *HEAD,
    ]
    body = r"^(model\.)?(encoder|decoder|shared)\."
    return Dialect(
        "huggingface", tuple(rules), body=body, aliases=(("model.", ""),), ignored=IGNORED
    )


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """A model that is stored without a head has no bias of one."""
    if "shared.weight" not in tensors or "final_logits_bias" in tensors:
        return architecture
    head = replace(architecture.vocabulary_head, bias=False)
    return architecture.change(vocabulary_head=head)


ONE_ORDER = "its encoder reads both ways and its decoder is a language model already"

BART = Family(
    "bart",
    BASE,
    configuration(BASE, "BartForConditionalGeneration", USUAL),
    {"huggingface": dialect("after")},
    frozenset({"bart"}),
    one_order=ONE_ORDER,
    settle=settle,
    models="BART, Chinese BART",
)
