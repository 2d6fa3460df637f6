"""Llama 2 and 3, and what Qwen shares with it (Touvron et al. 2023; Grattafiori et al. 2024)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from playmask.families.config import (
    Configuration,
    Fields,
    Key,
    read_activation,
    write_silu,
)
from playmask.families.encoders import REQUIRED, TRANSPOSED, configuration, transposed
from playmask.families.family import Family
from playmask.families.names import OUTPUT, TOKENS, Dialect, Rule
from playmask.families.rope import ROPE_KEYS, take_rotary, write_rotary
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Rotary

NORM = Norm(epsilon=1e-6, kind="rms")

BASE = Architecture(
    family="llama",
    vocabulary=32000,
    width=4096,
    depth=32,
    attention_heads=32,
    inner=11008,
    activation="swish",
    gate="linear",
    position=Rotary(halves=True),
    segments=0,
    pad=None,
    bias=False,
    embedding_norm=None,
    embedding_dropout="none",
    attention_norm=Around(before=NORM),
    feedforward_norm=Around(before=NORM),
    final_norm=NORM,
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False, tied=False),
    order="lm",
    dropout=0.0,
    attention_dropout=0.0,
)
"""The sizes of Llama 2, 7B."""

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("hidden_size", "width"),
    Key("num_hidden_layers", "depth"),
    Key("num_attention_heads", "attention_heads"),
    Key("num_key_value_heads", "key_value_heads"),
    Key("head_dim", "head_size"),
    Key("intermediate_size", "inner"),
    Key("hidden_act", "gated", read_activation, write_silu),
    Key("attention_dropout", "attention_dropout"),
    Key("initializer_range", "initializer_range"),
    Key("rms_norm_eps", "epsilon"),
    Key("pad_token_id", "pad"),
    Key("tie_word_embeddings", "tied"),
    Key("is_causal", "causal"),
    *ROPE_KEYS,
)
"""What Llama's and Qwen's configurations have in common."""

ATTENTION, FEEDFORWARD = ("query", "key", "value", "output"), ("inner", "gate", "outer")


def biased(*choices: tuple[Any, tuple[str, ...]]) -> bool | tuple[str, ...]:
    """The dense layers that have a bias: those of each choice that is true."""
    return tuple(name for chosen, names in choices if chosen for name in names) or False


def sized(base: Architecture, fields: Fields) -> Fields:
    """Heads of keys and values, and the size of a head, where they are not the usual ones."""
    heads, usual = fields["attention_heads"], fields["width"] // fields["attention_heads"]
    size = fields.pop("head_size", None) or base.key_size
    size = None if base.key_size is None and size == usual else size
    groups = fields.pop("key_value_heads", None)
    return fields | {
        "key_size": size,
        "value_size": size,
        "key_value_heads": None if groups == heads else groups,
    }


def from_fields(base: Architecture, fields: Fields) -> Fields:
    """The fields of the architecture: its head's tie, its order, its positions."""
    position = take_rotary(fields)
    activation, causal = fields.pop("gated", base.activation), fields.pop("causal", True)
    tied = bool(fields.pop("tied", False))
    return {
        "pad": None,
        **sized(base, fields),
        "position": position,
        "activation": activation,
        "order": "full" if causal is False else "lm",
        "vocabulary_head": replace(base.vocabulary_head, tied=tied),
    }


def to_fields(a: Architecture) -> Fields:
    """What the keys say of an architecture."""
    return {
        "gated": a.activation,
        "head_size": a.key_size_,
        "key_value_heads": a.key_value_heads or a.attention_heads,
        "tied": a.vocabulary_head.tied,
        **({"causal": False} if a.order == "full" else {}),
        **write_rotary(a.position),
    }


DENSE = {
    "attention/query": "self_attn.q_proj",
    "attention/key": "self_attn.k_proj",
    "attention/value": "self_attn.v_proj",
    "attention/output": "self_attn.o_proj",
    "feedforward/inner": "mlp.gate_proj",
    "feedforward/gate": "mlp.up_proj",
    "feedforward/outer": "mlp.down_proj",
}
NORMS = {
    "attention_norm/before": "input_layernorm",
    "feedforward_norm/before": "post_attention_layernorm",
}
HEAD_NORMS = {"attention/query_norm": "self_attn.q_norm", "attention/key_norm": "self_attn.k_norm"}


def dialect(biases: Collection[str], norms: Mapping[str, str] = NORMS) -> Dialect:
    """The tensor names of Llama and Qwen, with the biases of some dense layers, and some norms."""
    layer, block = "model.layers.{i}", "blocks/{i}"
    rules = [
        Rule(TOKENS, "model.embed_tokens.weight"),
        *(Rule(f"{block}/{o}/gamma", f"{layer}.{theirs}.weight") for o, theirs in norms.items()),
        Rule("blocks/norm/gamma", "model.norm.weight"),
        Rule(OUTPUT, "lm_head.weight", TRANSPOSED),
    ]
    for ours, theirs in DENSE.items():
        both = transposed(f"{block}/{ours}", f"{layer}.{theirs}")
        rules += both if ours.split("/")[1] in biases else both[:1]
    return Dialect(
        "huggingface",
        tuple(rules),
        body=r"^(model\.)?(embed_tokens|layers|norm)\.",
        aliases=(("model.", ""),),
        ignored=(
            (r"rotary_emb\.inv_freq$", "a constant, which its own program computes anew too"),
            (r"^(score|classifier|qa_outputs)\.", "the head of another task"),
        ),
    )


def decoder(
    base: Architecture,
    keys: tuple[Key, ...],
    architectures: str,
    read: Callable[[Fields], Fields] = lambda fields: fields,
    write: Callable[[Architecture], Fields] = lambda architecture: {},
    required: tuple[str, ...] = (),
) -> Configuration:
    """How the configuration of such a family is read and written.

    keys: of its own; read, write: the fields of these, to and from those of the architecture;
    required: fields that must be there, besides the sizes
    """
    return configuration(
        base,
        keys=(*KEYS, *keys),
        required=(*REQUIRED, *required),
        architectures=architectures,
        from_fields=lambda fields: from_fields(base, read(fields)),
        to_fields=lambda architecture: to_fields(architecture) | write(architecture),
    )


def llama_from_fields(fields: Fields) -> Fields:
    """All of attention may have biases, and all of the feed-forward layers."""
    attention, feedforward = fields.pop("attention_bias", False), fields.pop("mlp_bias", False)
    return fields | {"bias": biased((attention, ATTENTION), (feedforward, FEEDFORWARD))}


def llama_to_fields(a: Architecture) -> Fields:
    """Which have them."""
    return {"attention_bias": a.has_bias("output"), "mlp_bias": a.has_bias("outer")}


LLAMA = Family(
    "llama",
    BASE,
    decoder(
        BASE,
        (Key("attention_bias", "attention_bias"), Key("mlp_bias", "mlp_bias")),
        "LlamaForCausalLM",
        llama_from_fields,
        llama_to_fields,
    ),
    {"huggingface": dialect((*ATTENTION, *FEEDFORWARD))},
    frozenset({"llama"}),
    models="Llama 2, 3, 3.2",
)
