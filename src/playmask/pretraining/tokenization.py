"""Tokenising documents, with where words and paragraphs begin."""

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from playmask.pretraining.documents import DocumentPart
from playmask.tokenizers import Tokenizer
from playmask.tokenizers.word_segmentation import check_segmenter, segment

Array = npt.NDArray[Any]
WORD, PARAGRAPH, NAME, SPECIAL = 1, 2, 4, 8
"""Flags of a token: it begins a word, it begins a paragraph, it spells a part of a special token's
name, it is a special token."""

CHINESE = r"㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
WORDS = re.compile(rf"[{CHINESE}]|[^\W_{CHINESE}]+|\S")


class TokenizedGroup(NamedTuple):
    """Some documents, or parts of them, end to end.

    Shapes: tokens int32 (N,), flags uint8 (N,), sizes int64 (parts,): tokens of each; continues
            bool (parts,): whether it goes on with the document of the part before
    """

    tokens: Array
    flags: Array
    sizes: Array
    continues: Array


class CorpusTokenizer:
    """Tokenises documents, and flags the tokens where words and paragraphs begin.

    words: "jieba" segments Chinese into words; None: each Chinese character is one, and so is a
    run of other letters
    Raises: ConfigError where jieba is not installed
    """

    def __init__(self, tokenizer: Tokenizer, words: str | None = None) -> None:
        if words is not None:
            check_segmenter(words)
        self.tokenizer, self.words = tokenizer, words

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        """What special tokens are called, as texts may have it."""
        names = {self.tokenizer.vocabulary[number] for number in self.tokenizer.special.values()}
        names = {name for name in names if len(name) > 1}
        return re.compile("|".join(map(re.escape, sorted(names)))) if names else None

    def __call__(self, parts: Sequence[DocumentPart]) -> TokenizedGroup:
        """Tokenise documents; paragraphs that give no token are left out, documents are not."""
        paragraphs = [paragraph for part in parts for paragraph in part.paragraphs]
        encodings = self.tokenizer.encode(paragraphs, special=False)
        ids = [np.array(encoding.ids, "int32") for encoding in encodings]
        flags = [
            self._flags(text, np.array(each.offsets, "int64").reshape(-1, 2))
            for text, each in zip(paragraphs, encodings, strict=True)
        ]
        counts = iter([len(row) for row in ids])
        sizes = np.array([sum(islice(counts, len(part.paragraphs))) for part in parts])
        continues = np.array([part.continues for part in parts], bool)
        return TokenizedGroup(_joined(ids, "int32"), _joined(flags, "uint8"), sizes, continues)

    def _flags(self, text: str, offsets: Array) -> Array:
        """The flags of a paragraph's tokens, by their offsets (N, 2)."""
        begins = np.zeros(len(text) + 1, "int64")
        begins[self._word_starts(text)] = 1
        begun = np.cumsum(begins)  # how many words begin up to each character
        first, last = offsets[:, 0], np.maximum(offsets[:, 1] - 1, offsets[:, 0])
        before = np.concatenate([[0], begun[last][:-1]])
        flags = np.where(begun[last] > before, WORD, 0).astype("uint8")
        for match in self._names.finditer(text) if self._names else ():
            flags[(first < match.end()) & (last >= match.start())] |= NAME
        if len(flags):
            flags[0] |= WORD | PARAGRAPH
        return flags

    def _word_starts(self, text: str) -> list[int]:
        if self.words is None:
            return word_starts(text)
        sizes = np.array([len(word) for word in segment(text, self.words)], "int64")
        return [int(start) for start in np.cumsum(sizes) - sizes]


def word_starts(text: str) -> list[int]:
    """Where words begin without a segmenter: Chinese characters, runs of letters, other signs."""
    return [match.start() for match in WORDS.finditer(text)]


def _joined(rows: Sequence[Array], dtype: str) -> Array:
    return np.concatenate([np.zeros(0, dtype), *rows])
