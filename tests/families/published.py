"""Configurations as they were published with models of the later families, and what they mean."""

from typing import Any

from playmask.model.norms import Norm
from playmask.model.parts import Disentangled, Dot

DEBERTA = {
    "model_type": "deberta-v2",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": "p2c|c2p",
    "layer_norm_eps": 1e-7,
    "max_relative_positions": -1,
    "position_biased_input": False,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "type_vocab_size": 0,
    "vocab_size": 128100,
}
DISTANCES = Disentangled(256, 512, Norm(1e-7))

PUBLISHED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "microsoft/deberta-v3-base": (
        "deberta_v2",
        DEBERTA,
        {"position": DISTANCES, "attention": (Dot(terms=3),), "segments": 0, "limit": None},
    ),
    "microsoft/mdeberta-v3-base": (
        "deberta_v2",
        DEBERTA | {"vocab_size": 251000, "pad_token_id": 0},
        {"position": DISTANCES, "vocabulary": 251000},
    ),
    "IDEA-CCNL/Erlangshen-DeBERTa-v2-97M-Chinese": (
        "deberta_v2",
        DEBERTA
        | {
            "architectures": ["DebertaV2ForMaskedLM"],
            "attention_head_size": 64,
            "pad_token_id": 0,
            "pooler_dropout": 0,
            "pooler_hidden_act": "gelu",
            "pooler_hidden_size": 768,
            "torch_dtype": "float32",
            "transformers_version": "4.18.0",
            "vocab_size": 12800,
        },
        {"position": DISTANCES, "key_size_": 64, "pooler_activation": "gelu"},
    ),
}
"""By model: its family, its file, and fields of the architecture that it describes."""
