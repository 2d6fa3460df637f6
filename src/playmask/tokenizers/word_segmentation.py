"""Word segmentation of texts before tokenization, as word-based Chinese models need it.

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
from playmask.files import JsonObject
from playmask.tokenizers.added_token_splitter import AddedTokenSplitter
from playmask.tokenizers.algorithm import Algorithm
from playmask.tokenizers.encoding import Span, TokenizedText
from playmask.tokenizers.engine import Engine

_LOCK = threading.Lock()


class AlignedText(NamedTuple):
    """A text made from another one, with the span each of its characters comes from."""

    text: str
    spans: list[Span]

    def span(self, start: int, stop: int) -> Span:
        """Map a span of the text to the span of the original that it comes from."""
        if start < stop:
            return self.spans[start][0], self.spans[stop - 1][1]
        here = self.spans[start][0] if start < len(self.spans) else 0
        return here, here


def map_characters(
    text: str, change: Callable[[str], str], units: re.Pattern[str] | None = None
) -> AlignedText:
    """Replace every character, or every match of `units`, by a string."""
    if units is None:
        rows = [(place, place + 1, change(letter)) for place, letter in enumerate(text)]
    else:
        rows = [(*match.span(), change(match.group())) for match in units.finditer(text)]
    spans = [(start, stop) for start, stop, part in rows for _ in part]
    return AlignedText("".join(part for _, _, part in rows), spans)


def character_folding(
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


def check_segmenter(words: object) -> None:
    """Refuse a word segmenter that does not exist, or is not installed.

    Raises: ConfigError saying what would be right
    """
    if words not in SEGMENTERS:
        raise ConfigError(f"words is {words!r}; known: {', '.join(map(repr, SEGMENTERS))}.")
    _import_jieba()


def segment(text: str, words: str, *, guess: bool = False) -> Iterator[str]:
    """Segment a text into words, which joined give the text.

    guess: whether words that are not in the dictionary are guessed from their characters
    """
    return SEGMENTERS[words](text, guess)


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
    words: Iterator[str] = jieba.cut(text, HMM=guess)
    return words


SEGMENTERS: dict[str, Callable[[str, bool], Iterator[str]]] = {"jieba": _jieba}


class WordEngine(Engine):
    """WordPiece over words: one in the vocabulary is a token, others are tokenised as usual.

    Source: reproduces bert4keras `Tokenizer(pre_tokenize=lambda s: jieba.cut(s, HMM=False))`
    """

    def __init__(self, content: JsonObject, algorithm: Algorithm, words: str) -> None:
        super().__init__(content, algorithm, matches_added=False)
        self._segmenter = words
        normalizer = content["normalizer"] or {}
        reachable = self.reachable
        self._splitter = AddedTokenSplitter(reachable, normalizer or None) if reachable else None
        lowercase = bool(normalizer.get("lowercase"))
        strip = normalizer.get("strip_accents")
        accents = not (lowercase if strip is None else strip)
        self._options: dict[str, Any] = {"lowercase": lowercase, "accents": accents}
        self._whole = {  # no special token: jieba cuts at brackets
            token: number for token, number in self._words.items() if algorithm.stem(token) == token
        }

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Cut texts into words, and those that the vocabulary lacks into characters."""
        if self._splitter is None:
            return self._tokenized_words(texts)
        return self._splitter.tokenize(texts, self._tokenized_words)

    def _tokenized_words(self, texts: list[str]) -> list[TokenizedText]:
        fold = character_folding(**self._options)
        folded = [map_characters(text, fold) for text in texts]
        words = [list(segment(text.text, self._segmenter)) for text in folded]
        rest = [[word for word in row if word not in self._whole] for row in words]
        raw = self.raw.encode_batch(rest, is_pretokenized=True, add_special_tokens=False)
        return [self._joined(*row) for row in zip(folded, words, raw, strict=True)]

    def _joined(self, text: AlignedText, words: list[str], raw: Any) -> TokenizedText:
        """Put the tokens of both sorts of words in the order of the text."""
        rows: Iterable[tuple[int, int, Span]] = zip(raw.word_ids, raw.ids, raw.offsets, strict=True)
        by_word: dict[int, list[tuple[int, Span]]] = {}
        for place, number, span in rows:
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
        return TokenizedText(ids, lambda: [text.span(*span) for span in spans])
