"""Text to ids and back, with the place of every token in the text."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from playmask.errors import DataError, InputError
from playmask.tokenizers import engine, files
from playmask.tokenizers.encoding import Encoding, Frame, Pieces
from playmask.tokenizers.kinds import ROLES, Kind
from playmask.tokenizers.learn import learned
from playmask.tokenizers.texts import checked
from playmask.tokenizers.windows import Fit, Truncate
from playmask.tokenizers.wordpiece import UNREACHABLE, WORDPIECE, specification

KINDS: dict[str, Kind] = {"WordPiece": WORDPIECE}
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
        model = content.get("model") or {}
        if model.get("type") not in KINDS or not isinstance(model.get("vocab"), dict):
            raise DataError(
                f"{source} has a model of type {model.get('type')!r}; "
                f"playmask reads {', '.join(KINDS)}."
            )
        self.kind = KINDS[model["type"]]
        self._engine = engine.make(content, self.kind, source)
        names = self._engine.get_vocab()
        ids = sorted(names, key=names.__getitem__)
        self.vocabulary = tuple(name.partition(UNREACHABLE)[0] for name in ids)
        special = self.kind.special
        self.special = {role: names[token] for role, token in special.items() if token in names}
        missing = [special[role] for role in self.kind.needed if role not in self.special]
        if missing:
            raise DataError(
                f"{source} has {len(ids)} tokens but not {', '.join(missing)}; add a line for each."
            )
        self.pad, self.unk, self.cls, self.sep, self.mask = map(self.special.get, ROLES)
        self._frame = Frame(*(tuple(map(self.special.__getitem__, r)) for r in self.kind.frame))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, lowercase: bool | None = None) -> "Tokenizer":
        """Load a tokenizer from a directory or a file: tokenizer.json, else BERT's vocab.txt.

        lowercase: for vocab.txt; else `do_lower_case` of the tokenizer_config.json beside it, else
                   True, right for Chinese and for "uncased" models. A cased model has to say so.
        Raises:    ConfigError if there is no such file, DataError if it is damaged
        """
        return Tokenizer(*files.read(path, lowercase))

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
        """Write tokenizer.json, which `tokenizers` reads too, and vocab.txt if asked.

        Returns: the directory, so that load(save(directory)) gives the tokenizer back
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        if vocab:
            files.write(directory / "vocab.txt", "".join(f"{t}\n" for t in self.vocabulary))
        files.write(directory / "tokenizer.json", engine.portable(self._engine, self.kind))
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
        for role in self.kind.needed:
            if self.special[role] not in ids:
                raise InputError(
                    f"keep_tokens lacks {self.kind.special[role]} (id {self.special[role]}), "
                    "without which the tokenizer cannot work."
                )
        return Tokenizer(engine.keep(self._engine, self.kind, ids))

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
        """Encode a text, or a text and its pair: [CLS] text [SEP] pair [SEP].

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
        pieces = self._pieces(texts + pairs)
        parts = [pieces[: len(texts)]] + ([pieces[len(texts) :]] if pairs else [])
        rows = [list(row) for row in zip(*parts, strict=True)]
        encodings = [fit.row(row) if stride is None else fit.windows(row) for row in rows]
        return encodings if batch else encodings[0]

    def decode(self, ids: Ids) -> str:
        """Write ids as text, special tokens left out; what was lower-cased or [UNK] stays so.

        Raises: InputError if an id is not in the vocabulary
        """
        return self.kind.join(self.tokens(ids))

    def tokens(self, ids: Ids) -> list[str]:
        """Name the tokens of ids, continuing pieces with their mark ("##").

        Raises: InputError if an id is not in the vocabulary
        """
        return [self.vocabulary[number] for number in self._checked(ids)]

    def token_to_id(self, token: str) -> int | None:
        """Find the id of a token; None if it is not in the vocabulary."""
        return self._engine.token_to_id(token)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer({self.kind.name}, {len(self)} tokens)"

    def _pieces(self, texts: list[str]) -> list[Pieces]:
        if len(texts) == 1:  # one text alone is not worth waking other threads for
            return [Pieces(self._engine.encode(texts[0], add_special_tokens=False))]
        return [*map(Pieces, self._engine.encode_batch(texts, add_special_tokens=False))]

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
