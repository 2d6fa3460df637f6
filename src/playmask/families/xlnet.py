"""XLNet and Chinese XLNet (Yang et al. 2019): a permutation language model, relative positions."""

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key, read_activation, write_activation
from playmask.families.encoders import TORCH_NORM, TRANSPOSED, configuration, transposed
from playmask.families.family import Family
from playmask.families.names import TOKENS, Dialect, JoinedHeads, Row, Rule, pairs
from playmask.model.architecture import Architecture, VocabularyHead
from playmask.model.parts import TransformerXl

BASE = Architecture(
    family="xlnet",
    vocabulary=32000,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=TransformerXl(),
    segments=0,
    pad=5,
    bias=("inner", "outer"),
    embedding_norm=None,
    final_dropout=True,
    query_vector=True,
    vocabulary_head=VocabularyHead(transform=False, norm=None),
)
"""The sizes of XLNet-base."""

UNUSUAL = {"bi_data": False, "same_length": False, "clamp_len": -1}
"""Keys of training and of Transformer-XL, with the only values that were published."""

SILENT = (
    *("mem_len", "reuse_len", "use_mems_eval", "use_mems_train", "untie_r"),
    *("start_n_top", "end_n_top", "init", "init_range", "init_std", "max_position_embeddings"),
)
"""Keys of a memory of earlier texts, which nothing is given of here, and of heads."""

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("n_token", "vocabulary", dialect=""),
    Key("d_model", "width"),
    Key("n_layer", "depth"),
    Key("n_head", "attention_heads"),
    Key("d_head", "value_size"),
    Key("d_inner", "inner"),
    Key("ff_activation", "activation", read_activation, write_activation),
    Key("attn_type", "direction"),
    Key("dropout", "dropout"),
    Key("initializer_range", "initializer_range"),
    Key("layer_norm_eps", "epsilon"),
    Key("pad_token_id", "pad"),
    Key("tie_word_embeddings", "tied"),
    *(Key(name, name, dialect="") for name in (*UNUSUAL, *SILENT)),
)


def from_fields(fields: Fields) -> Fields:
    """What a memory and Transformer-XL would need is refused, or says nothing."""
    for name, usual in UNUSUAL.items():
        if fields.pop(name, usual) != usual:
            raise ConfigError(f"{name} other than {usual} is not XLNet's, and is not loaded.")
    size, usual = fields.pop("value_size", None), fields["width"] // fields["attention_heads"]
    if size not in (None, usual):
        raise ConfigError(f"d_head is {usual}, d_model over n_head, in all of XLNet; not {size}.")
    direction = fields.pop("direction", "bi")
    if direction not in ("bi", "uni"):
        raise ConfigError(f"attn_type is 'bi' or 'uni', not {direction!r}.")
    fields = {name: value for name, value in fields.items() if name not in SILENT}
    order = {"order": "lm"} if direction == "uni" else {}
    return {**fields, **order, "attention_dropout": fields.get("dropout", BASE.dropout)}


def to_fields(a: Architecture) -> Fields:
    """The size of a head, and which way it reads."""
    return {"value_size": a.value_size_, "direction": "bi"}


def rules() -> list[Rule]:
    """Hugging Face's names; heads are an axis of their own."""
    layer, block = "transformer.layer.{i}", "blocks/{i}"
    own = {
        "content_bias": "r_w_bias",
        "distance_bias": "r_r_bias",
        "segment_bias": "r_s_bias",
        "segments": "seg_embed",
    }
    relative = f"{block}/attention/transformer_xl"
    heads = (JoinedHeads(),)
    return [
        Rule(TOKENS, "transformer.word_embedding.weight"),
        Rule("embeddings/query", "transformer.mask_emb", (Row(), Row())),
        *(
            Rule(f"{block}/attention/{ours}/kernel", f"{layer}.rel_attn.{ours[0]}", heads)
            for ours in ("query", "key", "value")
        ),
        Rule(f"{block}/attention/output/kernel", f"{layer}.rel_attn.o", (*heads, *TRANSPOSED)),
        Rule(f"{relative}/kernel", f"{layer}.rel_attn.r", heads),
        *(Rule(f"{relative}/{ours}", f"{layer}.rel_attn.{theirs}") for ours, theirs in own.items()),
        *pairs(f"{block}/attention_norm/after", f"{layer}.rel_attn.layer_norm", TORCH_NORM),
        *transposed(f"{block}/feedforward/inner", f"{layer}.ff.layer_1"),
        *transposed(f"{block}/feedforward/outer", f"{layer}.ff.layer_2"),
        *pairs(f"{block}/feedforward_norm/after", f"{layer}.ff.layer_norm", TORCH_NORM),
        *transposed("mlm/output", "lm_loss")[:1],
        Rule("mlm/bias", "lm_loss.bias"),
    ]


XLNET = Family(
    "xlnet",
    BASE,
    configuration(
        BASE,
        keys=KEYS,
        architectures="XLNetLMHeadModel",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "huggingface": Dialect(
            "huggingface",
            tuple(rules()),
            body=r"^(transformer\.)?(word_embedding|mask_emb|layer)\b",
            aliases=(("transformer.", ""),),
            ignored=(
                (
                    r"^(sequence_summary|logits_proj|classifier|qa_outputs)\.",
                    "the head of another task",
                ),
                (r"^(start_logits|end_logits|answer_class)\.", "the head of another task"),
            ),
        )
    },
    frozenset({"xlnet"}),
    models="XLNet, Chinese XLNet",
)
