"""Configuration files of ModernBERT, GTE, NomicBERT, Llama and Qwen, as they were published."""

from typing import Any

from playmask.families import FAMILIES
from playmask.model.masks import Ordered, Window
from playmask.model.norms import Norm
from playmask.model.parts import (
    ByBlock,
    DynamicScaling,
    LinearScaling,
    LlamaScaling,
    NtkScaling,
    Rotary,
    Scaling,
    YarnScaling,
)

MODERNBERT = {
    "architectures": ["ModernBertForMaskedLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 50281,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 50281,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "eos_token_id": 50282,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 50283,
    "position_embedding_type": "absolute",
    "reference_compile": False,
    "repad_logits_with_grad": False,
    "sep_token_id": 50282,
    "sparse_pred_ignore_index": -100,
    "sparse_prediction": False,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "transformers_version": "4.47.0.dev0",
    "vocab_size": 50368,
}
QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 40960,
    "max_window_layers": 28,
    "model_type": "qwen3",
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 896,
    "initializer_range": 0.02,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "max_window_layers": 24,
    "model_type": "qwen2",
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.1",
    "use_cache": True,
    "use_mrope": False,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": [128001, 128008, 128009],
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.45.0.dev0",
    "use_cache": True,
    "vocab_size": 128256,
}
GTE = {
    "architectures": ["NewModel"],
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {"AutoModel": "modeling.NewModel"},
    "classifier_dropout": 0.0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
    "layer_norm_type": "layer_norm",
    "logn_attention_clip1": False,
    "logn_attention_scale": False,
    "max_position_embeddings": 8192,
    "model_type": "new",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pack_qkv": True,
    "pad_token_id": 1,
    "position_embedding_type": "rope",
    "rope_scaling": {"factor": 8.0, "type": "ntk"},
    "rope_theta": 20000,
    "torch_dtype": "float16",
    "transformers_version": "4.39.1",
    "type_vocab_size": 1,
    "unpad_inputs": False,
    "use_memory_efficient_attention": False,
    "vocab_size": 250048,
}
NOMIC = {
    "activation_function": "swiglu",
    "architectures": ["NomicBertModel"],
    "attn_pdrop": 0.0,
    "auto_map": {"AutoModel": "modeling_hf_nomic_bert.NomicBertModel"},
    "bos_token_id": None,
    "causal": False,
    "dense_seq_output": True,
    "embd_pdrop": 0.0,
    "eos_token_id": None,
    "fused_bias_fc": True,
    "fused_dropout_add_ln": True,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-12,
    "max_trained_positions": 2048,
    "mlp_fc1_bias": False,
    "mlp_fc2_bias": False,
    "model_type": "nomic_bert",
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 3072,
    "n_layer": 12,
    "n_positions": 8192,
    "pad_vocab_size_multiple": 64,
    "parallel_block": False,
    "parallel_block_tied_norm": False,
    "prenorm": False,
    "qkv_proj_bias": False,
    "reorder_and_upcast_attn": False,
    "resid_pdrop": 0.0,
    "rotary_emb_base": 1000,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "rotary_scaling_factor": None,
    "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True,
    "summary_activation": None,
    "summary_first_dropout": 0.0,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "torch_dtype": "float32",
    "transformers_version": "4.37.2",
    "type_vocab_size": 2,
    "use_cache": True,
    "use_flash_attn": True,
    "use_rms_norm": False,
    "use_xentropy": True,
    "vocab_size": 30528,
}


def halves(base: float, scaling: Scaling | None = None) -> Rotary:
    return Rotary(base, halves=True, scaling=scaling)


Published = dict[str, tuple[str, dict[str, Any], dict[str, Any]]]

NEWER: Published = {
    "answerdotai/ModernBERT-base": (
        "modernbert",
        MODERNBERT,
        {
            "position": FAMILIES["modernbert"].base.position,
            "mask": FAMILIES["modernbert"].base.mask,
            "embedding_norm": Norm(1e-5, shift=False),
            "vocabulary_head": FAMILIES["modernbert"].base.vocabulary_head,
            "pad": 50283,
        },
    ),
    "jhu-clsp/mmBERT-base": (
        "modernbert",
        MODERNBERT
        | {
            "local_rope_theta": 160000.0,
            "position_embedding_type": "sans_pos",
            "vocab_size": 256000,
            "pad_token_id": 0,
            "mask_token_id": 4,
        },
        {"position": halves(160000.0), "pad": 0, "order": "full"},
    ),
    "transformers 5's ModernBERT": (
        "modernbert",
        {k: v for k, v in MODERNBERT.items() if "rope" not in k and "every" not in k}
        | {
            "layer_types": ["full_attention", "sliding_attention"] * 11,
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 9000.0},
                "sliding_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10.0},
            },
        },
        {
            "position": ByBlock(
                tuple((i, halves(9000.0)) for i in range(0, 22, 2)),
                halves(10.0, LinearScaling(2.0)),
            ),
            "masks": (Ordered(), Ordered() & Window(65)) * 11,
        },
    ),
    "Qwen/Qwen3-0.6B": (
        "qwen3",
        QWEN3,
        {
            "position": halves(1e6),
            "key_size": 128,
            "key_value_heads": 8,
            "query_key_norm": Norm(1e-6, "rms"),
            "bias": False,
            "tied": True,
            "order": "lm",
            "mask": Ordered(),
        },
    ),
    "Qwen/Qwen3-Embedding-0.6B, longer": (
        "qwen3",
        QWEN3
        | {
            "vocab_size": 151669,
            "eos_token_id": 151643,
            "max_position_embeddings": 32768,
            "rope_scaling": {
                "type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 32768,
            },
        },
        {"position": halves(1e6, YarnScaling(4.0, 32768)), "vocabulary": 151669},
    ),
    "Qwen/Qwen2-0.5B": (
        "qwen2",
        QWEN2,
        {
            "bias": ("query", "key", "value"),
            "key_value_heads": 2,
            "key_size": None,
            "mask": Ordered(),
            "tied": True,
        },
    ),
    "a Qwen2 with windows": (
        "qwen2",
        QWEN2 | {"use_sliding_window": True, "sliding_window": 512, "max_window_layers": 20},
        {"masks": (Ordered(),) * 20 + (Ordered() & Window(512),) * 4},
    ),
    "Alibaba-NLP/gte-Qwen2-1.5B-instruct": (
        "qwen2",
        QWEN2 | {"is_causal": False},
        {"order": "full"},
    ),
    "meta-llama/Llama-3.2-1B": (
        "llama",
        LLAMA,
        {
            "position": halves(500000.0, LlamaScaling(32.0, 8192)),
            "key_size": None,
            "key_value_heads": 8,
            "epsilon": 1e-5,
            "tied": True,
        },
    ),
    "Alibaba-NLP/gte-multilingual-base": (
        "gte",
        GTE,
        {"position": halves(20000.0, NtkScaling(8.0)), "segments": 1, "epsilon": 1e-12},
    ),
    "Alibaba-NLP/gte-base-en-v1.5": (
        "gte",
        GTE | {"type_vocab_size": 0, "rope_scaling": None, "rope_theta": 500000},
        {"position": halves(500000.0), "segments": 0},
    ),
    "nomic-ai/nomic-embed-text-v1.5": (
        "nomic_bert",
        NOMIC,
        {
            "position": halves(1000.0),
            "activation": "swish",
            "bias": False,
            "width": 768,
            "inner": 3072,
        },
    ),
    "nomic-ai/nomic-embed-text-v1": (
        "nomic_bert",
        NOMIC | {"rotary_scaling_factor": 2},
        {"position": halves(1000.0, DynamicScaling(2, 2048)), "limit": 2048},
    ),
}
"""By model: its family, its configuration, and what that means."""

REFUSED: Published = {
    "rope_type 'longrope' is none of": ("llama", LLAMA, {"rope_scaling": {"type": "longrope"}}),
    "'llama3' lacks factor": ("llama", LLAMA, {"rope_scaling": {"rope_type": "llama3"}}),
    "rope_type 'yarn' has a key 'mscale'": (
        "llama", LLAMA, {"rope_scaling": {"type": "yarn", "factor": 2.0, "mscale": 1.0}}
    ),
    "factor of LinearScaling must be a number above 0, not '2'": (
        "llama", LLAMA, {"rope_scaling": {"type": "linear", "factor": "2"}}
    ),
    "rope_scaling says rope_type 'llama3', and rope_parameters": (
        "llama", LLAMA, {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    ),
    "rope_theta is 0, where a number above 0": ("llama", LLAMA, {"rope_theta": 0}),
    "partial_rotary_factor other than 1": (
        "llama", LLAMA, {"rope_scaling": {"partial_rotary_factor": 0.5}}
    ),
    "layer_types names 1 blocks, but there are 28": (
        "qwen3", QWEN3, {"layer_types": ["full_attention"]}
    ),
    "layer_types has 'chunked_attention'": (
        "qwen3", QWEN3, {"layer_types": ["chunked_attention"] * 28}
    ),
    "give no window": ("qwen3", QWEN3, {"layer_types": ["sliding_attention"] * 28}),
    "use_mrope true": ("qwen2", QWEN2, {"use_mrope": True}),
    "lacks 'num_key_value_heads'": ("qwen2", QWEN2, {"num_key_value_heads": None}),
    "rope_parameters has 'rope_theta': 1.0, where an object": (
        "modernbert", MODERNBERT, {"rope_parameters": {"rope_theta": 1.0}}
    ),
    "embedding_dropout 0.1 other than mlp_dropout": (
        "modernbert", MODERNBERT, {"embedding_dropout": 0.1}
    ),
    "logn_attention_scale other than False": ("gte", GTE, {"logn_attention_scale": True}),
    "position_embedding_type 'absolute' is not GTE's": (
        "gte", GTE, {"position_embedding_type": "absolute"}
    ),
    "prenorm other than False": ("nomic_bert", NOMIC, {"prenorm": True}),
    "'gelu' has no gate": ("nomic_bert", NOMIC, {"activation_function": "gelu"}),
}  # fmt: skip
"""By message: a family, a configuration, and what is changed in it."""
