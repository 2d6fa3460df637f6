"""ELECTRA, discriminators and generators (Clark et al. 2020)."""

from dataclasses import replace

from playmask.architectures import Architecture
from playmask.families.config import Fields
from playmask.families.encoders import (
    KERNEL,
    KEYS,
    NORM,
    TABLE,
    TORCH_NORM,
    configuration,
    google,
    google_names,
    huggingface,
    huggingface_names,
    turned,
)
from playmask.families.family import Family
from playmask.families.names import Rule, pairs

BASE = Architecture(
    family="electra", vocabulary=21128, width=768, depth=12, attention_heads=12, inner=3072
)
"""The sizes of the Chinese ELECTRA-base discriminator."""


def tell(architecture: Architecture) -> Fields:
    """The embedding's width is always said: without a word Hugging Face takes 128."""
    return {"embedding_size": architecture.embedding_size_}


GENERATOR = ("electra/", "generator/")


def google_rules() -> list[Rule]:
    """Google's names; a checkpoint of a generator has "generator/" in places of "electra/"."""
    body = [rule for rule in google_names("electra") if "projection" not in rule.ours]
    head = "discriminator_predictions"
    return [
        *body,
        *pairs("embeddings/projection", "electra/embeddings_project", KERNEL),
        *pairs("discriminator/transform", f"{head}/dense", KERNEL),
        *pairs("discriminator/dense", f"{head}/dense_1", KERNEL),
        *pairs("mlm/transform", "generator_predictions/dense", KERNEL),
        *pairs("mlm/norm", "generator_predictions/LayerNorm", NORM),
        Rule("mlm/bias", "generator_predictions/output_bias"),
    ]


def huggingface_rules() -> list[Rule]:
    """Hugging Face's names of both models."""
    head = "discriminator_predictions"
    return [
        *huggingface_names("electra."),
        *turned("discriminator/transform", f"{head}.dense"),
        *turned("discriminator/dense", f"{head}.dense_prediction"),
        *turned("mlm/transform", "generator_predictions.dense"),
        *pairs("mlm/norm", "generator_predictions.LayerNorm", TORCH_NORM),
        *turned("mlm/output", "generator_lm_head")[:1],
        Rule("mlm/bias", "generator_lm_head.bias"),
    ]


ELECTRA = Family(
    "electra",
    BASE,
    configuration(BASE, keys=(*KEYS, *TABLE), architectures="ElectraForPreTraining", tell=tell),
    {
        "google": replace(google(google_rules(), "(electra|generator)"), aliases=(GENERATOR,)),
        "huggingface": huggingface(huggingface_rules(), "electra."),
    },
    frozenset({"electra"}),
    heads=("discriminator", "mlm"),
    one_order="ELECTRA's discriminator has no vocabulary head and cannot generate",
    generators=True,
    models="ELECTRA, discriminators and generators",
)
