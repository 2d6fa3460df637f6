"""NomicBERT: BERT with rotary positions and gated layers without biases (Nussbaum et al. 2024)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from playmask.errors import ConfigError, brief, nearest
from playmask.families.config import Fields, Key, refuse_others
from playmask.families.encoders import (
    HUGGINGFACE_IGNORED,
    TORCH_KERNEL,
    TORCH_NORM,
    TRANSPOSED,
    configuration,
    transposed,
)
from playmask.families.family import Family
from playmask.families.gte import ENCODER_KEYS
from playmask.families.llama import ATTENTION, biased, sized
from playmask.families.names import OUTPUT, TOKENS, Dialect, Rule, fused, pairs
from playmask.families.rope import take_rotary, write_rotary
from playmask.model.architecture import Architecture
from playmask.model.parts import DynamicScaling, Rotary

THETA = 1000.0

BASE = Architecture(
    family="nomic_bert",
    vocabulary=30528,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    activation="swish",
    gate="linear",
    position=Rotary(THETA, halves=True),
    bias=False,
    dropout=0.0,
    attention_dropout=0.0,
)
"""The sizes of nomic-embed-text-v1.5."""

GATES = {"swiglu": "swish", "geglu": "gelu"}
"""`activation_function`, and what it means; others have no gate."""

UNUSUAL = {
    "causal": False,
    "parallel_block": False,
    "parallel_block_tied_norm": False,
    "prenorm": False,
    "reorder_and_upcast_attn": False,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "use_rms_norm": False,
}
"""Keys of the files with the program beside them, with the only published values."""

UNREAD = (
    *("n_positions", "dense_seq_output", "fused_bias_fc", "fused_dropout_add_ln"),
    *("pad_vocab_size_multiple", "pad_vocab_to_multiple_of", "use_flash_attn", "use_xentropy"),
    *("embd_pdrop", "expert_choice_router", "ffn_div", "moe_every_n_layers"),
)
"""Keys that say how, not what, it computes there."""

OTHER_KEYS = (
    ("n_embd", "width"),
    ("n_layer", "depth"),
    ("n_head", "attention_heads"),
    ("n_inner", "inner"),
    ("activation_function", "glu"),
    ("resid_pdrop", "dropout"),
    ("attn_pdrop", "attention_dropout"),
    ("layer_norm_epsilon", "epsilon"),
    ("rotary_emb_base", "rope_theta"),
    ("rotary_scaling_factor", "rope_factor"),
    ("max_trained_positions", "trained"),
    ("qkv_proj_bias", "attention_bias"),
    ("mlp_fc1_bias", "mlp_bias"),
    ("mlp_fc2_bias", "outer_bias"),
)
"""What those files call the rest."""

KEYS = (
    *ENCODER_KEYS,
    Key("head_dim", "head_size"),
    *(Key(name, ours, dialect="") for name, ours in OTHER_KEYS),
    *(Key(name, name, dialect="") for name in UNUSUAL),
    *(Key(name, "unread", dialect="") for name in UNREAD),
)


def from_fields(fields: Fields) -> Fields:
    """Rotary positions, biases and the activation, as either program calls them."""
    refuse_others(fields, UNUSUAL, "NomicBERT")
    fields.pop("unread", None)
    glu, factor = fields.pop("glu", "swiglu"), fields.pop("rope_factor", None)
    if glu not in GATES:
        raise ConfigError(
            f"activation_function {brief(glu)} has no gate that is known.{nearest(str(glu), GATES)}"
        )
    trained, position = fields.pop("trained", None), take_rotary(fields, THETA)
    if factor and position.scaling is None:
        position = replace(position, scaling=DynamicScaling(factor, trained or 2048))
    bias = biased(
        (fields.pop("attention_bias", False), ATTENTION),
        (fields.pop("mlp_bias", False), ("inner", "gate")),
        (fields.pop("outer_bias", False), ("outer",)),
    )
    activation = fields.pop("gated", GATES[glu])
    return {**sized(BASE, fields), "position": position, "activation": activation, "bias": bias}


def to_fields(architecture: Architecture) -> Fields:
    """What the keys say of an architecture."""
    own = {"gated": architecture.activation, "head_size": architecture.key_size_}
    return own | write_rotary(architecture.position)


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """The vocabulary head has biases or none, by the program that wrote it."""
    head = "cls.predictions"
    if f"{head}.transform.dense.weight" not in tensors:
        return architecture
    own = replace(
        architecture.vocabulary_head,
        transform_bias=f"{head}.transform.dense.bias" in tensors,
        bias=any(name in tensors for name in (f"{head}.bias", f"{head}.decoder.bias")),
    )
    return architecture.change(vocabulary_head=own)


def huggingface() -> Dialect:
    """Its tensor names, with the root of either program or without one."""
    root = "nomic_bert."
    layer, block = f"{root}encoder.layers.{{i}}", "blocks/{i}"
    projections = [f"{block}/attention/{name}" for name in ("query", "key", "value")]
    rules = [
        Rule(TOKENS, f"{root}embeddings.word_embeddings.weight"),
        Rule("embeddings/segments/embeddings", f"{root}embeddings.token_type_embeddings.weight"),
        *pairs("embeddings/norm", f"{root}emb_ln", TORCH_NORM),
        *fused(projections, f"{layer}.attn.Wqkv", TORCH_KERNEL, TRANSPOSED),
        *transposed(f"{block}/attention/output", f"{layer}.attn.out_proj"),
        *pairs(f"{block}/attention_norm/after", f"{layer}.norm1", TORCH_NORM),
        *transposed(f"{block}/feedforward/gate", f"{layer}.mlp.fc11"),
        *transposed(f"{block}/feedforward/inner", f"{layer}.mlp.fc12"),
        *transposed(f"{block}/feedforward/outer", f"{layer}.mlp.fc2"),
        *pairs(f"{block}/feedforward_norm/after", f"{layer}.norm2", TORCH_NORM),
        *transposed("pool/dense", f"{root}pooler.dense"),
        *transposed("mlm/transform", "cls.predictions.transform.dense"),
        *pairs("mlm/norm", "cls.predictions.transform.layer_norm", TORCH_NORM),
        Rule("mlm/bias", "cls.predictions.bias", copies=("cls.predictions.decoder.bias",)),
        Rule(OUTPUT, "cls.predictions.decoder.weight", TRANSPOSED),
    ]
    return Dialect(
        "huggingface",
        tuple(rules),
        body=r"^((nomic_)?bert\.)?(embeddings|emb_ln|encoder)\.",
        aliases=((root, ""), (root, "bert.")),
        ignored=HUGGINGFACE_IGNORED,
    )


NOMIC_BERT = Family(
    "nomic_bert",
    BASE,
    configuration(
        BASE,
        keys=KEYS,
        architectures="NomicBertForMaskedLM",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": huggingface()},
    frozenset({"nomic_bert"}),
    models="NomicBERT, Nomic Embed",
    settle=settle,
)
