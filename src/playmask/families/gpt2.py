"""GPT-2 and CPM-LM: norms before the sub-layers and after the last (Radford et al. 2019)."""

from dataclasses import replace
from typing import Any

from playmask.families.config import (
    Configuration,
    Fields,
    Key,
    read_tanh,
    refuse_others,
    write_activation,
)
from playmask.families.encoders import (
    NORM,
    TORCH_KERNEL,
    TORCH_NORM,
    TRANSPOSED,
    configuration,
    google,
    transposed,
)
from playmask.families.family import Family
from playmask.families.gpt import (
    GPT_KEYS,
    GPT_REQUIRED,
    conv1d_names,
    from_fields,
    google_rules,
    huggingface,
    to_fields,
)
from playmask.families.keras_names import BEFORE, OUTPUT_NORM, blocks, embedding, keras_layers
from playmask.families.names import Dialect, Rule, fused, pairs
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Learned

PRE = Norm(epsilon=1e-5)

BASE = Architecture(
    family="gpt2",
    vocabulary=50257,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    activation="gelu_tanh",
    position=Learned(1024),
    segments=0,
    embedding_norm=None,
    attention_norm=Around(before=PRE),
    feedforward_norm=Around(before=PRE),
    final_norm=PRE,
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False),
    order="lm",
)
"""The sizes of GPT-2 small."""

UNUSUAL = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
}
"""Keys of Hugging Face's files, with the only values that were published."""


def gpt2_from_fields(fields: Fields) -> Fields:
    """There are no segments, whatever the file says; unusual attention is refused."""
    refuse_others(fields, UNUSUAL, "GPT-2")
    return from_fields(fields) | {"segments": 0}


def pre_norm(rules: list[Rule]) -> list[Rule]:
    """bert4keras' names of a GPT, with the norms before the sub-layers and after the last."""
    moved = [
        replace(
            rule,
            ours=rule.ours.replace("norm/after", "norm/before"),
            theirs=rule.theirs.replace("output/LayerNorm", "input/LayerNorm"),
        )
        for rule in rules
    ]
    return [*moved, *pairs("blocks/norm", "gpt/output/LayerNorm", NORM)]


def megatron() -> Dialect:
    """The names of Megatron's GPT-2, in which CPM-Generate was published."""
    layer, block = "transformer.layers.{i}", "blocks/{i}"
    projections = [f"{block}/attention/{name}" for name in ("query", "key", "value")]
    rules = [
        Rule("embeddings/tokens/embeddings", "word_embeddings.weight"),
        Rule("embeddings/positions/embeddings", "position_embeddings.weight"),
        *pairs(f"{block}/attention_norm/before", f"{layer}.input_layernorm", TORCH_NORM),
        *fused(projections, f"{layer}.attention.query_key_value", TORCH_KERNEL, TRANSPOSED),
        *transposed(f"{block}/attention/output", f"{layer}.attention.dense"),
        *pairs(f"{block}/feedforward_norm/before", f"{layer}.post_attention_layernorm", TORCH_NORM),
        *transposed(f"{block}/feedforward/inner", f"{layer}.mlp.dense_h_to_4h"),
        *transposed(f"{block}/feedforward/outer", f"{layer}.mlp.dense_4h_to_h"),
        *pairs("blocks/norm", "transformer.final_layernorm", TORCH_NORM),
    ]
    body = r"^(word_embeddings|position_embeddings|transformer)\."
    return Dialect("megatron", tuple(rules), body=body)


class BesideMegatron(Configuration):
    """Megatron's checkpoints have no configuration; beside them lies one of Hugging Face's."""

    def write(self, architecture: Architecture, dialect: str) -> dict[str, Any]:
        """Translate an architecture into a dialect's configuration."""
        return super().write(architecture, "huggingface" if dialect == "megatron" else dialect)


CONFIGURATION = configuration(
    BASE,
    keys=(
        *GPT_KEYS,
        Key("activation_function", "activation", read_tanh, write_activation, "huggingface"),
        Key("n_inner", "inner", dialect="huggingface"),
        *(Key(name, name, dialect="") for name in UNUSUAL),
    ),
    architectures="GPT2LMHeadModel",
    required=GPT_REQUIRED,
    from_fields=gpt2_from_fields,
    to_fields=to_fields,
)

GPT2 = Family(
    "gpt2",
    BASE,
    BesideMegatron(**vars(CONFIGURATION)),
    {
        "google": replace(
            google(pre_norm(google_rules()), "gpt"), body=r"^gpt/(embeddings|transformer|output)/"
        ),
        "huggingface": huggingface(
            [
                *conv1d_names("wte", "wpe", "before", "before"),
                *pairs("blocks/norm", "transformer.ln_f", TORCH_NORM),
            ]
        ),
        "megatron": megatron(),
    },
    frozenset({"gpt2"}),
    bert4keras=lambda architecture: replace(architecture, activation="gelu"),
    models="GPT-2, CPM-LM",
    reads=keras_layers([*embedding(norm=False), *blocks(BEFORE), *OUTPUT_NORM]),
)
