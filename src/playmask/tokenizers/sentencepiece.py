"""SentencePiece: a `.model` file as the content of a tokenizer.json, and the engine for it.

Ids are computed by the library `sentencepiece` itself, from a model that is put together from the
tokenizer.json: they are equal to its own in every corner. `Engine` over the same file, which is
what other programs make of it, differs in these: the charsmap is applied by grapheme and to its
shortest match; pieces for bytes, unused and control ones are found in texts as they are written;
of two segmentations of nearly the same score the other may win.
A file that other programs wrote is read as they do (`metaspace.py`).
The original ALBERT also cuts a comma off a number; no other program does, nor is it done here.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from playmask.files import JsonObject
from playmask.tokenizers import added_tokens, bpe, sentencepiece_model
from playmask.tokenizers.added_token_splitter import AddedTokenSplitter
from playmask.tokenizers.added_tokens import NOTES, AddedToken
from playmask.tokenizers.algorithm import Algorithm
from playmask.tokenizers.encoding import Span, TokenizedText
from playmask.tokenizers.engine import trimmed
from playmask.tokenizers.first_texts import FirstTexts
from playmask.tokenizers.pieces import BYTE, CONTROL, UNKNOWN, UNUSED, USER, Piece, Pieces
from playmask.tokenizers.sentencepiece_json import SPACE, merging, model_of, specification
from playmask.tokenizers.sentencepiece_model import Model
from playmask.tokenizers.sentencepiece_styles import SENTINELS, STYLES, WORD_LINE, WORD_SPACE
from playmask.tokenizers.word_segmentation import (
    AlignedText,
    character_folding,
    map_characters,
    segment,
)

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "ByteFallback"},
        {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True},
    ],
}

_ODD_SIZE = 1000  # characters from which on a piece may be too long for the library
_SIGNS = str.maketrans(" \n", WORD_SPACE + WORD_LINE)
BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")
_QUOTES = re.compile("``|''|.", re.DOTALL)


def join(tokens: list[str], whole: Collection[str] = ()) -> str:
    """Write tokens as text; bytes that are no UTF-8 become U+FFFD.

    whole: tokens that are texts as they are, neither bytes nor with marks for spaces
    """
    text, pending = "", bytearray()
    for token in [*tokens, ""]:
        byte = BYTE_PIECE.fullmatch(token)
        if byte and token not in whole:
            pending.append(int(byte[1], 16))
            continue
        text += pending.decode("utf-8", errors="replace")
        text += token if token in whole else token.replace(SPACE, " ")
        pending.clear()
    return text if tokens and tokens[0] in whole else text.removeprefix(" ")


class PieceEngine:
    """The library `sentencepiece` behind a tokenizer, with the surface of `Engine`."""

    def __init__(self, content: JsonObject, algorithm: Algorithm) -> None:
        model = model_of(content)
        self.notes = {k: v for k, v in content["model"][NOTES].items() if k != "sentencepiece"}
        if self.notes.get("fold"):
            _folded("", **self.notes["fold"])  # so that what cannot be is refused now
        self.added = added_tokens.of(content)
        own = added_tokens.ids_of(content["model"])
        self.outside = frozenset(token.id for token in self.added if token.content not in own)
        further = _further(self.added, len(model.pieces))
        self._pieces = model.pieces + further if further else model.pieces
        self.vocabulary = tuple(self._pieces.names)
        size = added_tokens.own_size(self.outside, len(self._pieces))
        if size != len(model.pieces):
            model = model._replace(pieces=self._pieces.take(range(size)))
        self._model = model
        names = enumerate(model.pieces.names)  # what the library may refuse it is to refuse now
        odd = {n for n, name in names if not 0 < len(name) < _ODD_SIZE or "\0" in name}
        self._first = FirstTexts(model.pieces, odd | model.pieces.types.keys())
        self._few = _processor(model, self._first.occurring(()))
        self._ids = {**own, **{name: n for n, name in enumerate(further.names, len(own))}}
        types = {
            kind: frozenset(n for n, each in self._pieces.types.items() if each == kind)
            for kind in (UNKNOWN, CONTROL, BYTE, USER)
        }
        self._bytes = types[BYTE] if model.byte_fallback else frozenset()
        self._blanks: dict[str, bool] = {}
        self.required = types[UNKNOWN] | self._bytes
        plain = {token.id for token in self.added if not token.special}
        special = {token.id for token in self.added if token.special}
        self.hidden = (types[UNKNOWN] | types[CONTROL] | special) - plain
        self._texts = frozenset(self.vocabulary[n] for n in plain - types[USER])
        reachable = added_tokens.reachable(self.added, self.notes)
        splits = [token for token in reachable if token.id not in types[USER]]  # it finds its own
        self._splitter = AddedTokenSplitter(splits, content["normalizer"]) if splits else None
        self._line = self._ids.get("<cls>") if self.notes.get("words") else None
        self.textual = frozenset() if self._line is None else frozenset({self._line})

    def find(self, token: str) -> int | None:
        """Look up the id of a token; None if it is not in the vocabulary."""
        return self._ids.get(token)

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenise texts, several of them on all cores."""
        if self._splitter is None:
            return self._tokenized(texts)
        return self._splitter.tokenize(texts, self._tokenized)

    def _tokenized(self, texts: list[str]) -> list[TokenizedText]:
        ready = [self._prepared(text) for text in texts]
        inputs = [
            text if aligned is None else aligned.text
            for text, aligned in zip(texts, ready, strict=True)
        ]
        processor, numbers = self._processor_for(inputs)
        rows = (
            processor.encode(inputs, out_type=int)
            if len(inputs) != 1
            else [processor.encode(inputs[0], out_type=int)]
        )
        if numbers is not None:
            rows = [[numbers[number] for number in row] for row in rows]
        rows = [self._with_lines(processor, *row) for row in zip(inputs, rows, strict=True)]
        return [
            TokenizedText(ids, partial(self._spans, processor, text, aligned, ids))
            for text, aligned, ids in zip(inputs, ready, rows, strict=True)
        ]

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text; in word mode as CPM does."""
        text = join([self.vocabulary[number] for number in ids], self._texts)
        if not self.notes.get("words"):
            return text
        text = text.replace("<cls>", WORD_LINE).replace(" ", "")
        return text.replace(WORD_SPACE, " ").replace(WORD_LINE, "\n")

    def content(self) -> JsonObject:
        """Describe it as tokenizer.json does."""
        rows = [token.json() for token in self.added]
        return specification(self._model, self.notes) | {"added_tokens": rows}

    def keep(self, ids: list[int]) -> JsonObject:
        """Describe it with only these ids, in this order."""
        model = self._model._replace(pieces=self._pieces.take(ids))
        return specification(model, self.notes) | {
            "added_tokens": added_tokens.renumbered(self.added, ids)
        }

    def support(self, ids: set[int]) -> set[int]:
        """Return the ids that must stay too, so that these tokens are still reached."""
        by_merging = self._model.type == sentencepiece_model.BPE
        merged = bpe.support(merging(self._model), ids) if by_merging else set()
        return {*self.required, *merged}

    @cached_property
    def _whole(self) -> "SentencePieceProcessor":
        return _processor(self._model)

    def _processor_for(
        self, texts: list[str]
    ) -> tuple["SentencePieceProcessor", Sequence[int] | None]:
        """Choose the library's model for texts, and our ids of its pieces where they are others."""
        if "_whole" in vars(self) or not self._first.spend(texts):
            return self._whole, None
        numbers = self._first.occurring(self._few.normalize(texts))
        return _processor(self._model, numbers), numbers

    def _prepared(self, text: str) -> AlignedText | None:
        """Change and cut a text as its family does before the pieces are found."""
        aligned = None
        if self.notes.get("fold"):
            aligned = _folded(text, **self.notes["fold"])
        if self.notes.get("words"):
            characters = map_characters(text, str) if aligned is None else aligned
            aligned = _in_words(characters, self.notes["words"])
        return aligned

    def _with_lines(
        self, processor: "SentencePieceProcessor", text: str, ids: list[int]
    ) -> list[int]:
        """Give CPM's line breaks the id that its checkpoints know them by."""
        if self._line is None or WORD_LINE not in text:
            return ids
        surfaces = processor.encode(text, out_type=str)
        return [self._line if s == WORD_LINE else n for s, n in zip(surfaces, ids, strict=True)]

    def _spans(
        self,
        processor: "SentencePieceProcessor",
        text: str,
        aligned: AlignedText | None,
        ids: list[int],
    ) -> list[Span]:
        normal, starts = processor.normalize(text, with_offsets=True)
        surfaces = processor.encode(text, out_type=str)
        stops = self._stops(text, starts)
        if normal.startswith(SPACE) and starts[0] == starts[1]:
            stops[0] = starts[0]  # the space that is put before a text covers nothing
        places = [place for place, letter in enumerate(normal) for _ in letter.encode()]
        spans, at = [], 0
        for number, surface in zip(ids, surfaces, strict=True):
            size = 1 if number in self._bytes else len(surface.encode())
            first, last = places[at], places[at + size - 1]
            spans.append((starts[first], stops[last]))
            at += size
        spans = trimmed(text, surfaces, spans, SPACE, self._blank)
        return spans if aligned is None else [aligned.span(*span) for span in spans]

    def _stops(self, text: str, starts: list[int]) -> list[int]:
        """Find where the source of each normalised character ends, without what was dropped."""
        stops, after = [], starts[-1]
        for place in range(len(starts) - 2, -1, -1):
            after = starts[place + 1] if starts[place + 1] > starts[place] else after
            stop = after
            while stop > starts[place] + 1 and self._blank(text[stop - 1]):
                stop -= 1
            stops.append(stop)
        return stops[::-1]

    def _blank(self, letter: str) -> bool:
        """Tell whether the normaliser makes a character a space, or drops it."""
        if letter not in self._blanks:
            self._blanks[letter] = not self._few.normalize(letter).strip(f"{SPACE} ")
        return self._blanks[letter]


def _processor(model: Model, numbers: Sequence[int] | None = None) -> "SentencePieceProcessor":
    """Make the library's model, of these pieces only if they are given."""
    import sentencepiece

    if numbers is not None:
        model = model._replace(pieces=model.pieces.take(numbers))
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(sentencepiece_model.write(model))
    return processor


def _further(tokens: Iterable[AddedToken], size: int) -> Pieces:
    """Make the pieces of the added tokens above a model's own, which find nothing in texts."""
    names = {token.id: token.content for token in tokens if token.id >= size}
    numbers = range(size, max(names, default=-1) + 1)
    return Pieces.of(
        Piece(names[n], 0.0, CONTROL) if n in names else Piece(f"<empty {n}>", 0.0, UNUSED)
        for n in numbers
    )


def _folded(text: str, *, lowercase: bool, accents: bool, quotes: bool) -> AlignedText:
    """Change a text as ALBERT does: `` and '' to ", no accents, lower case."""
    fold = character_folding(lowercase=lowercase, accents=accents, form="NFKD")
    if not quotes:
        return map_characters(text, fold)
    return map_characters(text, lambda unit: fold(unit) if len(unit) == 1 else '"', _QUOTES)


def _in_words(text: AlignedText, words: str) -> AlignedText:
    """Put spaces between words, as CPM does, its own signs standing for those in the text."""
    parts = [word.translate(_SIGNS) for word in segment(text.text, words, guess=True)]
    places: list[Span] = []
    at = 0
    for part in parts:
        places += text.spans[at : at + len(part)]
        at += len(part)
        places.append((places[-1][1], places[-1][1]))  # the space after it is not of the text
    return AlignedText(" ".join(parts), places[:-1])


def files(content: JsonObject) -> dict[str, bytes]:
    """Write spiece.model, without the extra ids that it does not have."""
    model = model_of(content)
    own = len(model.pieces) - len(SENTINELS)
    if tuple(model.pieces.names[-len(SENTINELS) :]) == SENTINELS:
        model = model._replace(pieces=model.pieces.take(range(own)))
    return {"spiece.model": sentencepiece_model.write(model)}


SENTENCEPIECE = Algorithm(
    name="SentencePiece",
    claims=lambda content: "sentencepiece" in (content["model"].get(NOTES) or {}),
    styles=STYLES,
    engine=PieceEngine,
    files=files,
    join=join,
    stem=lambda token: token.strip(SPACE),
    decoder=DECODER,
    words=True,
)
