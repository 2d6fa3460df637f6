"""Configuration files as they were published are read, and mean the right thing."""

from dataclasses import replace

import pytest
from published import NEWER, REFUSED
from published_encoders import PUBLISHED as ENCODERS

from playmask.errors import ConfigError
from playmask.families import FAMILIES
from playmask.families.config import epsilon_of
from playmask.model.parts import Buckets, Disentangled, Dot, Joined, Learned, Nezha, Rotary

GOOGLE = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 21128,
}
"""chinese_L-12_H-768_A-12, and with further keys most other Chinese models."""

TORCH = GOOGLE | {
    "bos_token_id": 0,
    "eos_token_id": 2,
    "gradient_checkpointing": False,
    "layer_norm_eps": 1e-12,
    "output_past": True,
    "pad_token_id": 0,
    "transformers_version": "4.8.1",
    "use_cache": True,
}
GPT = {
    "afn": "gelu",
    "attn_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "finetuning_task": None,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "n_ctx": 512,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
    "n_positions": 513,
    "n_special": 0,
    "num_labels": 1,
    "predict_special_tokens": True,
    "pruned_heads": {},
    "resid_pdrop": 0.1,
    "summary_type": "cls_index",
    "torchscript": False,
    "use_bfloat16": False,
    "vocab_size": 13088,
}
GPT2 = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 50256,
    "embd_pdrop": 0.1,
    "eos_token_id": 50256,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
    "n_positions": 1024,
    "resid_pdrop": 0.1,
    "summary_first_dropout": 0.1,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
}
T5 = {
    "architectures": ["T5WithLMHeadModel"],
    "d_ff": 3072,
    "d_kv": 64,
    "d_model": 768,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
    "eos_token_id": 1,
    "initializer_factor": 1.0,
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-06,
    "model_type": "t5",
    "n_positions": 512,
    "num_heads": 12,
    "num_layers": 12,
    "output_past": True,
    "pad_token_id": 0,
    "relative_attention_num_buckets": 32,
    "vocab_size": 32128,
}
MT5 = {
    "hidden_act": ["gelu", "linear"],
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "hidden_size": 512,
    "initializer_range": 0.02,
    "intermediate_size": 1024,
    "num_attention_heads": 6,
    "attention_head_size": 64,
    "num_hidden_layers": 8,
    "vocab_size": 250112,
    "relative_attention_num_buckets": 32,
}
ALBERT = GOOGLE | {
    "attention_probs_dropout_prob": 0.0,
    "hidden_dropout_prob": 0.0,
    "hidden_act": "relu",
    "embedding_size": 128,
    "num_hidden_groups": 1,
    "net_structure_type": 0,
    "gap_size": 0,
    "num_memory_blocks": 0,
    "inner_group_num": 1,
    "down_scale_factor": 1,
    "layers_to_keep": [],
}
ROFORMER = TORCH | {
    "model_type": "roformer",
    "embedding_size": 768,
    "max_position_embeddings": 1536,
    "rotary_value": False,
    "tokenizer_class": "RoFormerTokenizer",
    "vocab_size": 50000,
}
PUBLISHED = {
    "chinese_L-12_H-768_A-12": ("bert", GOOGLE, {"epsilon": 1e-12, "activation": "gelu"}),
    "hfl/chinese-roberta-wwm-ext": ("bert", TORCH, {"epsilon": 1e-12, "position": Learned(512)}),
    "albert_base_zh": ("albert", ALBERT, {"activation": "relu", "sharing": "all", "dropout": 0.0}),
    "NEZHA-Base-WWM": ("nezha", GOOGLE | {"use_relative_position": True}, {"position": Nezha(64)}),
    "chinese_nezha_gpt": ("nezha", GOOGLE | {"type_vocab_size": 0}, {"segments": 0}),
    "sijunhe/nezha-cn-base": (
        "nezha",
        TORCH | {"model_type": "nezha", "embedding_size": 128, "max_relative_position": 64},
        {"position": Nezha(64), "embedding_size": None, "epsilon": 1e-12},
    ),
    "chinese_roformer_L-12": ("roformer", GOOGLE | {"embedding_size": 768}, {"epsilon": 1e-7}),
    "junnyu/roformer_chinese_base": (
        "roformer",
        ROFORMER,
        {"position": Rotary(), "epsilon": 1e-12},
    ),
    "junnyu/roformer_v2_chinese_char_base": (
        "roformer_v2",
        ROFORMER | {"norm_type": "rms_norm", "use_bias": False, "hidden_act": "relu"},
        {"bias": False, "activation": "relu"},
    ),
    "chinese_GAU-alpha-char_L-24_H-768": (
        "gau_alpha",
        {
            "hidden_act": "swish",
            "hidden_size": 768,
            "attention_key_size": 128,
            "intermediate_size": 1536,
            "num_hidden_layers": 24,
            "num_attention_heads": 12,
            "normalization": "softmax_plus",
            "attention_scale": True,
            "use_bias": False,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "vocab_size": 12000,
        },
        {"key_size_": 128, "value_size_": 1536, "attention_heads": 1, "depth": 24},
    ),
    "hfl/chinese-electra-base": ("electra", GOOGLE | {"embedding_size": 768}, {"segments": 2}),
    "nghuyong/ernie-3.0-base-zh": (
        "ernie",
        TORCH | {"model_type": "ernie", "task_type_vocab_size": 3, "use_task_id": True},
        {"tasks": 3},
    ),
    "roberta-base": (
        "roberta",
        TORCH
        | {
            "model_type": "roberta",
            "layer_norm_eps": 1e-5,
            "max_position_embeddings": 514,
            "pad_token_id": 1,
            "type_vocab_size": 1,
            "vocab_size": 50265,
        },
        {"position": Learned(512, offset=2), "pad": 1, "epsilon": 1e-5},
    ),
    "thu-coai/CDial-GPT_LCCC-base": (
        "gpt",
        GPT,
        {"activation": "gelu_tanh", "pad": None, "segments": 0, "position": Learned(513)},
    ),
    "gpt2": ("gpt2", GPT2, {"activation": "gelu_tanh", "inner": 3072, "pad": None}),
    "CPM_LM": (
        "gpt2",
        {
            "vocab_size": 30000,
            "hidden_size": 2560,
            "attention_probs_dropout_prob": 0.0,
            "hidden_dropout_prob": 0.0,
            "hidden_act": "gelu",
            "initializer_range": 0.014142135623731,
            "intermediate_size": 10240,
            "max_position_embeddings": 1024,
            "num_attention_heads": 32,
            "num_hidden_layers": 32,
            "segment_vocab_size": 0,
        },
        {"activation": "gelu_tanh", "segments": 0, "dropout": 0.0, "epsilon": 1e-5},
    ),
    "gpt2-ml mega": ("gpt2_ml", GOOGLE, {"activation": "gelu", "segments": 0, "epsilon": 1e-5}),
    "t5-base": (
        "t5",
        T5,
        {"gate": None, "activation": "relu", "tied": True, "scale": 768**-0.5, "value_size": 64},
    ),
    "google/t5-v1_1-base": (
        "t5_1_1",
        T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "d_ff": 2048},
        {"gate": "linear", "activation": "gelu_tanh", "tied": False, "scale": 1.0},
    ),
    "mt5_small": (
        "mt5",
        MT5,
        {
            "activation": "gelu_tanh",
            "tied": False,
            "key_size_": 64,
            "attention_heads": 6,
            "position": Buckets(),
            "epsilon": 1e-6,
        },
    ),
}
PUBLISHED |= NEWER | ENCODERS


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_means(name):
    family, config, wanted = PUBLISHED[name]
    made = FAMILIES[family].configuration.read(config)
    head = made.vocabulary_head
    others = {"epsilon": epsilon_of(made), "tied": head.tied, "scale": head.scale}
    found = {key: others[key] if key in others else getattr(made, key) for key in wanted}
    assert found == wanted


@pytest.mark.parametrize("message", REFUSED)
def test_what_a_newer_program_computes_otherwise_is_refused(message):
    family, config, changes = REFUSED[message]
    with pytest.raises(ConfigError, match=message):
        FAMILIES[family].configuration.read(config | changes)


MEANT = ("position", "mask", "bias", "order", "key_value_heads", "query_key_norm", "key_size_")


@pytest.mark.parametrize("name", NEWER)
def test_a_newer_configuration_is_written_so_that_it_reads_the_same(name):
    """Scaled positions, windows and all, in transformers 5's keys."""
    family, config, _ = PUBLISHED[name]
    stored = FAMILIES[family].configuration.read(config)
    again = FAMILIES[family].configuration.read(
        FAMILIES[family].configuration.write(stored, "huggingface")
    )
    for field in MEANT:
        assert getattr(again, field) == getattr(stored, field), field


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_written_is_read_back(name):
    family = FAMILIES[name]
    sizes, own = {"vocabulary": 100, "depth": 5}, family.base.decoder
    if own is not None:
        sizes["decoder"] = replace(own, depth=3, memory=own.memory and 2)
    changed = family.base.change(**sizes)
    if "dropout" in {key.ours for key in family.configuration.keys}:
        changed = changed.change(dropout=0.25)
    for dialect in family.dialects:
        written = family.configuration.write(changed, dialect)
        read = family.configuration.read(written)
        assert read.change(initializer_range=changed.initializer_range) == changed.change(
            attention_dropout=read.attention_dropout  # T5 in PyTorch has one dropout for both
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_an_unknown_key_and_a_missing_one_are_named(name):
    family = FAMILIES[name]
    dialect = next(iter(family.dialects))
    config = family.configuration.write(family.base, dialect)
    with pytest.raises(ConfigError, match="'vocab_sise'.*Did you mean 'vocab_size'"):
        family.configuration.read({**config, "vocab_sise": 100})
    del config["vocab_size"]
    with pytest.raises(ConfigError, match="lacks 'vocab_size'"):
        family.configuration.read(config)


@pytest.mark.parametrize(
    ("family", "values", "message"),
    [
        ("deberta_v2", {"pos_att_type": ["p2p"]}, "pos_att_type is .* 'c2p' and 'p2c' are known"),
        ("mpnet", {"relative_attention_num_buckets": 64}, "num_buckets 64 has no meaning"),
        ("bart", {"decoder_ffn_dim": 64}, "decoder_ffn_dim must be 3072 as the encoder's"),
        ("bart", {"normalize_before": True}, "normalize_before other than False is not bart's"),
        ("xlnet", {"clamp_len": 8}, "clamp_len other than -1 is not XLNet's"),
        ("xlnet", {"d_head": 8}, "d_head is 64, d_model over n_head"),
        ("xlnet", {"attn_type": "both"}, "attn_type is 'bi' or 'uni', not 'both'"),
        ("cpt", {"activation_function": "relu"}, "activation_function other than gelu is not"),
        ("cpt", {"encoder_layers": 2}, "reads the encoder's blocks but for the last 2; encoder_l"),
        ("pegasus", {"normalize_before": False}, "other than True is not pegasus's"),
        ("deberta_v2", {"conv_kernel_size": 3}, "conv_kernel_size asks for the convolution"),
        ("deberta_v2", {"embedding_size": 128}, "embedding_size 128 other than hidden_size"),
        ("deberta_v2", {"position_buckets": "256"}, "position_buckets is '256', where a whole"),
    ],
)
def test_what_a_family_does_not_compute_is_refused(family, values, message):
    config = FAMILIES[family].configuration.write(FAMILIES[family].base, "huggingface")
    with pytest.raises(ConfigError, match=message):
        FAMILIES[family].configuration.read({**config, **values})


def test_positions_as_deberta_may_have_them():
    """A table, distances, both, or neither; without buckets each distance has a row."""
    read = FAMILIES["deberta_v2"].configuration.read
    sizes = {key: ENCODERS["microsoft/deberta-v3-base"][1][key] for key in (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "max_position_embeddings",
    )}  # fmt: skip
    plain = {"relative_attention": True, "pos_att_type": ["c2p"]}
    part = Disentangled(512, None, None, ("c2p",), shared=False)
    assert read(sizes).position == Learned(512)
    assert read(sizes | plain).position == Joined((Learned(512), part))
    assert read(sizes | plain).attention == (Dot(terms=2),)
    assert read(sizes | plain | {"position_biased_input": False}).position == part
    assert read(sizes | {"position_biased_input": False}).position is None
    for config in (plain, plain | {"max_relative_positions": 40}, {}):
        made = read(sizes | config)
        written = FAMILIES["deberta_v2"].configuration.write(made, "huggingface")
        assert read(written) == made
