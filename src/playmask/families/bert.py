"""BERT and RoBERTa-wwm (Devlin et al. 2018; Cui et al. 2019), WoBERT, SimBERT, LaBSE."""

from playmask.families.encoders import (
    configuration,
    google,
    google_heads,
    google_names,
    huggingface,
    huggingface_heads,
    huggingface_names,
)
from playmask.families.family import Family
from playmask.families.keras_names import encoder, keras_layers
from playmask.families.published_heads import POOLED, encoder_heads
from playmask.model.architecture import Architecture

BASE = Architecture(
    family="bert", vocabulary=21128, width=768, depth=12, attention_heads=12, inner=3072
)
"""The sizes of the Chinese BERT-base."""

BERT = Family(
    "bert",
    BASE,
    configuration(
        BASE,
        architectures="BertForPreTraining",
        constants={"position_embedding_type": "absolute"},
    ),
    {
        "google": google([*google_names(), *google_heads()]),
        "huggingface": huggingface([*huggingface_names(), *huggingface_heads()]),
    },
    frozenset({"bert"}),
    heads=("pool", "nsp", "mlm"),
    published=encoder_heads(POOLED),
    models="BERT, RoBERTa-wwm, MacBERT, SimBERT, WoBERT, LaBSE",
    reads=keras_layers(encoder()),
)
