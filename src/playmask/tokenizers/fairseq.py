"""SentencePiece models that fairseq numbers anew: those of XLM-RoBERTa and CamemBERT.

Their embeddings have rows for special tokens before and after the file's pieces, some of which have
none; the file itself says nothing of it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playmask.tokenizers.pieces import CONTROL, UNKNOWN, UNUSED, Piece, Pieces
from playmask.tokenizers.sentencepiece_model import Model

FILE = "sentencepiece.bpe.model"  # what both call it, and others do not
OWN = ("<unk>", "<s>", "</s>")  # the first pieces of the file


class Numbering(NamedTuple):
    """The special tokens before a file's pieces, text -> type, and how many pieces they replace."""

    first: Mapping[str, int]
    replaced: int


NUMBERINGS = {
    "xlm-roberta": Numbering(
        {"<s>": CONTROL, "<pad>": CONTROL, "</s>": CONTROL, "<unk>": UNKNOWN}, replaced=3
    ),
    "camembert": Numbering(
        {
            "<s>NOTUSED": UNUSED,
            "<pad>": CONTROL,
            "</s>NOTUSED": UNUSED,
            "<unk>": UNKNOWN,
            "<unk>NOTUSED": UNUSED,
        },
        replaced=1,
    ),
}
"""`model_type` -> numbering. Source: the embeddings of xlm-roberta-base and camembert-base"""
CLASSES = {"XLMRobertaTokenizer": "xlm-roberta", "CamembertTokenizer": "camembert"}


def renumbered(model: Model, file: Path, config: Mapping[str, Any], model_type: object) -> Model:
    """Number the pieces as the embedding's rows, where the file is of such a family.

    config: tokenizer_config.json; model_type: of config.json
    """
    if tuple(model.pieces.names[: len(OWN)]) != OWN:
        return model
    name = str(config.get("tokenizer_class")).removesuffix("Fast")
    family = CLASSES.get(name, str(model_type))
    if family not in NUMBERINGS:
        if file.name != FILE:
            return model
        family = "xlm-roberta"
        warnings.warn(
            f"{file} is read with the ids of {family}, since no tokenizer_class beside it says "
            "whose it is; tokenizer.json would.",
            stacklevel=2,
        )
    first, replaced = NUMBERINGS[family]
    before = Pieces.of(Piece(text, 0.0, kind) for text, kind in first.items())
    own = model.pieces.take(range(replaced, len(model.pieces)))
    return model._replace(pieces=before + own + Pieces.of([Piece("<mask>", 0.0, CONTROL)]))
