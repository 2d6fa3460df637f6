"""What BERT and all families named after it share: configuration keys and tensor names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from playmask.errors import ConfigError
from playmask.families.config import (
    Configuration,
    Fields,
    Key,
    epsilon_of,
    fields_of,
    number,
    read_activation,
    with_epsilon,
    write_activation,
)
from playmask.families.names import Dialect, Rule, Transpose, causal, counting, pairs
from playmask.model.architecture import Architecture
from playmask.model.parts import Learned

REQUIRED = ("vocabulary", "width", "depth", "attention_heads", "inner")

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("hidden_size", "width"),
    Key("num_hidden_layers", "depth"),
    Key("num_attention_heads", "attention_heads"),
    Key("intermediate_size", "inner"),
    Key("hidden_act", "activation", read_activation, write_activation),
    Key("embedding_size", "embedding_size"),
    Key("attention_key_size", "key_size"),
    Key("attention_head_size", "value_size"),
    Key("type_vocab_size", "segments"),
    Key("segment_vocab_size", "segments", dialect=""),
    Key("hidden_dropout_prob", "dropout"),
    Key("attention_probs_dropout_prob", "attention_dropout"),
    Key("initializer_range", "initializer_range"),
    Key("layer_norm_eps", "epsilon"),
    Key("pad_token_id", "pad"),
    Key("position_embedding_type", "position_type", dialect=""),
    Key("is_decoder", "decodes", dialect="huggingface"),
    Key("tie_word_embeddings", "tied", dialect="huggingface"),
)
"""Google's `bert_config.json`, bert4keras' additions to it, and Hugging Face's keys."""

TABLE = (Key("max_position_embeddings", "position", Learned, number("size")),)
NO_TABLE = (Key("max_position_embeddings", "longest", dialect=""),)
"""What the number of positions means with and without a table of them."""

KERNEL = {"kernel": "/kernel", "bias": "/bias"}
NORM = {"gamma": "/gamma", "beta": "/beta"}
TORCH_KERNEL = {"kernel": ".weight", "bias": ".bias"}
TORCH_NORM = {"gamma": ".weight", "beta": ".bias"}
TRANSPOSED = (Transpose(),)


def configuration(
    base: Architecture,
    *,
    keys: tuple[Key, ...] = (*KEYS, *TABLE),
    required: tuple[str | tuple[str, ...], ...] = REQUIRED,
    architectures: str,
    constants: Mapping[str, Any] | None = None,
    from_fields: Callable[[Fields], Fields] = lambda fields: fields,
    to_fields: Callable[[Architecture], Fields] = lambda architecture: {},
) -> Configuration:
    """How such a family's configuration is read and written.

    base: what holds where the file says nothing; architectures, constants: what Hugging Face's
    files say besides; from_fields, to_fields: the family's own fields, to and from those of the
    architecture
    """
    bound = partial(_to_fields, base, keys, to_fields)
    said = {"architectures": [architectures], "model_type": base.family, **(constants or {})}
    return Configuration(
        base.family, keys, required, lambda fields: _from_fields(base, from_fields(fields)), bound,
        {"huggingface": said},
    )  # fmt: skip


def _from_fields(base: Architecture, fields: Fields) -> Architecture:
    kind = fields.pop("position_type", "absolute")
    if kind != "absolute":
        raise ConfigError(
            f"position_embedding_type {kind!r} is not {base.family}'s; only 'absolute' "
            "checkpoints load."
        )
    fields.pop("longest", None)
    if fields.get("embedding_size") == fields.get("width"):
        fields["embedding_size"] = None
    if fields.pop("decodes", False):
        fields["order"] = "lm"
    if isinstance(fields.get("activation"), list):
        fields["activation"], fields["gate"] = fields["activation"]
    fields.setdefault("key_size", fields.get("value_size", base.key_size))
    epsilon, tied = fields.pop("epsilon", None), fields.pop("tied", True)
    architecture = base.change(**fields)
    if not tied:
        architecture = architecture.change(
            vocabulary_head=replace(architecture.vocabulary_head, tied=False)
        )
    return architecture if epsilon is None else with_epsilon(architecture, epsilon)


def _to_fields(
    base: Architecture,
    keys: tuple[Key, ...],
    more: Callable[[Architecture], Fields],
    architecture: Architecture,
    dialect: str,
) -> Fields:
    a = architecture
    fields = fields_of(a, keys) | {"pad": a.pad, "epsilon": epsilon_of(a)} | more(a)
    if a.gate is not None:
        fields["activation"] = [a.activation, a.gate]
    if dialect == "google":  # its own programs know neither key, so only what differs is written
        fields = {k: v for k, v in fields.items() if k != "pad" or a.pad != base.pad}
        if epsilon_of(a) == epsilon_of(base):
            del fields["epsilon"]
    if a.order == "lm" != base.order:
        fields["decodes"] = True
    if not a.vocabulary_head.tied:
        fields["tied"] = False
    return fields


def google_names(root: str = "bert", stack: str = "encoder") -> list[Rule]:
    """The variable names of Google's TensorFlow checkpoints, heads left out."""
    layer, block = f"{root}/{stack}/layer_{{i}}", "blocks/{i}"
    tables = {"tokens": "word", "segments": "token_type", "positions": "position"}
    rules = [
        Rule(f"embeddings/{ours}/embeddings", f"{root}/embeddings/{theirs}_embeddings")
        for ours, theirs in tables.items()
    ]
    rules += pairs("embeddings/norm", f"{root}/embeddings/LayerNorm", NORM)
    rules += pairs("embeddings/projection", f"{root}/{stack}/embedding_hidden_mapping_in", KERNEL)
    for name in ("query", "key", "value"):
        rules += pairs(f"{block}/attention/{name}", f"{layer}/attention/self/{name}", KERNEL)
    rules += pairs(f"{block}/attention/output", f"{layer}/attention/output/dense", KERNEL)
    rules += pairs(f"{block}/attention_norm/after", f"{layer}/attention/output/LayerNorm", NORM)
    rules += pairs(f"{block}/feedforward/inner", f"{layer}/intermediate/dense", KERNEL)
    rules += pairs(f"{block}/feedforward/outer", f"{layer}/output/dense", KERNEL)
    rules += pairs(f"{block}/feedforward_norm/after", f"{layer}/output/LayerNorm", NORM)
    return rules


def google_heads(root: str = "bert") -> list[Rule]:
    """The variable names of BERT's heads in Google's checkpoints."""
    return [
        *pairs("pool/dense", f"{root}/pooler/dense", KERNEL),
        *pairs("mlm/transform", "cls/predictions/transform/dense", KERNEL),
        *pairs("mlm/norm", "cls/predictions/transform/LayerNorm", NORM),
        Rule("mlm/bias", "cls/predictions/output_bias"),
        Rule("nsp/dense/kernel", "cls/seq_relationship/output_weights", (Transpose(),)),
        Rule("nsp/dense/bias", "cls/seq_relationship/output_bias"),
    ]


def huggingface_names(root: str = "bert.") -> list[Rule]:
    """The tensor names of Hugging Face's PyTorch models, heads left out."""
    layer, block = f"{root}encoder.layer.{{i}}", "blocks/{i}"
    tables = {
        "tokens": "word",
        "segments": "token_type",
        "positions": "position",
        "tasks": "task_type",
    }
    rules = [
        Rule(f"embeddings/{ours}/embeddings", f"{root}embeddings.{theirs}_embeddings.weight")
        for ours, theirs in tables.items()
    ]
    rules += pairs("embeddings/norm", f"{root}embeddings.LayerNorm", TORCH_NORM)
    rules += transposed("embeddings/projection", f"{root}embeddings_project")
    for name in ("query", "key", "value"):
        rules += transposed(f"{block}/attention/{name}", f"{layer}.attention.self.{name}")
    rules += transposed(f"{block}/attention/output", f"{layer}.attention.output.dense")
    rules += pairs(
        f"{block}/attention_norm/after", f"{layer}.attention.output.LayerNorm", TORCH_NORM
    )
    rules += transposed(f"{block}/feedforward/inner", f"{layer}.intermediate.dense")
    rules += transposed(f"{block}/feedforward/outer", f"{layer}.output.dense")
    rules += pairs(f"{block}/feedforward_norm/after", f"{layer}.output.LayerNorm", TORCH_NORM)
    return rules


def without_positions(rules: list[Rule]) -> list[Rule]:
    """The names of a family that has no table of positions."""
    return [rule for rule in rules if rule.ours != "embeddings/positions/embeddings"]


def huggingface_heads(root: str = "bert.") -> list[Rule]:
    """The tensor names of BERT's heads in Hugging Face's models."""
    return [
        *transposed("pool/dense", f"{root}pooler.dense"),
        *transposed("mlm/transform", "cls.predictions.transform.dense"),
        *pairs("mlm/norm", "cls.predictions.transform.LayerNorm", TORCH_NORM),
        Rule("mlm/bias", "cls.predictions.bias", copies=("cls.predictions.decoder.bias",)),
        Rule("mlm/output/kernel", "cls.predictions.decoder.weight", TRANSPOSED),
        *transposed("nsp/dense", "cls.seq_relationship"),
    ]


def transposed(ours: str, theirs: str) -> list[Rule]:
    """The rules of a dense layer that PyTorch stores as (out, in)."""
    return pairs(ours, theirs, TORCH_KERNEL, TRANSPOSED)


GOOGLE_IGNORED = (
    (
        r"/(adam|lamb|adafactor)_(m|v|vr|vc)$|/Adam(_1)?$|_slot_(m|v|vr|vc)$"
        r"|^(beta1|beta2)_power$|/Adafactor(_\d+)?$|(?<!Attention)/(vr|vc|v)$",
        "optimizer's state",
    ),
    (r"^global_step$", "the training's step counter"),
    (r"^output_(weights|bias)$|^(classifier|loss)/", "the head of another task"),
)

HUGGINGFACE_IGNORED = (
    (r"embeddings\.(position_ids|token_type_ids)$", "a constant"),
    (r"^(classifier|qa_outputs|dropout)\.", "the head of another task"),
)


CONSTANTS = (
    (r"position_ids$", counting),
    (r"token_type_ids$", lambda ids: not ids.any()),
    (r"\.attn\.bias$", causal),
)
"""Buffers that Hugging Face's programs store, and that they compute with where they differ."""


def google(rules: list[Rule], root: str = "bert") -> Dialect:
    """The dialect of a TensorFlow checkpoint whose variables start with a root."""
    body = rf"^{root}/(embeddings|encoder|transformer)/"
    return Dialect("google", tuple(rules), body=body, ignored=GOOGLE_IGNORED)


def huggingface(
    rules: list[Rule],
    root: str = "bert.",
    ignored: tuple[tuple[str, str], ...] = (),
    *,
    stack: str = "encoder",
) -> Dialect:
    """The dialect of a PyTorch checkpoint whose tensors start with a root, or with nothing."""
    return Dialect(
        "huggingface",
        tuple(rules),
        body=rf"^({re.escape(root)})?(embeddings|{stack})\.",
        aliases=(
            (root, ""),
            ("LayerNorm.weight", "LayerNorm.gamma"),
            ("LayerNorm.bias", "LayerNorm.beta"),
        ),
        ignored=(*HUGGINGFACE_IGNORED, *ignored),
        constants=CONSTANTS,
    )
