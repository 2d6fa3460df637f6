"""Cutting texts into words before they become pieces, as word-based Chinese models need it.

jieba is the optional extra `words`; it is imported, and its dictionary read, on first use.
"""

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from playmask.errors import ConfigError
from playmask.tokenizers.encoding import Pieces, Span
from playmask.tokenizers.engine import Engine
from playmask.tokenizers.kinds import Kind

_LOCK = threading.Lock()


class Aligned(NamedTuple):
    """A text made from another one, with the span each of its characters comes from."""

    text: str
    places: list[Span]

    def span(self, start: int, stop: int) -> Span:
        """Say which part of the original a part of the text comes from."""
        if start < stop:
            return self.places[start][0], self.places[stop - 1][1]
        here = self.places[start][0] if start < len(self.places) else 0
        return here, here


def changed(
    text: str, change: Callable[[str], str], units: re.Pattern[str] | None = None
) -> Aligned:
    """Replace every character, or every match of `units`, by a string."""
    if units is None:
        rows = [(place, place + 1, change(letter)) for place, letter in enumerate(text)]
    else:
        rows = [(*match.span(), change(match.group())) for match in units.finditer(text)]
    places = [(start, stop) for start, stop, part in rows for _ in part]
    return Aligned("".join(part for _, _, part in rows), places)


def folding(
    *, lowercase: bool, accents: bool, form: Literal["NFD", "NFKD"] = "NFD"
) -> Callable[[str], str]:
    """Make the function that lower-cases a character and strips its accents.

    accents: whether they stay
    form:    "NFD" as BERT does it, "NFKD" as ALBERT does
    """
    is_accent: dict[str, Callable[[str], Any]] = {
        "NFD": lambda part: unicodedata.category(part) == "Mn",
        "NFKD": unicodedata.combining,
    }

    @lru_cache(maxsize=10_000)
    def fold(letter: str) -> str:
        if not accents:
            parts = unicodedata.normalize(form, letter)
            letter = "".join(part for part in parts if not is_accent[form](part))
        return letter.lower() if lowercase else letter

    return fold


def check(words: object) -> None:
    """Refuse a way of cutting words that does not exist, or is not installed.

    Raises: ConfigError saying what would be right
    """
    if words not in CUTTERS:
        raise ConfigError(f"words is {words!r}; known: {', '.join(map(repr, CUTTERS))}.")
    _import_jieba()


def cut(text: str, words: str, *, guess: bool = False) -> Iterator[str]:
    """Cut a text into words, which joined give the text.

    guess: whether words that are not in the dictionary are guessed from their characters
    """
    return CUTTERS[words](text, guess)


def _import_jieba() -> Any:
    try:
        import jieba  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise ConfigError(
            "words='jieba' cuts texts with jieba, which is not installed: "
            "pip install playmask[words]."
        ) from None
    return jieba


def _jieba(text: str, guess: bool) -> Iterator[str]:
    jieba = _import_jieba()
    if not jieba.dt.initialized:
        with _LOCK:
            level = jieba.default_logger.level
            jieba.default_logger.setLevel(logging.ERROR)  # it tells on stderr how long it takes
            try:
                jieba.initialize()
            finally:
                jieba.default_logger.setLevel(level)
    return jieba.cut(text, HMM=guess)


CUTTERS: dict[str, Callable[[str, bool], Iterator[str]]] = {"jieba": _jieba}


class WordEngine(Engine):
    """WordPiece over words: one in the vocabulary is a token, others are tokenised as usual.

    Source: reproduces bert4keras `Tokenizer(pre_tokenize=lambda s: jieba.cut(s, HMM=False))`
    """

    def __init__(self, content: dict, kind: Kind, words: str) -> None:
        super().__init__(content, kind)
        self._words = words
        normalizer = content["normalizer"] or {}
        lowercase = bool(normalizer.get("lowercase"))
        strip = normalizer.get("strip_accents")
        accents = not (lowercase if strip is None else strip)
        self._options: dict[str, Any] = {"lowercase": lowercase, "accents": accents}
        self._whole = {  # no special token: jieba cuts at brackets
            token: number for token, number in self._reachable.items() if kind.stem(token) == token
        }

    def pieces(self, texts: list[str]) -> list[Pieces]:
        fold = folding(**self._options)
        folded = [changed(text, fold) for text in texts]
        words = [list(cut(text.text, self._words)) for text in folded]
        rest = [[word for word in row if word not in self._whole] for row in words]
        raw = self.raw.encode_batch(rest, is_pretokenized=True, add_special_tokens=False)
        return [self._joined(*row) for row in zip(folded, words, raw, strict=True)]

    def _joined(self, text: Aligned, words: list[str], raw: Any) -> Pieces:
        """Put the tokens of both sorts of words in the order of the text."""
        found: Iterable[tuple[int, int, Span]] = zip(
            raw.word_ids, raw.ids, raw.offsets, strict=True
        )
        by_word: dict[int, list[tuple[int, Span]]] = {}
        for place, number, span in found:
            by_word.setdefault(place, []).append((number, span))
        ids: list[int] = []
        spans: list[Span] = []
        start = others = 0
        for word in words:
            if word in self._whole:
                tokens = [(self._whole[word], (0, len(word)))]
            else:
                tokens = by_word.get(others, [])
                others += 1
            ids += [number for number, _ in tokens]
            spans += [(start + first, start + last) for _, (first, last) in tokens]
            start += len(word)
        return Pieces(ids, lambda: [text.span(*span) for span in spans])
