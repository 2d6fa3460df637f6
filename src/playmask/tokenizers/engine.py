"""The `tokenizers` engine behind a tokenizer: made from a tokenizer.json, and written as one.

Truncation, padding and special tokens are never the engine's business here: the first two are
mutable state that threads would share, and special tokens that it knows it also finds in what
users write.
"""

import json
import os

import tokenizers
from tokenizers import AddedToken, processors

from playmask.errors import DataError
from playmask.tokenizers.kinds import Kind

_OURS = {"truncation": None, "padding": None, "post_processor": None, "decoder": None}


def make(content: dict, kind: Kind, source: str | os.PathLike[str]) -> tokenizers.Tokenizer:
    """Make the engine from the content of a tokenizer.json, its special tokens plain vocabulary.

    Raises: DataError if `tokenizers` cannot read it
    """
    try:
        added = content.get("added_tokens") or []
        model = kind.add(content["model"], {token["content"]: token["id"] for token in added})
        plain = [token for token in added if not token["special"]]
        content = content | _OURS | {"added_tokens": plain, "model": model}
        return tokenizers.Tokenizer.from_str(json.dumps(content))
    except Exception as error:  # the engine raises bare Exception
        raise DataError(f"{source} is not a valid tokenizer.json: {error!r:.200}.") from error


def keep(engine: tokenizers.Tokenizer, kind: Kind, ids: list[int]) -> dict:
    """Describe the engine with only these ids, in this order."""
    content = json.loads(engine.to_str())
    new = {old: place for place, old in enumerate(ids)}
    added = [
        token | {"id": new[token["id"]]} for token in content["added_tokens"] if token["id"] in new
    ]
    return content | {"added_tokens": added, "model": kind.keep(content["model"], ids)}


def portable(engine: tokenizers.Tokenizer, kind: Kind) -> str:
    """Write tokenizer.json with the special tokens where other programs look for them."""
    whole = tokenizers.Tokenizer.from_str(engine.to_str())
    known = [token for token in kind.special.values() if engine.token_to_id(token) is not None]
    whole.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in known])
    head, middle, tail = ([kind.special[role] for role in roles] for roles in kind.frame)
    single = [*head, "$A", *middle]
    whole.post_processor = processors.TemplateProcessing(
        single=single,
        pair=[*single, "$B:1", *(f"{token}:1" for token in tail)],
        special_tokens=[(token, whole.token_to_id(token)) for token in {*head, *middle, *tail}],
    )
    content = json.loads(whole.to_str()) | {"decoder": kind.decoder}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
