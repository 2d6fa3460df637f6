"""The kinds of tokenizers that there are, and which one a tokenizer.json is of."""

import os
from typing import Any

from playmask.errors import ConfigError, DataError
from playmask.tokenizers.bpe import BYTE_BPE, LETTER_BPE
from playmask.tokenizers.engine import NOTES
from playmask.tokenizers.kinds import Kind, Style
from playmask.tokenizers.sentencepiece import METASPACE, SENTENCEPIECE
from playmask.tokenizers.wordpiece import WORDPIECE
from playmask.tokenizers.words import check

KINDS = (WORDPIECE, SENTENCEPIECE, BYTE_BPE, LETTER_BPE, METASPACE)  # the first that claims it
TYPES = ("WordPiece", "BPE", "Unigram")  # `type` of the model in tokenizer.json


def engine_of(content: dict, source: str | os.PathLike[str]) -> tuple[Kind, Any]:
    """Make the engine for the content of a tokenizer.json.

    Raises: DataError if it is of an unknown kind, or damaged
    """
    model = content.get("model") or {}
    if model.get("type") not in TYPES or not isinstance(model.get("vocab"), dict | list):
        raise DataError(
            f"{source} has a model of type {model.get('type')!r}; "
            f"playmask reads {', '.join(TYPES)}."
        )
    words = (model.get(NOTES) or {}).get("words")
    try:
        kind = next(kind for kind in KINDS if kind.claims(content))
        if words:
            if not kind.words:
                able = " and ".join(kind.name for kind in KINDS if kind.words)
                raise ConfigError(
                    f"{source} is {kind.name}; words={words!r} is for {able} files only."
                )
            check(words)
        return kind, kind.engine(content, kind)
    except ConfigError:
        raise
    except Exception as error:  # the engines raise bare Exception
        raise DataError(f"{source} is not a valid tokenizer.json: {error!r:.200}.") from error


def style_of(kind: Kind, engine: Any, source: str | os.PathLike[str]) -> Style:
    """Find the family's special tokens by those that the vocabulary has.

    Raises: DataError naming those that are missing
    """
    style = next((style for style in kind.styles if style.fits(engine.find)), kind.styles[-1])
    needed = (style.special[role] for role in style.needed)
    missing = [token for token in needed if engine.find(token) is None]
    if missing:
        raise DataError(
            f"{source} has {len(engine.vocabulary)} tokens but not {', '.join(missing)}; "
            "add a line for each."
        )
    return style
