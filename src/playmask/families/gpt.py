"""GPT, OpenAI's first, and CDial-GPT (Radford et al. 2018; Wang et al. 2020)."""

from dataclasses import replace

from playmask.families.config import Fields, Key, number, read_tanh, write_tanh
from playmask.families.encoders import (
    CONSTANTS,
    KEYS,
    TABLE,
    TORCH_KERNEL,
    TORCH_NORM,
    configuration,
    google,
    google_names,
    transposed,
)
from playmask.families.family import Family
from playmask.families.keras_names import AFTER, blocks, embedding, keras_layers
from playmask.families.names import Dialect, Rule, fused, pairs
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.norms import Around, Norm
from playmask.model.parts import Learned

NORM = Norm(epsilon=1e-5)

BASE = Architecture(
    family="gpt",
    vocabulary=13088,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    activation="gelu_tanh",
    position=Learned(513),
    segments=0,
    embedding_norm=None,
    attention_norm=Around(after=NORM),
    feedforward_norm=Around(after=NORM),
    vocabulary_head=VocabularyHead(transform=False, norm=None, bias=False),
    order="lm",
)
"""The sizes of CDial-GPT; its segments are tokens: load with segments="tokens"."""

BOTH = ("vocab_size", "pad_token_id", "initializer_range", "tie_word_embeddings")
OTHER = ("hidden_act", "is_decoder", "position_embedding_type")

GPT_KEYS = (
    *(
        key if key.theirs in BOTH or key.dialect == "" else replace(key, dialect="google")
        for key in (*KEYS, *TABLE)
        if key.theirs not in OTHER
    ),
    Key("hidden_act", "activation", read_tanh, write_tanh, "google"),
    Key("n_embd", "n_embd", dialect="huggingface"),
    Key("n_layer", "depth", dialect="huggingface"),
    Key("n_head", "attention_heads", dialect="huggingface"),
    Key("n_positions", "position", Learned, number("size"), "huggingface"),
    Key("n_ctx", "longest", dialect=""),
    Key("n_special", "special", dialect=""),
    Key("embd_pdrop", "embedding_pdrop", dialect="huggingface"),
    Key("resid_pdrop", "dropout", dialect="huggingface"),
    Key("attn_pdrop", "attention_dropout", dialect="huggingface"),
    Key("layer_norm_epsilon", "epsilon", dialect="huggingface"),
)
"""The keys of bert4keras' files, and those of Hugging Face's GPT and GPT-2."""


GPT_REQUIRED = (
    "vocabulary",
    "depth",
    "attention_heads",
    ("width", "n_embd"),
    ("inner", "n_embd"),
)


def from_fields(fields: Fields) -> Fields:
    """Hugging Face's files have no padding unless they say so, and one width for all."""
    fields = {k: v for k, v in fields.items() if k not in ("special", "embedding_pdrop")}
    if "n_embd" in fields:
        fields["width"] = fields.pop("n_embd")
        fields.setdefault("pad", None)
        if fields.get("inner") is None:
            fields["inner"] = 4 * fields["width"]
    return fields


def gpt_from_fields(fields: Fields) -> Fields:
    """Segments may be tokens."""
    shared = fields.pop("shared", False)
    return from_fields(fields) | ({"segments": "tokens"} if shared else {})


def to_fields(architecture: Architecture) -> Fields:
    """What both programs call otherwise."""
    return {"n_embd": architecture.width, "embedding_pdrop": architecture.dropout}


def gpt_to_fields(architecture: Architecture) -> Fields:
    """Whether segments are tokens."""
    shared = {"shared": True, "segments": 0} if architecture.segments == "tokens" else {}
    return to_fields(architecture) | shared


def google_rules() -> list[Rule]:
    """The names of bert4keras' conversions."""
    mapping = "embedding_hidden_mapping_in"
    return [rule for rule in google_names("gpt", "transformer") if mapping not in rule.theirs]


def conv1d_names(
    tokens: str, positions: str, attention_norm: str, feedforward_norm: str
) -> list[Rule]:
    """Hugging Face's names for GPT and GPT-2; its kernels lie as ours do."""
    layer, block = "transformer.h.{i}", "blocks/{i}"
    projections = [f"{block}/attention/{name}" for name in ("query", "key", "value")]
    return [
        Rule("embeddings/tokens/embeddings", f"transformer.{tokens}.weight"),
        Rule("embeddings/positions/embeddings", f"transformer.{positions}.weight"),
        *fused(projections, f"{layer}.attn.c_attn", TORCH_KERNEL),
        *pairs(f"{block}/attention/output", f"{layer}.attn.c_proj", TORCH_KERNEL),
        *pairs(f"{block}/attention_norm/{attention_norm}", f"{layer}.ln_1", TORCH_NORM),
        *pairs(f"{block}/feedforward/inner", f"{layer}.mlp.c_fc", TORCH_KERNEL),
        *pairs(f"{block}/feedforward/outer", f"{layer}.mlp.c_proj", TORCH_KERNEL),
        *pairs(f"{block}/feedforward_norm/{feedforward_norm}", f"{layer}.ln_2", TORCH_NORM),
        *transposed("mlm/output", "lm_head")[:1],
    ]


def huggingface(rules: list[Rule]) -> Dialect:
    """The dialect of Hugging Face's GPT and GPT-2, with or without the root."""
    return Dialect(
        "huggingface",
        tuple(rules),
        body=r"^(transformer\.)?(h|wte|wpe|ln_f|tokens_embed|positions_embed)\.",
        aliases=(("transformer.", ""),),
        ignored=(
            (r"h\.\d+\.attn\.(bias|masked_bias)$", "a constant: the causal mask"),
            (r"^(transformer\.)?(position_ids|token_type_ids)$", "a constant"),
            (r"^(multiple_choice_head|score|classifier)\.", "the head of another task"),
        ),
        constants=CONSTANTS,
    )


AFN = {"gelu_tanh": "gelu", "relu": "relu", "swish": "swish"}
"""OpenAI GPT's own names of activations: its "gelu" is the tanh form."""

BERT4KERAS = Around(after=Norm(epsilon=1e-12))

GPT = Family(
    "gpt",
    BASE,
    configuration(
        BASE,
        keys=(
            *GPT_KEYS,
            Key("shared_segment_embeddings", "shared"),
            Key("afn", "activation", read_tanh, lambda name: AFN[name], "huggingface"),
        ),
        architectures="OpenAIGPTLMHeadModel",
        constants={"model_type": "openai-gpt"},
        required=GPT_REQUIRED,
        from_fields=gpt_from_fields,
        to_fields=gpt_to_fields,
    ),
    {
        "google": google(google_rules(), "gpt"),
        "huggingface": huggingface(
            conv1d_names("tokens_embed", "positions_embed", "after", "after")
        ),
    },
    frozenset({"openai-gpt"}),
    bert4keras=lambda architecture: replace(
        architecture, activation="gelu", attention_norm=BERT4KERAS, feedforward_norm=BERT4KERAS
    ),
    models="GPT, CDial-GPT",
    reads=keras_layers([*embedding(norm=False), *blocks(AFTER)]),
)
