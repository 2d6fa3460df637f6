"""ELECTRA, discriminators and generators (Clark et al. 2020)."""

from dataclasses import replace

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
    transposed,
)
from playmask.families.family import Family
from playmask.families.keras_names import DISCRIMINATOR, encoder, keras_layers
from playmask.families.names import Dialect, Rule, pairs
from playmask.families.published_heads import encoder_heads, of_first
from playmask.model.architecture import Architecture

BASE = Architecture(
    family="electra", vocabulary=21128, width=768, depth=12, attention_heads=12, inner=3072
)
"""The sizes of the Chinese ELECTRA-base discriminator."""

GENERATOR = replace(
    BASE, family="electra_generator", width=192, attention_heads=3, inner=768, embedding_size=768
)
"""The sizes of its generator, which has the discriminator's token table."""


def to_fields(architecture: Architecture) -> Fields:
    """The embedding's width is always said: without a word Hugging Face takes 128."""
    return {"embedding_size": architecture.embedding_size_}


def google_body(stack: str) -> list[Rule]:
    """Google's names: both models share the tables, each has a projection and blocks."""
    rules = [rule for rule in google_names("electra") if "projection" not in rule.ours]
    own = [replace(r, theirs=r.theirs.replace("electra/enc", f"{stack}/enc")) for r in rules]
    return [*own, *pairs("embeddings/projection", f"{stack}/embeddings_project", KERNEL)]


DISCRIMINATOR_HEAD = [
    *pairs("discriminator/transform", "discriminator_predictions/dense", KERNEL),
    *pairs("discriminator/dense", "discriminator_predictions/dense_1", KERNEL),
]
GENERATOR_HEAD = [
    *pairs("mlm/transform", "generator_predictions/dense", KERNEL),
    *pairs("mlm/norm", "generator_predictions/LayerNorm", NORM),
    Rule("mlm/bias", "generator_predictions/output_bias"),
]
TORCH_DISCRIMINATOR_HEAD = [
    *transposed("discriminator/transform", "discriminator_predictions.dense"),
    *transposed("discriminator/dense", "discriminator_predictions.dense_prediction"),
]
TORCH_GENERATOR_HEAD = [
    *transposed("mlm/transform", "generator_predictions.dense"),
    *pairs("mlm/norm", "generator_predictions.LayerNorm", TORCH_NORM),
    *transposed("mlm/output", "generator_lm_head")[:1],
    Rule("mlm/bias", "generator_lm_head.bias"),
]


def google_dialect(stack: str, rules: list[Rule], other: str, reason: str) -> Dialect:
    """Google's names of one of the two, which are published in one checkpoint."""
    dialect = google([*google_body(stack), *rules], rf"(electra/embeddings|{stack})")
    return replace(
        dialect,
        body=rf"^(electra/embeddings|{stack}/(encoder|embeddings_project))/",
        ignored=(*dialect.ignored, (other, reason)),
    )


ELECTRA = Family(
    "electra",
    BASE,
    configuration(
        BASE, keys=(*KEYS, *TABLE), architectures="ElectraForPreTraining", to_fields=to_fields
    ),
    {
        "google": google_dialect(
            "electra",
            DISCRIMINATOR_HEAD,
            r"^generator(_predictions)?/",
            "ELECTRA's generator: load it with family='electra_generator'",
        ),
        "huggingface": huggingface(
            [*huggingface_names("electra."), *TORCH_DISCRIMINATOR_HEAD], "electra."
        ),
    },
    frozenset({"electra"}),
    heads=("discriminator",),
    published=encoder_heads(of_first(lambda config, architecture: "gelu")),
    one_order="ELECTRA's discriminator has no vocabulary head and cannot generate",
    models="ELECTRA's discriminators",
    reads=keras_layers(encoder(*DISCRIMINATOR)),
)

ELECTRA_GENERATOR = Family(
    "electra_generator",
    GENERATOR,
    configuration(
        GENERATOR,
        keys=(*KEYS, *TABLE),
        architectures="ElectraForMaskedLM",
        constants={"model_type": "electra"},
        to_fields=to_fields,
    ),
    {
        "google": google_dialect(
            "generator",
            GENERATOR_HEAD,
            r"^(electra/(encoder|embeddings_project)|discriminator_predictions)/",
            "ELECTRA's discriminator: load it with family='electra'",
        ),
        "huggingface": huggingface(
            [*huggingface_names("electra."), *TORCH_GENERATOR_HEAD], "electra."
        ),
    },
    frozenset({"electra"}),
    needs=r"^generator",
    models="ELECTRA's generators",
)
