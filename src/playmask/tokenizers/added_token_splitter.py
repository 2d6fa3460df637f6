"""Splitting texts at added tokens, for engines that know none themselves."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import tokenizers

from playmask.files import JsonObject
from playmask.tokenizers.added_tokens import AddedToken
from playmask.tokenizers.encoding import Span, TokenizedText
from playmask.tokenizers.engine import stripped

_REST = "\0"  # what the splitting engine calls everything that is no added token
Tokenize = Callable[[list[str]], list[TokenizedText]]
Part = tuple[int | None, Span]  # the id of an added token, None for the text between, and its span


def distinct(tokens: Sequence[AddedToken], normalizer: JsonObject | None) -> Sequence[AddedToken]:
    """Have tokens that the normalizer makes the same text, such as [E1] and [e1], found as written.

    Which of them `tokenizers` would find is left to chance.
    """
    normalized = [token.content for token in tokens if token.normalized]
    if len(normalized) < 2 or not normalizer:
        return tokens
    normalize = _splitting([], normalizer).normalizer.normalize_str
    texts = {text: normalize(text) for text in normalized}
    twice = {text for text, count in Counter(texts.values()).items() if count > 1}
    return [
        token._replace(normalized=token.normalized and texts[token.content] not in twice)
        for token in tokens
    ]


def _splitting(tokens: Sequence[AddedToken], normalizer: JsonObject | None) -> tokenizers.Tokenizer:
    """Make an engine that knows nothing but added tokens."""
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [token.json() for token in tokens],
        "normalizer": normalizer,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {_REST: 0}, "unk_token": _REST},
    }
    return tokenizers.Tokenizer.from_str(json.dumps(content))


class AddedTokenSplitter:
    """Finds added tokens in texts as `tokenizers` does, and has the rest tokenised by another.

    tokens:     those that texts may have
    normalizer: the one of tokenizer.json, for the tokens that are looked for in normalised texts
    """

    def __init__(self, tokens: Sequence[AddedToken], normalizer: JsonObject | None) -> None:
        normalizes = any(token.normalized for token in tokens)
        self._raw = _splitting(tokens, normalizer if normalizes else None)
        self._ids = {self._raw.token_to_id(token.content): token.id for token in tokens}

    def tokenize(self, texts: list[str], tokenize: Tokenize) -> list[TokenizedText]:
        """Tokenise what stands between added tokens, each part by itself, and join the results."""
        raw = self._raw.encode_batch(texts, add_special_tokens=False)
        rows = [list(self._parts(*row)) for row in zip(texts, raw, strict=True)]
        between = [
            text[slice(*span)]
            for text, parts in zip(texts, rows, strict=True)
            for number, span in parts
            if number is None
        ]
        tokenized = iter(tokenize(between))
        return [
            _joined(text, parts, list(islice(tokenized, sum(n is None for n, _ in parts))))
            for text, parts in zip(texts, rows, strict=True)
        ]

    def _parts(self, text: str, raw: tokenizers.Encoding) -> Iterator[Part]:
        end = 0
        for number, (start, stop) in zip(raw.ids, raw.offsets, strict=True):
            if number not in self._ids:
                continue
            if start > end:
                yield None, (end, start)
            yield self._ids[number], (start, stop)
            end = stop
        if end < len(text):
            yield None, (end, len(text))


def _joined(text: str, parts: list[Part], between: list[TokenizedText]) -> TokenizedText:
    """Put tokenised parts and added tokens in the order of the text."""
    rest = iter(between)
    pieces = [(number, span, None if number is not None else next(rest)) for number, span in parts]
    ids: list[int] = []
    for number, _, piece in pieces:
        ids += [] if number is None else [number]
        ids += [] if piece is None else piece.ids

    def offsets() -> list[Span]:
        spans: list[Span] = []
        for _, (start, stop), piece in pieces:
            if piece is None:
                spans.append(stripped(text, (start, stop)))
            else:
                spans += [(start + first, start + last) for first, last in piece.offsets]
        return spans

    return TokenizedText(ids, offsets)
