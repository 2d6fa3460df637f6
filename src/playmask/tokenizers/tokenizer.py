"""Text to ids and back, with the place of every token in the text."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, overload

import numpy as np

from playmask.errors import InputError
from playmask.tokenizers import files, frames
from playmask.tokenizers.encoding import Encoding, Frame
from playmask.tokenizers.engine import added
from playmask.tokenizers.kinds import ROLES
from playmask.tokenizers.learn import learned
from playmask.tokenizers.registry import engine_of, style_of
from playmask.tokenizers.texts import checked
from playmask.tokenizers.windows import Fit, Truncate
from playmask.tokenizers.wordpiece import specification

Texts = list[str] | tuple[str, ...]
Ids = Sequence[int] | np.ndarray


class Tokenizer:
    """A tokenizer: `Tokenizer.load(path)`, or `Tokenizer.from_texts` for a new vocabulary.

    It never changes after it is made, so that threads may share it. What a user writes is text:
    "[SEP]" in it becomes the tokens "[", "sep", "]", never the special token.
    len(tokenizer): the ids there are, which is the number of embedding rows
    vocabulary:     the tokens in the order of their ids
    pad, unk, cls, sep, mask: the ids of the special tokens, None where there is none
    special:        the same as a dict, without the Nones
    """

    def __init__(self, content: dict, source: str | os.PathLike[str] = "the tokenizer") -> None:
        """Make a tokenizer from the content of a tokenizer.json.

        source: where it came from, for errors
        Raises: DataError if the content is of an unknown kind, or damaged
        """
        self.kind, self._engine = engine_of(content, source)
        self.vocabulary: tuple[str, ...] = self._engine.vocabulary
        self._style = style_of(self.kind, self._engine, source)
        found = {role: self.token_to_id(token) for role, token in self._style.special.items()}
        self.special = {role: number for role, number in found.items() if number is not None}
        self.pad, self.unk, self.cls, self.sep, self.mask = map(self.special.get, ROLES)
        saved = frames.read(content.get("post_processor"), self.token_to_id, source)
        head, between, end = (
            tuple(map(self.special.__getitem__, roles)) for roles in self._style.frame
        )
        own = Frame(head, between, end, self._style.second)
        self._frame = own if saved is None else saved
        self._hidden = {*self._engine.hidden, *self.special.values()} - self._engine.shown

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        lowercase: bool | None = None,
        words: Literal["jieba", False] | None = None,
    ) -> "Tokenizer":
        """Load a tokenizer from a directory or a file.

        In a directory the first of these is read: tokenizer.json, vocab.txt (WordPiece), the
        `.model` file (SentencePiece), vocab.json with merges.txt (BPE).

        lowercase: for vocab.txt and `.model`; else `do_lower_case` of the tokenizer_config.json
                   beside it, else True for vocab.txt and ALBERT, right for Chinese and for
                   "uncased" models. A cased model has to say so.
        words:     "jieba" cuts texts into words first, as WoBERT and CPM do; else as the files say
        Raises:    ConfigError if there is no such file, DataError if it is damaged
        """
        return Tokenizer(*files.read(path, lowercase, words))

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], *, size: int = 8000, minimum: int = 2, lowercase: bool = True
    ) -> "Tokenizer":
        """Learn a WordPiece vocabulary from texts, for a model that starts from nothing.

        size:    tokens at most, special ones included
        minimum: occurrences below which a character or a piece is left out
        """
        tokens = learned(texts, size=size, minimum=minimum, lowercase=lowercase)
        return Tokenizer(specification(tokens, lowercase=lowercase))

    def save(self, directory: str | os.PathLike[str], *, vocab: bool = False) -> Path:
        """Write tokenizer.json, which `tokenizers` reads too, and the original file if asked.

        vocab:   whether to write vocab.txt, spiece.model, or vocab.json and merges.txt beside it
        Returns: the directory, so that load(save(directory)) gives the tokenizer back
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        content = self._content()
        originals = self.kind.files(content) if vocab else {}
        for name, original in originals.items():
            files.write(directory / name, original)
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        files.write(directory / "tokenizer.json", text.encode())
        return directory

    def keep(self, keep_tokens: Ids) -> "Tokenizer":
        """Make the tokenizer whose id i is this one's keep_tokens[i].

        Take the rows of the embedding and of the output bias with the same list.
        Raises: InputError if an id is unknown, comes twice, or a needed special token is missing
        """
        ids = self._checked(keep_tokens)
        if len(set(ids)) < len(ids):
            twice = next(number for number in ids if ids.count(number) > 1)
            raise InputError(f"keep_tokens has id {twice} more than once; each may come once.")
        around = {number for part in self._frame[:3] for number in part}
        roles = {self.special[role] for role in self._style.needed}
        lacking = sorted({*self._engine.required, *around, *roles} - set(ids))
        if lacking:
            first, more = lacking[0], f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise InputError(
                f"keep_tokens lacks {self.vocabulary[first]} (id {first}){more}, "
                "without which the tokenizer cannot work."
            )
        new = {old: place for place, old in enumerate(ids)}
        head, between, end = (tuple(map(new.__getitem__, part)) for part in self._frame[:3])
        frame = Frame(head, between, end, self._frame.second)
        tokens = [self.vocabulary[number] for number in ids]
        content = self._engine.keep(ids)
        return Tokenizer(content | {"post_processor": frames.write(frame, tokens)})

    def support(self, keep_tokens: Iterable[int]) -> list[int]:
        """Add to ids those that are needed to come to them: bytes, and what they are merged from.

        Returns: all of them in the order of the vocabulary, for `keep`
        """
        ids = {*keep_tokens, *self.special.values()}
        ids |= {number for part in self._frame[:3] for number in part}
        return sorted(ids | self._engine.support(ids))

    @overload
    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        max_length: int | None = None,
        special: bool = True,
        truncate: Truncate = "right",
        stride: None = None,
    ) -> Encoding: ...

    @overload
    def encode(
        self,
        text: Texts,
        pair: Texts | None = None,
        *,
        max_length: int | None = None,
        special: bool = True,
        truncate: Truncate = "right",
        stride: None = None,
    ) -> list[Encoding]: ...

    @overload
    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        max_length: int,
        special: bool = True,
        stride: int,
    ) -> list[Encoding]: ...

    @overload
    def encode(
        self,
        text: Texts,
        pair: Texts | None = None,
        *,
        max_length: int,
        special: bool = True,
        stride: int,
    ) -> list[list[Encoding]]: ...

    def encode(
        self, text, pair=None, *, max_length=None, special=True, truncate="right", stride=None
    ):
        """Encode a text, or a text and its pair: for BERT, [CLS] text [SEP] pair [SEP].

        A list of texts (and of pairs, as many) gives a list, made on all cores at once.

        max_length: tokens at most, special ones included; the longer part is cut first, token by
                    token, at equal length the first part
        special:    whether to put the special tokens around the parts
        truncate:   cut at the "right" or the "left", or keep that many tokens before the cut and
                    the rest after it
        stride:     give overlapping windows instead of cutting: a list of Encodings that share
                    this many tokens with the next; over the pair if there is one (the text is
                    then whole in every window), else over the text
        Raises:     InputError if a text is not a well-formed str; ConfigError if options conflict
        """
        batch = not isinstance(text, str)
        if pair is not None and isinstance(pair, str) == batch:
            raise InputError("text and pair must both be str, or both lists of str.")
        texts = list(checked(text if batch else [text]))
        pairs = [] if pair is None else list(checked(pair if batch else [pair], "pair"))
        if pairs and len(pairs) != len(texts):
            raise InputError(
                f"got {len(texts)} texts and {len(pairs)} pairs; give as many of each."
            )
        fit = Fit(self._frame if special else Frame(), max_length, truncate, stride)
        fit.check(1 if pair is None else 2)
        pieces = self._engine.pieces(texts + pairs)
        parts = [pieces[: len(texts)]] + ([pieces[len(texts) :]] if pairs else [])
        rows = [list(row) for row in zip(*parts, strict=True)]
        encodings = [fit.row(row) if stride is None else fit.windows(row) for row in rows]
        return encodings if batch else encodings[0]

    def decode(self, ids: Ids) -> str:
        """Write ids as text, special tokens left out; what was lower-cased or [UNK] stays so.

        Raises: InputError if an id is not in the vocabulary
        """
        return self._engine.decode(n for n in self._checked(ids) if n not in self._hidden)

    @property
    def frame(self) -> Frame:
        """The ids of the special tokens around texts, and the segment of a pair."""
        return self._frame

    def tokens(self, ids: Ids) -> list[str]:
        """Name the tokens of ids, continuing pieces with their mark ("##").

        Raises: InputError if an id is not in the vocabulary
        """
        return [self.vocabulary[number] for number in self._checked(ids)]

    def token_to_id(self, token: str) -> int | None:
        """Find the id of a token; None if it is not in the vocabulary."""
        return self._engine.find(token)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer({self.kind.name}, {len(self)} tokens)"

    def __reduce__(self) -> tuple:
        return Tokenizer, (self._content(),)

    def _content(self) -> dict:
        """Describe it as a tokenizer.json, complete for other programs."""
        content = self._engine.content()
        known = {token["content"] for token in content["added_tokens"]}
        tokens = {self.vocabulary[n]: n for n in self.special.values()}
        special = added({token: n for token, n in tokens.items() if token not in known})
        return content | {
            "added_tokens": sorted(content["added_tokens"] + special, key=lambda one: one["id"]),
            "post_processor": frames.write(self._frame, self.vocabulary),
            "decoder": self.kind.decoder,
        }

    def _checked(self, ids: Ids) -> list[int]:
        try:
            numbers = np.asarray(ids)
        except ValueError:  # rows of different lengths
            numbers = np.asarray(None)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise InputError(f"ids are {ids!r:.60}; give one row of integers.")
        wrong = numbers[(numbers < 0) | (numbers >= len(self))]
        if wrong.size:
            raise InputError(f"id {wrong[0]} is not in the vocabulary of {len(self)} tokens.")
        return numbers.tolist()
