"""The tokenizer: text to ids and back, with the offsets of every token."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Never, overload

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.files import JsonObject, PathLike, write_bytes
from playmask.files.commits import committing
from playmask.garbage import searched_later
from playmask.habits import hint, hinting, unknown
from playmask.tokenizers import added_tokens, frames, vocabulary_files
from playmask.tokenizers.added_tokens import AddedToken
from playmask.tokenizers.algorithm import ROLES
from playmask.tokenizers.encoding import Encoding, Frame
from playmask.tokenizers.registry import parts_of
from playmask.tokenizers.text_checks import check_texts
from playmask.tokenizers.truncation import Truncate, Truncation
from playmask.tokenizers.wordpiece import specification
from playmask.tokenizers.wordpiece_trainer import train_wordpiece

Texts = list[str] | tuple[str, ...]
Ids = Sequence[int] | np.ndarray


class Tokenizer:
    """Tokenizer of any supported algorithm: `Tokenizer.load(path)`, or `Tokenizer.from_texts`.

    It never changes after it is made, so that threads may share it. What a user writes is text:
    "[SEP]" in it becomes the tokens "[", "sep", "]", never the special token.
    len(tokenizer): the ids there are, which is the number of embedding rows
    vocabulary:     the tokens in the order of their ids
    pad, unk, cls, sep, mask: the ids of the special tokens, None where there is none
    special:        the same as a dict, without the Nones

    Example:
        >>> tokenizer = playmask.Tokenizer.from_texts(["今天天气很好"], minimum=1)
        >>> ids = tokenizer.encode("天气很好").ids
        >>> tokenizer.tokens(ids)
        ['[CLS]', '天', '气', '很', '好', '[SEP]']
        >>> tokenizer.decode(ids)
        '天气很好'

    """

    @hinting("Tokenizer")
    def __init__(self, content: JsonObject, source: PathLike = "the tokenizer") -> None:
        """Make a tokenizer from the content of a tokenizer.json.

        source: where it came from, for errors
        Raises: DataError if the content is of an unknown algorithm, or damaged; ConfigError for a
                path, which `load` takes
        """
        if not isinstance(content, dict):
            raise ConfigError(hint("Tokenizer", content))
        self.algorithm, self._engine, self._style = parts_of(content, source)
        self.vocabulary: tuple[str, ...] = self._engine.vocabulary
        ids = {role: self.token_to_id(token) for role, token in self._style.special.items()}
        self.special = {role: number for role, number in ids.items() if number is not None}
        self.pad, self.unk, self.cls, self.sep, self.mask = map(self.special.get, ROLES)
        saved = frames.read(content.get("post_processor"), self.token_to_id, source)
        head, between, end = (
            tuple(map(self.special.__getitem__, roles)) for roles in self._style.frame
        )
        own = Frame(head, between, end, self._style.second)
        self._frame = own if saved is None else saved
        self._hidden = {*self._engine.hidden, *self.special.values()} - self._engine.textual

    @classmethod
    @hinting("Tokenizer.load")
    def load(
        cls,
        path: PathLike,
        *,
        lowercase: bool | None = None,
        words: Literal["jieba", False] | None = None,
        markers: Sequence[str] = (),
    ) -> "Tokenizer":
        """Load a tokenizer from a directory or a file.

        In a directory the first of these is read: tokenizer.json, vocab.txt (WordPiece), the
        `.model` file (SentencePiece), vocab.json with merges.txt (BPE). What files beside it add
        (added_tokens.json, tokenizer_config.json, special_tokens_map.json) is added.

        lowercase: for vocab.txt and `.model`; else `do_lower_case` of the tokenizer_config.json
                   beside it, else True for vocab.txt and ALBERT, right for Chinese and for
                   "uncased" models. A cased model has to say so.
        words:     "jieba" cuts texts into words first, as WoBERT and CPM do; else as the files say
        markers:   special tokens that texts may have, such as those around entities: "[E1]" in
                   a text is then that token. Added tokens that are not special always are.
        Raises:    ConfigError if there is no such file or marker, DataError if one is damaged, or
                   two of them say different things
        """
        with searched_later():
            return Tokenizer(*vocabulary_files.read(path, lowercase, words, markers))

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], *, size: int = 8000, minimum: int = 2, lowercase: bool = True
    ) -> "Tokenizer":
        """Learn a WordPiece vocabulary from texts, for a model that starts from nothing.

        size:    tokens at most, special ones included
        minimum: occurrences below which a character or a piece is left out
        """
        tokens = train_wordpiece(texts, size=size, minimum=minimum, lowercase=lowercase)
        return Tokenizer(specification(tokens, lowercase=lowercase))

    def save(self, directory: PathLike, *, vocab: bool = False) -> Path:
        """Write tokenizer.json, which `tokenizers` reads too, and the original file if asked.

        vocab:   whether to write vocab.txt, spiece.model, or vocab.json and merges.txt beside it,
                 and what these lack into added_tokens.json and tokenizer_config.json
        Returns: the directory, so that load(save(directory)) gives the tokenizer back
        """
        directory = Path(directory)
        content = self._content()
        originals = self.algorithm.files(content) if vocab else {}
        engine = self._engine
        reachable = frozenset(added_tokens.reachable(engine.added, engine.notes))
        beside = [one for one in engine.added if one.id in engine.outside or one in reachable]
        with committing(directory, manifest=False) as staging:
            for name, original in originals.items():
                write_bytes(staging / name, original)
            added_tokens.write_beside(staging, beside, always=bool(originals))
            write_bytes(staging / "tokenizer.json", vocabulary_files.as_json(content))
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

    def extend(self, tokens: Mapping[str, int] | Sequence[str]) -> "Tokenizer":
        """Make the tokenizer with further tokens, which texts have wherever they are written.

        tokens: a list, numbered from len(self) on, or token -> id
        Raises: ConfigError if one is no text, or is in the vocabulary already
        """
        texts = [tokens] if isinstance(tokens, str) else [*tokens]
        if isinstance(tokens, str) or not all(isinstance(token, str) for token in texts):
            raise ConfigError(f"tokens is {tokens!r:.60}; give a list of them, such as ['[E1]'].")
        if not isinstance(tokens, Mapping):
            tokens = dict(zip(texts, count(len(self)), strict=False))
        for token, occurrences in Counter(texts).items():
            if self.token_to_id(token) is not None or occurrences > 1:
                raise ConfigError(f"{token!r:.60} is in the vocabulary already, or comes twice.")
        rows = [
            AddedToken(token, number, normalized=True, special=False).json()
            for token, number in tokens.items()
        ]
        content = self._content()
        return Tokenizer(content | {"added_tokens": [*content["added_tokens"], *rows]})

    def support(self, keep_tokens: Iterable[int]) -> list[int]:
        """Complete ids by those they are reached through: bytes, and what they are merged from.

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

    @hinting("Tokenizer.encode")
    def encode(
        self,
        text: str | Texts,
        pair: str | Texts | None = None,
        *,
        max_length: int | None = None,
        special: bool = True,
        truncate: Truncate = "right",
        stride: int | None = None,
    ) -> Encoding | list[Encoding] | list[list[Encoding]]:
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
        texts, pairs = _checked_texts(text, pair)
        frame = self._frame if special else Frame()
        truncation = Truncation(frame, max_length, truncate, stride)
        truncation.check(1 if pair is None else 2)
        tokenized = self._engine.tokenize(texts + pairs)
        parts = [tokenized[: len(texts)]] + ([tokenized[len(texts) :]] if pairs else [])
        rows = [list(row) for row in zip(*parts, strict=True)]
        if stride is None:
            encodings = [truncation.row(row) for row in rows]
            return encodings[0] if isinstance(text, str) else encodings
        windows = [truncation.windows(row) for row in rows]
        return windows[0] if isinstance(text, str) else windows

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
        """Look up the id of a token; None if it is not in the vocabulary."""
        return self._engine.find(token)

    def __len__(self) -> int:
        return len(self.vocabulary)

    if not TYPE_CHECKING:  # an editor knows what is there

        def __getattr__(self, name: str) -> Never:
            raise unknown("A Tokenizer", name)

    def __repr__(self) -> str:
        return f"Tokenizer({self.algorithm.name}, {len(self)} tokens)"

    def __reduce__(self) -> tuple[object, ...]:
        return Tokenizer, (self._content(),)

    def _content(self) -> JsonObject:
        """Describe it as a tokenizer.json, complete for other programs."""
        content = self._engine.content()
        tokens = {
            number: AddedToken(self.vocabulary[number], number) for number in self.special.values()
        }
        tokens |= {token.id: token for token in self._engine.added}
        return content | {
            "added_tokens": [tokens[number].json() for number in sorted(tokens)],
            "post_processor": frames.write(self._frame, self.vocabulary),
            "decoder": self.algorithm.decoder,
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
        result: list[int] = numbers.tolist()
        return result


def _checked_texts(text: str | Texts, pair: str | Texts | None) -> tuple[list[str], list[str]]:
    """The texts and the pairs of a call as lists; refuses what is no text, or not as many."""
    batch = not isinstance(text, str)
    if pair is not None and isinstance(pair, str) == batch:
        raise InputError("text and pair must both be str, or both lists of str.")
    texts = list(check_texts([text] if isinstance(text, str) else text))
    if pair is None:
        return texts, []
    pairs = list(check_texts([pair] if isinstance(pair, str) else pair, "pair"))
    if pairs and len(pairs) != len(texts):
        raise InputError(f"got {len(texts)} texts and {len(pairs)} pairs; give as many of each.")
    return texts, pairs
