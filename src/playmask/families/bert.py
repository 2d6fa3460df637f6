"""BERT and RoBERTa-wwm (Devlin et al. 2018; Cui et al. 2019)."""

from collections.abc import Iterable, Mapping
from typing import Any

from playmask.architectures import Architecture, VocabularyHead
from playmask.errors import ConfigError
from playmask.families.config import (
    Key,
    need,
    read_activation,
    read_keys,
    write_activation,
    write_keys,
)
from playmask.families.family import Family
from playmask.families.names import Dialect, Rule, Transpose, pairs
from playmask.norms import Around, Norm
from playmask.parts import Learned

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
    Key("max_position_embeddings", "position", Learned, lambda part: part.size),
    Key("type_vocab_size", "segments"),
    Key("hidden_dropout_prob", "dropout"),
    Key("attention_probs_dropout_prob", "attention_dropout"),
    Key("initializer_range", "initializer_range"),
    Key("layer_norm_eps", "epsilon"),
    Key("pad_token_id", "pad"),
    Key("position_embedding_type", "position_type"),
    Key("is_decoder", "decoder"),
)


def norms(epsilon: float) -> dict[str, Any]:
    """Post-norm everywhere, one epsilon."""
    norm = Norm(epsilon=epsilon)
    return {
        "embedding_norm": norm,
        "attention_norm": Around(after=norm),
        "feedforward_norm": Around(after=norm),
        "vocabulary_head": VocabularyHead(norm=norm),
    }


def read_config(config: Mapping[str, Any], ignore: Iterable[str] = ()) -> Architecture:
    """Read Google's `bert_config.json`, bert4keras' additions to it, or Hugging Face's."""
    fields = read_keys(config, KEYS, family="bert", ignore=ignore)
    need(fields, KEYS, REQUIRED)
    kind = fields.pop("position_type", "absolute")
    if kind != "absolute":
        raise ConfigError(
            f"position_embedding_type {kind!r} is not BERT's; only 'absolute' checkpoints load."
        )
    if fields.pop("decoder", False):
        fields["order"] = "lm"
    fields.setdefault("key_size", fields.get("value_size"))
    return Architecture(family="bert", **norms(fields.pop("epsilon", 1e-12)), **fields)


def write_config(architecture: Architecture, dialect: str) -> dict[str, Any]:
    """Write the configuration that `read_config` reads, with the keys the dialect knows."""
    a = architecture
    fields = {key.ours: getattr(a, key.ours, None) for key in KEYS}
    config = write_keys(fields, KEYS)
    epsilon = a.attention_norm.after.epsilon if a.attention_norm.after else 1e-12
    if dialect == "google":  # its own programs know neither key, so only what differs is written
        if a.pad == 0:
            config.pop("pad_token_id")
        return config | ({"layer_norm_eps": epsilon} if epsilon != 1e-12 else {})
    return {
        "architectures": ["BertForPreTraining"],
        "model_type": "bert",
        "layer_norm_eps": epsilon,
        "position_embedding_type": "absolute",
        **({"is_decoder": True} if a.order == "lm" else {}),
        **config,
    }


def google_names(root: str = "bert", stack: str = "encoder") -> list[Rule]:
    """The variable names of Google's TensorFlow checkpoints."""
    kernel = {"kernel": "/kernel", "bias": "/bias"}
    norm = {"gamma": "/gamma", "beta": "/beta"}
    layer, block = f"{root}/{stack}/layer_{{i}}", "blocks/{i}"
    tables = {"tokens": "word", "segments": "token_type", "positions": "position"}
    rules = [
        Rule(f"embeddings/{ours}/embeddings", f"{root}/embeddings/{theirs}_embeddings")
        for ours, theirs in tables.items()
    ]
    rules += pairs("embeddings/norm", f"{root}/embeddings/LayerNorm", norm)
    rules += pairs("embeddings/projection", f"{root}/{stack}/embedding_hidden_mapping_in", kernel)
    for name in ("query", "key", "value"):
        rules += pairs(f"{block}/attention/{name}", f"{layer}/attention/self/{name}", kernel)
    rules += pairs(f"{block}/attention/output", f"{layer}/attention/output/dense", kernel)
    rules += pairs(f"{block}/attention_norm/after", f"{layer}/attention/output/LayerNorm", norm)
    rules += pairs(f"{block}/feedforward/inner", f"{layer}/intermediate/dense", kernel)
    rules += pairs(f"{block}/feedforward/outer", f"{layer}/output/dense", kernel)
    rules += pairs(f"{block}/feedforward_norm/after", f"{layer}/output/LayerNorm", norm)
    rules += pairs("pool/dense", f"{root}/pooler/dense", kernel)
    rules += pairs("mlm/transform", "cls/predictions/transform/dense", kernel)
    rules += pairs("mlm/norm", "cls/predictions/transform/LayerNorm", norm)
    return [
        *rules,
        Rule("mlm/bias", "cls/predictions/output_bias"),
        Rule("nsp/dense/kernel", "cls/seq_relationship/output_weights", (Transpose(),)),
        Rule("nsp/dense/bias", "cls/seq_relationship/output_bias"),
    ]


def huggingface_names(root: str = "bert.") -> list[Rule]:
    """The tensor names of Hugging Face's PyTorch models."""
    kernel = {"kernel": ".weight", "bias": ".bias"}
    norm = {"gamma": ".weight", "beta": ".bias"}
    turned = (Transpose(),)
    layer, block = f"{root}encoder.layer.{{i}}", "blocks/{i}"
    tables = {"tokens": "word", "segments": "token_type", "positions": "position"}
    rules = [
        Rule(f"embeddings/{ours}/embeddings", f"{root}embeddings.{theirs}_embeddings.weight")
        for ours, theirs in tables.items()
    ]
    rules += pairs("embeddings/norm", f"{root}embeddings.LayerNorm", norm)
    rules += pairs("embeddings/projection", f"{root}embeddings_project", kernel, turned)
    for name in ("query", "key", "value"):
        rules += pairs(
            f"{block}/attention/{name}", f"{layer}.attention.self.{name}", kernel, turned
        )
    rules += pairs(f"{block}/attention/output", f"{layer}.attention.output.dense", kernel, turned)
    rules += pairs(f"{block}/attention_norm/after", f"{layer}.attention.output.LayerNorm", norm)
    rules += pairs(f"{block}/feedforward/inner", f"{layer}.intermediate.dense", kernel, turned)
    rules += pairs(f"{block}/feedforward/outer", f"{layer}.output.dense", kernel, turned)
    rules += pairs(f"{block}/feedforward_norm/after", f"{layer}.output.LayerNorm", norm)
    rules += pairs("pool/dense", f"{root}pooler.dense", kernel, turned)
    rules += pairs("mlm/transform", "cls.predictions.transform.dense", kernel, turned)
    rules += pairs("mlm/norm", "cls.predictions.transform.LayerNorm", norm)
    rules += pairs("nsp/dense", "cls.seq_relationship", kernel, turned)
    return [*rules, Rule("mlm/bias", "cls.predictions.bias")]


GOOGLE = Dialect(
    "google",
    tuple(google_names()),
    body=r"^bert/(embeddings|encoder)/",
    ignored=(
        (r"/(adam_m|adam_v|lamb_m|lamb_v)$|/Adam(_1)?$|^(beta1|beta2)_power$", "optimizer's state"),
        (r"^global_step$", "the training's step counter"),
        (r"^output_(weights|bias)$|^(classifier|loss)/", "the head of another task"),
    ),
)

HUGGINGFACE = Dialect(
    "huggingface",
    tuple(huggingface_names()),
    body=r"^(bert\.)?(embeddings|encoder)\.",
    aliases=(
        ("bert.", ""),
        ("LayerNorm.weight", "LayerNorm.gamma"),
        ("LayerNorm.bias", "LayerNorm.beta"),
    ),
    ignored=(
        (r"embeddings\.position_ids$", "a constant: 0, 1, 2, …"),
        (r"^cls\.predictions\.decoder\.(weight|bias)$", "tied: a copy of another tensor"),
        (r"^(classifier|qa_outputs|dropout)\.", "the head of another task"),
    ),
)

BASE = Architecture(
    family="bert", vocabulary=21128, width=768, depth=12, attention_heads=12, inner=3072
)
"""The sizes of the Chinese BERT-base."""

BERT = Family(
    "bert",
    BASE,
    frozenset({"bert"}),
    read_config,
    write_config,
    {"google": GOOGLE, "huggingface": HUGGINGFACE},
)
