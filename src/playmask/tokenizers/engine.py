"""The `tokenizers` engine behind a tokenizer: made from a tokenizer.json, and written as one.

Truncation, padding and special tokens are never the engine's business here: the first two are
mutable state that threads would share, and special tokens that it knows it also finds in what
users write.
"""

import json
from collections.abc import Callable, Iterable, Mapping

import tokenizers

from playmask.files import JsonObject
from playmask.tokenizers.algorithm import Algorithm
from playmask.tokenizers.encoding import Span, TokenizedText

UNREACHABLE = "\0"  # ends, or begins, the name of a token that no text may reach
NOTES = "playmask"  # our entry in `model`: the one place where `tokenizers` takes unknown keys

_OURS = {"truncation": None, "padding": None, "post_processor": None, "decoder": None}


class Engine:
    """One engine of `tokenizers`, the special tokens plain vocabulary to it.

    vocabulary: the tokens in the order of their ids
    hidden:     the ids that stand for no text
    textual:      those special ones that stand for some nevertheless
    required:   the ids without which it cannot encode every text
    """

    def __init__(self, content: JsonObject, algorithm: Algorithm) -> None:
        self.algorithm = algorithm
        self.notes: JsonObject = content["model"].get(NOTES) or {}
        known = content.get("added_tokens") or []
        self._special = {token["content"]: token["id"] for token in known if token["special"]}
        plain = [token for token in known if not token["special"]]
        everything = {token["content"]: token["id"] for token in known}
        model = algorithm.add(content["model"], everything, self._special.keys())
        content = content | _OURS | {"added_tokens": plain, "model": model}
        self.raw = tokenizers.Tokenizer.from_str(json.dumps(content))
        names = self.raw.get_vocab()
        self.vocabulary = tuple(
            name.partition(UNREACHABLE)[0] for name in sorted(names, key=names.__getitem__)
        )
        self.hidden = frozenset(self._special.values())
        self.textual: frozenset[int] = frozenset()
        self.required = frozenset(algorithm.required(model))
        self._reachable = {token: names[token] for token in names if UNREACHABLE not in token}

    def find(self, token: str) -> int | None:
        """Look up the id of a token; None if it is not in the vocabulary."""
        return self._reachable.get(token, self._special.get(token))

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenise texts, several of them on all cores."""
        if len(texts) == 1:  # one text alone is not worth waking other threads for
            raw = [self.raw.encode(texts[0], add_special_tokens=False)]
        else:
            raw = self.raw.encode_batch(texts, add_special_tokens=False)
        return [self._tokenized(*row) for row in zip(texts, raw, strict=True)]

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text."""
        return self.algorithm.join([self.vocabulary[number] for number in ids])

    def content(self) -> JsonObject:
        """Describe it as tokenizer.json does, without what surrounds texts."""
        content: JsonObject = json.loads(self.raw.to_str())
        model = content["model"] | ({NOTES: self.notes} if self.notes else {})
        if isinstance(model["vocab"], list):
            model["vocab"] = [[name.removesuffix(UNREACHABLE), n] for name, n in model["vocab"]]
        tokens = content["added_tokens"] + added(self._special)
        return content | {"added_tokens": tokens, "model": model}

    def keep(self, ids: list[int]) -> JsonObject:
        """Describe it with only these ids, in this order."""
        content = self.content()
        new = {old: place for place, old in enumerate(ids)}
        tokens = [
            one | {"id": new[one["id"]]} for one in content["added_tokens"] if one["id"] in new
        ]
        return content | {
            "added_tokens": tokens,
            "model": self.algorithm.keep(content["model"], ids),
        }

    def support(self, ids: set[int]) -> set[int]:
        """Return the ids that must stay too, so that these tokens are still reached."""
        return {
            *self.required,
            *self.algorithm.support(json.loads(self.raw.to_str())["model"], ids),
        }

    def _tokenized(self, text: str, raw: tokenizers.Encoding) -> TokenizedText:
        if not self.algorithm.space:
            return TokenizedText(raw.ids, lambda: raw.offsets)
        return TokenizedText(
            raw.ids, lambda: trimmed(text, raw.tokens, raw.offsets, self.algorithm.space)
        )


def trimmed(
    text: str,
    tokens: list[str],
    spans: list[Span],
    space: str,
    blank: Callable[[str], bool] = str.isspace,
) -> list[Span]:
    """Take the spaces that words bring along out of their spans.

    A token of nothing but spaces covers them; where the text has none there, it covers nothing.
    """
    return [_trim(text, *row, space, blank) for row in zip(tokens, spans, strict=True)]


def _trim(text: str, token: str, span: Span, space: str, blank: Callable[[str], bool]) -> Span:
    start, stop = span
    letters = [place for place in range(start, stop) if not blank(text[place])]
    if not token.strip(space):
        return (start, start) if letters else span
    if not letters:
        return span
    first = letters[0] if token.startswith(space) else start
    return first, letters[-1] + 1 if token.endswith(space) else stop


def added(tokens: Mapping[str, int], *, special: bool = True) -> list[JsonObject]:
    """Write tokens, token -> id, as the `added_tokens` of tokenizer.json."""
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    rows = sorted(tokens.items(), key=lambda row: row[1])
    return [{"id": n, "content": token, **plain, "special": special} for token, n in rows]
