"""CPT (Shao et al. 2021): BERT, whose first blocks a shallow decoder of BART's reads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from playmask.errors import ConfigError
from playmask.families import bart
from playmask.families.config import Configuration, Fields
from playmask.families.encoders import CONSTANTS, HUGGINGFACE_IGNORED, huggingface_names
from playmask.families.family import Family
from playmask.families.names import TOKENS, Dialect, Rule
from playmask.model.architecture import Architecture, Decoder, VocabularyHead
from playmask.model.norms import Around
from playmask.model.parts import Learned

BASE = Architecture(
    family="cpt",
    vocabulary=51271,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    position=Learned(1024),
    decoder=Decoder(
        2,
        bart.table(1024),
        embedding_norm=bart.NORM,
        norm=Around(after=bart.NORM),
        segments=False,
        memory=10,
        start=102,
    ),
    default_segment=1,
    vocabulary_head=VocabularyHead(transform=False, norm=None),
)
"""The sizes of CPT-base: of 12 blocks, the decoder reads what 10 make."""

USUAL: dict[str, Any] = bart.USUAL | {"scale_embedding": False, "activation_function": "gelu"}
"""What else the encoder would not follow: it is BERT's, and these are read for the decoder only."""

KEYS = tuple(key for key in bart.KEYS if key.theirs not in USUAL)


def from_fields(fields: Fields) -> Architecture:
    """As many blocks of the encoder as the decoder has are not for the decoder."""
    assert BASE.decoder is not None
    base = replace(BASE, decoder=replace(BASE.decoder, memory=None))
    architecture = bart.from_fields(base, USUAL, fields)
    assert architecture.decoder is not None
    depth, unread = architecture.depth, architecture.decoder.depth
    if unread >= depth:
        raise ConfigError(
            f"CPT's decoder reads the encoder's blocks but for the last {unread}; encoder_layers "
            f"{depth} leaves none."
        )
    decoder = replace(architecture.decoder, memory=depth - unread)
    return architecture.change(decoder=decoder)


def rules() -> list[Rule]:
    """BERT's names in the encoder, BART's in the decoder."""
    root = "model.encoder."
    copies = (f"{root}embeddings.word_embeddings.weight", "model.decoder.embed_tokens.weight")
    other = (TOKENS, "embeddings/tasks/embeddings", "embeddings/projection/kernel")
    return [
        Rule(TOKENS, "model.shared.weight", copies=copies),
        *(
            rule
            for rule in huggingface_names(root)
            if rule.ours not in (*other, "embeddings/projection/bias")
        ),
        *bart.embedding_rules("decoder_embeddings", "decoder"),
        *bart.stack_rules("decoder", "decoder", "after"),
        *bart.HEAD,
    ]


POSITIONS = "encoder.embeddings.position_embeddings.weight"


def settle(architecture: Architecture, tensors: Mapping[str, np.ndarray]) -> Architecture:
    """The encoder's positions are as many as are stored: the configuration has the decoder's."""
    architecture = bart.settle(architecture, tensors)
    tables = (tensors.get(root + POSITIONS) for root in ("model.", ""))
    table = next((table for table in tables if table is not None), None)
    if table is None or not isinstance(architecture.position, Learned):
        return architecture
    return architecture.change(position=Learned(len(table)))


CONFIGURATION = bart.configuration(BASE, "CPTForConditionalGeneration", USUAL, KEYS)

CPT = Family(
    "cpt",
    BASE,
    Configuration(
        **{
            **vars(CONFIGURATION),
            "from_fields": from_fields,
            "constants": {
                "huggingface": {**CONFIGURATION.constants["huggingface"], "model_type": "bart"}
            },
        }
    ),
    {
        "huggingface": Dialect(
            "huggingface",
            tuple(rules()),
            body=r"^(model\.)?(encoder|decoder|shared)\.",
            aliases=(("model.", ""),),
            ignored=(*HUGGINGFACE_IGNORED, *bart.IGNORED, (r"^cls_head\.", bart.IGNORED[1][1])),
            constants=CONSTANTS,
        )
    },
    frozenset({"bart"}),
    one_order=bart.ONE_ORDER,
    settle=settle,
    models="CPT",
)
