"""The `tokenizers` engine behind a tokenizer: made from a tokenizer.json, and written as one.

Truncation, padding and special tokens are never the engine's business here: the first two are
mutable state that threads would share, and special tokens that it knows it also finds in what
users write.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import compress, count, groupby, repeat
from operator import contains

import tokenizers
import tokenizers.models

from playmask.errors import InputError
from playmask.files import JsonObject
from playmask.tokenizers import added_tokens
from playmask.tokenizers.added_tokens import NOTES, AddedToken
from playmask.tokenizers.algorithm import Algorithm
from playmask.tokenizers.encoding import Span, TokenizedText
from playmask.tokenizers.first_texts import FirstTexts
from playmask.tokenizers.pieces import UNREACHABLE, Pieces

_OURS = {"truncation": None, "padding": None, "post_processor": None, "decoder": None}


class Engine:
    """One engine of `tokenizers`, the special tokens plain vocabulary to it.

    Added tokens that texts may have are its own business; those that the vocabulary lacks have a
    row there that no text reaches, and what the engine calls them is translated to that row's id.

    vocabulary: the tokens in the order of their ids
    added:      the tokens that were added to them
    outside:    the ids of those that the vocabulary's file lacks
    hidden:     the ids that stand for no text
    textual:    those special ones that stand for some nevertheless
    required:   the ids without which it cannot encode every text
    """

    def __init__(
        self, content: JsonObject, algorithm: Algorithm, *, matches_added: bool = True
    ) -> None:
        model = content["model"]
        self.algorithm = algorithm
        self.notes: JsonObject = model.get(NOTES) or {}
        self.added = added_tokens.of(content)
        self.reachable = added_tokens.reachable(self.added, self.notes)
        own = added_tokens.ids_of(model)
        self.outside = frozenset(token.id for token in self.added if token.content not in own)
        hidden = {token.content for token in self.added} - {t.content for t in self.reachable}
        model = algorithm.add(model, self.added, hidden)
        rows = self.reachable if matches_added else ()
        self._model, self._rows = model, rows
        self._fallback = model.get("byte_fallback", False)
        self._base = _base(content | _OURS, model, rows)
        pieces = model["vocab"]
        known = isinstance(pieces, Pieces)
        self.required = frozenset(algorithm.required(model))
        self._first = FirstTexts(pieces, self.required) if known else None
        ids = pieces.ids if known else self.raw.get_vocab(with_added_tokens=False)
        names = pieces.names if known else sorted(ids, key=ids.__getitem__)
        self._words, bare = {**ids}, [*names]
        for place in compress(count(), map(contains, names, repeat(UNREACHABLE))):
            del self._words[names[place]]
            bare[place] = names[place].partition(UNREACHABLE)[0]
        self.vocabulary = tuple(bare)
        self.hidden = frozenset(token.id for token in self.added if token.special)
        self.textual: frozenset[int] = frozenset()
        self._ids = {token.content: token.id for token in self.added}
        self._texts = frozenset(token.content for token in self.added if not token.special)
        self._stripping = frozenset(t.id for t in self.reachable if t.lstrip or t.rstrip)

    @cached_property
    def raw(self) -> tokenizers.Tokenizer:
        """The library's tokenizer; a Unigram model's trie is built when it is first needed."""
        return self._base if self._first is None else self._of_pieces(self._model["vocab"])

    @cached_property
    def _translation(self) -> dict[int, int]:
        called = self._called(self.raw)
        return {raw: number for raw, number in called.items() if raw != number}

    def find(self, token: str) -> int | None:
        """Look up the id of a token; None if it is not in the vocabulary."""
        return self._words.get(token, self._ids.get(token))

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenise texts, several of them on all cores."""
        try:
            library, translation = self._library_for(texts)
            if len(texts) == 1:  # one text alone is not worth waking other threads for
                raw = [library.encode(texts[0], add_special_tokens=False)]
            else:
                raw = library.encode_batch(texts, add_special_tokens=False)
        except BaseException as error:  # such as an unknown word where there is no unknown token
            if is_of_library(error):
                raise InputError(f"The tokenizer cannot encode this text: {error}.") from None
            raise
        return [self._tokenized(*row, translation) for row in zip(texts, raw, strict=True)]

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text."""
        return self.algorithm.join([self.vocabulary[number] for number in ids], self._texts)

    def content(self) -> JsonObject:
        """Describe it as tokenizer.json does, without what surrounds texts."""
        size = added_tokens.own_size(self.outside, len(self.vocabulary))
        return self._content(lambda name, number: name.removesuffix(UNREACHABLE), size)

    def keep(self, ids: list[int]) -> JsonObject:
        """Describe it with only these ids, in this order."""
        content = self._content(
            lambda name, number: name if number in self.outside else name.removesuffix(UNREACHABLE),
            len(self.vocabulary),
        )
        return content | {
            "added_tokens": added_tokens.renumbered(self.added, ids),
            "model": self.algorithm.keep(content["model"], ids),
        }

    def support(self, ids: set[int]) -> set[int]:
        """Return the ids that must stay too, so that these tokens are still reached."""
        return {
            *self.required,
            *self.algorithm.support(json.loads(self._base.to_str())["model"], ids),
        }

    def _content(self, rename: Callable[[str, int], str], size: int) -> JsonObject:
        """Describe it with the names of its first ids changed, the others being added tokens."""
        content: JsonObject = json.loads(self._base.to_str())
        model = content["model"] | ({NOTES: self.notes} if self.notes else {})
        pieces = self._model["vocab"]
        if isinstance(pieces, Pieces):
            names = [rename(name, n) for n, name in enumerate(pieces.names[:size])]
            model["vocab"] = Pieces(names, pieces.scores[:size])
            model |= {"unk_id": self._model.get("unk_id"), "byte_fallback": self._fallback}
        else:
            vocab = model["vocab"].items()
            model["vocab"] = {rename(name, n): n for name, n in vocab if n < size}
        return content | {"added_tokens": [t.json() for t in self.added], "model": model}

    def _library_for(self, texts: list[str]) -> tuple[tokenizers.Tokenizer, Mapping[int, int]]:
        """Choose the library's tokenizer for texts, and our ids where it has others."""
        if self._first is None or "raw" in vars(self) or not self._first.spend(texts):
            return self.raw, self._translation
        rows = (self._base.encode(text, add_special_tokens=False).tokens for text in texts)
        ids = self._first.occurring(map("".join, rows))
        raw = self._of_pieces(self._model["vocab"].take(ids), ids)
        return raw, {**dict(enumerate(ids)), **self._called(raw)}

    def _of_pieces(self, pieces: Pieces, ids: Sequence[int] | None = None) -> tokenizers.Tokenizer:
        """Make the library's tokenizer of a Unigram model with these pieces.

        The rows go there as they are: JSON that is written for the library to read takes twice as
        long.
        """
        unknown = self._model.get("unk_id")
        unknown = unknown if unknown is None or ids is None else ids.index(unknown)
        raw = tokenizers.Tokenizer(
            tokenizers.models.Unigram(pieces.rows(), unknown, self._fallback)
        )
        raw.normalizer, raw.pre_tokenizer = self._base.normalizer, self._base.pre_tokenizer
        return _with_added(raw, self._rows)

    def _called(self, raw: tokenizers.Tokenizer) -> dict[int, int]:
        """What the library calls our added tokens: its id -> ours."""
        called = ((raw.token_to_id(token.content), token.id) for token in self._rows)
        return {theirs: ours for theirs, ours in called if theirs is not None}

    def _tokenized(
        self, text: str, raw: tokenizers.Encoding, translation: Mapping[int, int]
    ) -> TokenizedText:
        ids = raw.ids
        if translation:
            ids = [translation.get(number, number) for number in ids]
        if not self.algorithm.space and not self._stripping:
            return TokenizedText(ids, lambda: raw.offsets)
        return TokenizedText(ids, lambda: self._spans(text, ids, raw))

    def _spans(self, text: str, ids: list[int], raw: tokenizers.Encoding) -> list[Span]:
        """Find the span of each token without the spaces around it."""
        spans, space = raw.offsets, self.algorithm.space
        if space:
            spans = trimmed(text, raw.tokens, spans, space)
        if not self._stripping:
            return spans
        rows = zip(ids, spans, strict=True)
        return [stripped(text, span) if n in self._stripping else span for n, span in rows]


def _base(
    content: JsonObject, model: JsonObject, added: Sequence[AddedToken]
) -> tokenizers.Tokenizer:
    """Make the library's tokenizer of a tokenizer.json with this model.

    Of a Unigram model it has no pieces, and so its tokens are the normalised text.

    Raises: Exception for what the library cannot read; ValueError for a Unigram model that it will
            not
    """
    if not isinstance(model["vocab"], Pieces):
        rows = [token.json() for token in added]
        whole = content | {"added_tokens": rows, "model": model}
        return tokenizers.Tokenizer.from_str(json.dumps(whole))
    unknown, size = model.get("unk_id"), len(model["vocab"])
    if unknown is not None and not (type(unknown) is int and 0 <= unknown < size):
        raise ValueError(f"its unk_id is {unknown!r:.60}")
    if not isinstance(model.get("byte_fallback", False), bool):
        raise ValueError(f"its byte_fallback is {model['byte_fallback']!r:.60}")
    empty: JsonObject = {"type": "Unigram", "unk_id": 0, "vocab": [[UNREACHABLE, 0.0]]}
    whole = content | {"added_tokens": [], "model": empty}
    return _with_added(tokenizers.Tokenizer.from_str(json.dumps(whole)), added)


def _with_added(raw: tokenizers.Tokenizer, added: Sequence[AddedToken]) -> tokenizers.Tokenizer:
    """Add tokens that texts may have."""
    for special, tokens in groupby(added, key=lambda token: token.special):
        add = raw.add_special_tokens if special else raw.add_tokens
        add([tokenizers.AddedToken(token.content, **token.flags) for token in tokens])
    return raw


def is_of_library(error: BaseException) -> bool:
    """Tell whether `tokenizers` raised an error: a bare Exception, or what its panics become."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def stripped(text: str, span: Span) -> Span:
    """Take white space off both ends of a span, which an added token may take along."""
    start, stop = span
    part = text[start:stop]
    if not part.strip():
        return span
    return start + len(part) - len(part.lstrip()), stop - len(part) + len(part.rstrip())


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
