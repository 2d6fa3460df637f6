"""DistilBERT (Sanh et al. 2019): BERT of half the depth, without segments and pooler."""

from playmask.families.config import Key, read_activation, write_activation
from playmask.families.encoders import TABLE, TORCH_NORM, configuration, huggingface, transposed
from playmask.families.family import Family
from playmask.families.names import Rule, pairs
from playmask.families.published_heads import encoder_heads, of_first
from playmask.model.architecture import Architecture

BASE = Architecture(
    family="distilbert",
    vocabulary=30522,
    width=768,
    depth=6,
    attention_heads=12,
    inner=3072,
    segments=0,
)
"""The sizes of DistilBERT-base."""

SILENT = ("sinusoidal_pos_embds", "qa_dropout", "seq_classif_dropout", "tie_weights_")
"""Keys of heads, and how the table of positions was drawn, which is stored in any case."""

KEYS = (
    Key("vocab_size", "vocabulary"),
    Key("dim", "width"),
    Key("n_layers", "depth"),
    Key("n_heads", "attention_heads"),
    Key("hidden_dim", "inner"),
    Key("activation", "activation", read_activation, write_activation),
    Key("dropout", "dropout"),
    Key("attention_dropout", "attention_dropout"),
    Key("initializer_range", "initializer_range"),
    Key("pad_token_id", "pad"),
    Key("tie_word_embeddings", "tied"),
    *TABLE,
    *(Key(name, name, dialect="") for name in SILENT),
)


def rules() -> list[Rule]:
    """Hugging Face's names."""
    root, layer, block = "distilbert.", "distilbert.transformer.layer.{i}", "blocks/{i}"
    layers = {"query": "q_lin", "key": "k_lin", "value": "v_lin", "output": "out_lin"}
    return [
        Rule("embeddings/tokens/embeddings", f"{root}embeddings.word_embeddings.weight"),
        Rule("embeddings/positions/embeddings", f"{root}embeddings.position_embeddings.weight"),
        *pairs("embeddings/norm", f"{root}embeddings.LayerNorm", TORCH_NORM),
        *(
            rule
            for ours, theirs in layers.items()
            for rule in transposed(f"{block}/attention/{ours}", f"{layer}.attention.{theirs}")
        ),
        *pairs(f"{block}/attention_norm/after", f"{layer}.sa_layer_norm", TORCH_NORM),
        *transposed(f"{block}/feedforward/inner", f"{layer}.ffn.lin1"),
        *transposed(f"{block}/feedforward/outer", f"{layer}.ffn.lin2"),
        *pairs(f"{block}/feedforward_norm/after", f"{layer}.output_layer_norm", TORCH_NORM),
        *transposed("mlm/transform", "vocab_transform"),
        *pairs("mlm/norm", "vocab_layer_norm", TORCH_NORM),
        *transposed("mlm/output", "vocab_projector")[:1],
        Rule("mlm/bias", "vocab_projector.bias"),
    ]


DISTILBERT = Family(
    "distilbert",
    BASE,
    configuration(
        BASE,
        keys=KEYS,
        architectures="DistilBertForMaskedLM",
        from_fields=lambda fields: {k: v for k, v in fields.items() if k not in SILENT},
    ),
    {"huggingface": huggingface(rules(), "distilbert.", stack="transformer")},
    frozenset({"distilbert"}),
    published=encoder_heads(
        of_first(lambda config, architecture: "relu", "pre_classifier", "classifier")
    ),
    models="DistilBERT",
)
