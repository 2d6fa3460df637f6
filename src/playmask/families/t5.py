"""T5 1.0, T5 1.1 and mT5: encoder, decoder, or both (Raffel et al. 2020; Xue et al. 2021)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.errors import ConfigError
from playmask.families.config import (
    Configuration,
    Fields,
    Key,
    epsilon_of,
    fields_of,
    read_tanh,
    with_epsilon,
    write_tanh,
)
from playmask.families.encoders import GOOGLE_IGNORED, transposed
from playmask.families.family import Family
from playmask.families.keras_names import keras_layers, stacks
from playmask.families.names import TOKENS, Dialect, Rule, Transpose
from playmask.model.architecture import Architecture, Decoder, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Buckets, Dot

NORM = Norm(epsilon=1e-6, kind="rms")

BASE = Architecture(
    family="t5_1_1",
    vocabulary=32128,
    width=768,
    depth=12,
    attention_heads=12,
    inner=2048,
    activation="gelu_tanh",
    gate="linear",
    key_size=64,
    value_size=64,
    attention=(Dot(scale=False),),
    position=Buckets(),
    decoder=Decoder(12, Buckets(bidirectional=False), (Dot(scale=False),)),
    segments=0,
    bias=False,
    embedding_norm=None,
    attention_norm=Around(before=NORM),
    feedforward_norm=Around(before=NORM),
    final_norm=NORM,
    final_dropout=True,
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False, tied=False),
)
"""The sizes of T5 1.1 base."""

GATED = {"gated-gelu": ["gelu_tanh", "linear"], "gated-silu": ["swish", "linear"], "relu": "relu"}
"""`feed_forward_proj`, and what it means."""

GOOGLE, TORCH = "google", "huggingface"
KEYS = (
    Key("vocab_size", "vocabulary"),
    *(Key(name, "width", dialect=d) for name, d in (("hidden_size", GOOGLE), ("d_model", TORCH))),
    *(
        Key(name, "depth", dialect=d)
        for name, d in (("num_hidden_layers", GOOGLE), ("num_layers", TORCH))
    ),
    Key("num_decoder_layers", "decoder_depth"),
    *(
        Key(name, "attention_heads", dialect=d)
        for name, d in (("num_attention_heads", GOOGLE), ("num_heads", TORCH))
    ),
    *(
        Key(name, "inner", dialect=d)
        for name, d in (("intermediate_size", GOOGLE), ("d_ff", TORCH))
    ),
    *(
        Key(name, "key_size", dialect=d)
        for name, d in (("attention_head_size", GOOGLE), ("d_kv", TORCH))
    ),
    Key("attention_key_size", "own_key_size", dialect=GOOGLE),
    Key("hidden_act", "activation", read_tanh, write_tanh, GOOGLE),
    Key("feed_forward_proj", "projection", dialect=TORCH),
    *(Key(name, name, dialect="") for name in ("dense_act_fn", "is_gated_act", "is_decoder")),
    *(
        Key(name, "dropout", dialect=d)
        for name, d in (("hidden_dropout_prob", GOOGLE), ("dropout_rate", TORCH))
    ),
    Key("attention_probs_dropout_prob", "attention_dropout", dialect=GOOGLE),
    Key("initializer_factor", "factor", dialect=""),
    Key("initializer_range", "initializer_range", dialect=GOOGLE),
    Key("layer_norm_epsilon", "epsilon", dialect=TORCH),
    Key("relative_attention_num_buckets", "buckets", dialect=TORCH),
    Key("relative_attention_max_distance", "longest", dialect=TORCH),
    Key("tie_word_embeddings", "tied"),
    Key("scale_decoder_outputs", "scaled"),
    Key("pad_token_id", "pad"),
    *(Key(name, name, dialect="") for name in ("n_positions", "max_position_embeddings")),
)


SILENT = (
    "dense_act_fn",
    "is_gated_act",
    "is_decoder",
    "factor",
    "n_positions",
    "max_position_embeddings",
)
"""Keys that only repeat others, or that no T5 heeds."""


def from_fields(base: Architecture, fields: Fields) -> Architecture:
    """Gated models have a head of their own; tied ones scale what it reads by 1/√width."""
    fields = {name: value for name, value in fields.items() if name not in SILENT}
    kind = fields.pop("projection", None)
    if kind is not None and kind not in GATED:
        raise ConfigError(f"feed_forward_proj {kind!r} is none of {', '.join(GATED)}.")
    activation = fields.pop("activation", "relu") if kind is None else GATED[kind]
    activation, gate = activation if isinstance(activation, list) else (activation, None)
    tied = fields.pop("tied", gate is None)
    scale = fields["width"] ** -0.5 if fields.pop("scaled", tied) else 1.0
    buckets = Buckets(fields.pop("buckets", 32), fields.pop("longest", 128))
    size = fields.pop("key_size", fields["width"] // fields["attention_heads"])
    dropout, epsilon = fields.get("dropout", base.dropout), fields.pop("epsilon", NORM.epsilon)
    architecture = base.change(
        **{
            "attention_dropout": dropout,
            "activation": activation,
            "gate": gate,
            "key_size": fields.pop("own_key_size", size),
            "value_size": size,
            "position": buckets,
            "decoder": Decoder(
                fields.pop("decoder_depth", None) or fields["depth"],
                replace(buckets, bidirectional=False),
                (Dot(scale=False),),
            ),
            "vocabulary_head": replace(base.vocabulary_head, tied=tied, scale=scale),
            **fields,
        }
    )
    return with_epsilon(architecture, epsilon)


def to_fields(a: Architecture, dialect: str) -> Fields:
    """What the keys say of an architecture."""
    head = a.vocabulary_head
    gated = [a.activation, a.gate]
    kinds = {str(value): name for name, value in GATED.items()}
    buckets = a.position if isinstance(a.position, Buckets) else Buckets()
    return fields_of(a, KEYS) | {
        "decoder_depth": a.depth if a.decoder is None else a.decoder.depth,
        "key_size": a.value_size_,
        "own_key_size": a.key_size_,
        "activation": a.activation if a.gate is None else gated,
        "projection": kinds.get(a.activation if a.gate is None else str(gated), a.activation),
        "epsilon": epsilon_of(a),
        "buckets": buckets.count,
        "longest": buckets.longest,
        "tied": head.tied,
        "scaled": head.scale != 1.0,
        "pad": a.pad,
    }


def configuration(base: Architecture, architectures: str, model_type: str) -> Configuration:
    """How T5's and mT5's files are read and written."""
    return Configuration(
        base.family,
        KEYS,
        ("vocabulary", "width", "depth", "attention_heads", "inner"),
        lambda fields: from_fields(base, fields),
        to_fields,
        {
            "huggingface": {
                "architectures": [architectures],
                "model_type": model_type,
                "is_encoder_decoder": True,
                "decoder_start_token_id": 0,
                "eos_token_id": 1,
            }
        },
    )


SUBLAYERS = {
    "blocks": {"attention": "SelfAttention", "feedforward": "DenseReluDense"},
    "decoder": {
        "attention": "SelfAttention",
        "cross": "EncDecAttention",
        "feedforward": "DenseReluDense",
    },
}
"""The sub-layers of each stack in their order."""

LAYERS = {"query": "q", "key": "k", "value": "v", "output": "o"}
PLAIN = {"inner": "wi", "outer": "wo"}
TWO = {"inner": "wi_0", "gate": "wi_1", "outer": "wo"}


def google_rules(feedforward: dict[str, str], norm: str, final: str) -> list[Rule]:
    """The names of Mesh TensorFlow's checkpoints; T5 and mT5 call their norms differently."""
    rules = [
        Rule("embeddings/tokens/embeddings", "shared/embedding"),
        Rule("mlm/output/kernel", "decoder/logits/kernel"),
    ]
    for stack, sublayers in SUBLAYERS.items():
        side = "encoder" if stack == "blocks" else "decoder"
        table = f"{side}/block_000/layer_000/SelfAttention/relative_attention_bias"
        rules += [
            Rule(f"{stack}/buckets/embeddings", table, (Transpose(),)),
            Rule(f"{stack}/norm/gamma", f"{side}/{final}/scale"),
        ]
        for place, (ours, theirs) in enumerate(sublayers.items()):
            layer = f"{side}/block_{{i:0>3}}/layer_{place:03}"
            block = f"{stack}/{{i}}/{ours}"
            rules.append(Rule(f"{block}_norm/before/gamma", f"{layer}/{norm}/scale"))
            names, end = (feedforward, "/kernel") if ours == "feedforward" else (LAYERS, "")
            rules += [
                Rule(f"{block}/{mine}/kernel", f"{layer}/{theirs}/{yours}{end}")
                for mine, yours in names.items()
            ]
    return rules


SHARED = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
"""What Hugging Face's programs call the one token table besides."""


def huggingface_rules(feedforward: dict[str, str]) -> list[Rule]:
    """The names of Hugging Face's T5 and mT5."""
    rules = [
        Rule(TOKENS, "shared.weight", copies=SHARED),
        *transposed("mlm/output", "lm_head")[:1],
    ]
    for stack, sublayers in SUBLAYERS.items():
        side = "encoder" if stack == "blocks" else "decoder"
        table = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        rules += [
            Rule(f"{stack}/buckets/embeddings", table),
            Rule(f"{stack}/norm/gamma", f"{side}.final_layer_norm.weight"),
        ]
        for place, (ours, theirs) in enumerate(sublayers.items()):
            layer, block = f"{side}.block.{{i}}.layer.{place}", f"{stack}/{{i}}/{ours}"
            rules.append(Rule(f"{block}_norm/before/gamma", f"{layer}.layer_norm.weight"))
            for mine, yours in (feedforward if ours == "feedforward" else LAYERS).items():
                rules += transposed(f"{block}/{mine}", f"{layer}.{theirs}.{yours}")[:1]
    return rules


IGNORED = (
    (
        r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$",
        "a bug of early programs: no trained model has it",
    ),
)


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """An encoder alone is stored without a word in its configuration."""
    decodes = any(name.lower().startswith("decoder") for name in tensors)
    return architecture if decodes else architecture.change(decoder=None)


ONE_ORDER = "T5's encoder reads both ways and its decoder is a language model already"


def bert4keras(architecture: Architecture) -> Architecture:
    """The bias in the cross-attention, the scale in all versions, gelu by the error function."""
    head = replace(architecture.vocabulary_head, scale=architecture.width**-0.5)
    if architecture.decoder is not None:
        architecture = architecture.change(
            decoder=replace(architecture.decoder, cross_position=True)
        )
    activation = "gelu" if architecture.activation == "gelu_tanh" else architecture.activation
    return architecture.change(vocabulary_head=head, activation=activation)


def family(
    base: Architecture, models: str, model_type: str, torch: str, google: list[Rule]
) -> Family:
    """One of the three; they differ in their feed-forward layer and in names."""
    body = r"^(encoder|decoder|shared)[/.]"
    names = PLAIN if base.gate is None else TWO
    return Family(
        base.family,
        base,
        configuration(base, torch, model_type),
        {
            "google": Dialect("google", tuple(google), body=body, ignored=GOOGLE_IGNORED),
            "huggingface": Dialect(
                "huggingface", tuple(huggingface_rules(names)), body=body, ignored=IGNORED
            ),
        },
        frozenset({model_type}),
        bert4keras=bert4keras,
        one_order=ONE_ORDER,
        settle=settle,
        models=models,
        reads=keras_layers(stacks([*names])),
    )


T5 = family(
    replace(
        BASE,
        family="t5",
        inner=3072,
        activation="relu",
        gate=None,
        vocabulary_head=replace(BASE.vocabulary_head, tied=True, scale=BASE.width**-0.5),
    ),
    "T5 1.0",
    "t5",
    "T5ForConditionalGeneration",
    google_rules(PLAIN, "layer_norm", "final_layer_norm"),
)
T5_1_1 = family(
    BASE,
    "T5 1.1, Flan-T5",
    "t5",
    "T5ForConditionalGeneration",
    google_rules(TWO, "layer_norm", "final_layer_norm"),
)
MT5 = family(
    replace(BASE, family="mt5", vocabulary=250112),
    "mT5, T5-PEGASUS",
    "mt5",
    "MT5ForConditionalGeneration",
    google_rules(TWO, "rms_norm", "rms_norm"),
)
