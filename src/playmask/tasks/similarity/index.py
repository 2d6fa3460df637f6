"""Searching a file of sentences for those similar to a text: an index of their vectors."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from playmask.errors import CheckpointError, ConfigError, InputError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import committing, recover
from playmask.tasks.texts import texts_of

SENTENCES, VECTORS = "sentences.json", "vectors.usearch"
SAME = 0.99  # the least cosine of a sentence's vector with the one an encoder made of it before


class Encoder(Protocol):
    """What makes a vector of each text: float32 (texts, D)."""

    def encode(
        self, texts: Sequence[str], *, prompt: str | None = None, size: int | None = None
    ) -> np.ndarray:
        """The vectors of texts; `prompt` and `size` are said where somebody has named them."""


class Found(NamedTuple):
    """A sentence of an index, and the cosine of its vector with the text's."""

    sentence: str
    score: float


class SentenceIndex:
    """Nearest-neighbour search of sentences by the cosine of their vectors (HNSW, by usearch).

    `of` makes an index, `search` asks it, `save` and `load` keep it in a directory.
    Raises:  ConfigError where usearch is not installed

    Example:
        >>> encoder = SentenceEncoder.new(model, max_length=16, language_model=0)
        >>> index = SentenceIndex.of(encoder, ["花呗怎么还款？", "今天下雨"])
        >>> [(match.sentence, round(match.score, 4)) for match in index.search("今天下雨", n=1)]
        [('今天下雨', 1.0)]

    """

    def __init__(
        self,
        encoder: Encoder,
        sentences: list[str],
        vectors: Any,
        prompt: str | None = None,
        size: int | None = None,
    ) -> None:
        self.encoder, self.sentences, self.vectors = encoder, sentences, vectors
        self.prompt, self.size = prompt, size

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        sentences: Sequence[str],
        prompt: str | None = None,
        size: int | None = None,
    ) -> Self:
        """Make vectors of sentences, and an index of those.

        prompt: the name of the encoder's prompt that the sentences are encoded with; size: what all
        vectors are cut to
        Raises: InputError where there is no sentence, or an empty one
        """
        sentences = texts_of(list(sentences))
        if not sentences:
            raise InputError("There are no sentences; an index needs one at least.")
        index = _library()
        vectors = _encoded(encoder, sentences, prompt, size)
        vectors_index = index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        vectors_index.add(np.arange(len(vectors)), vectors)
        return cls(encoder, sentences, vectors_index, prompt, size)

    def __len__(self) -> int:
        return len(self.sentences)

    def search(
        self, texts: Any, n: int = 10, *, exact: bool = False, prompt: str | None = None
    ) -> Any:
        """The n sentences most similar to a text, the best first; or those to each of a list.

        exact: compare with all sentences, which takes longer and misses none; prompt: the name of
        the encoder's prompt that the texts are encoded with
        """
        if n < 1:
            raise InputError(f"n is {n}; one sentence at least is to be found.")
        several = texts_of(texts)
        if not several:
            return []
        count = min(n, len(self))
        vectors = _encoded(self.encoder, several, prompt, self.size)
        matches = self.vectors.search(vectors, count, exact=exact)
        shape = len(several), count
        keys, distances = np.reshape(matches.keys, shape), np.reshape(matches.distances, shape)
        answers = [
            [Found(self.sentences[int(k)], 1 - float(d)) for k, d in zip(*row, strict=True)]
            for row in zip(keys, distances, strict=True)
        ]
        return answers[0] if isinstance(texts, str) else answers

    def save(self, directory: str | Path) -> Path:
        """Save into a directory: sentences.json and vectors.usearch, both replaced at once."""
        directory = Path(directory)
        with committing(directory) as staging:
            _write(self.vectors, staging / VECTORS)
            prompt = {} if self.prompt is None else {"prompt": self.prompt}
            size = {} if self.size is None else {"size": self.size}
            content = {"format": 1, "sentences": self.sentences, **prompt, **size}
            write_json(staging / SENTENCES, content)
        return directory

    @classmethod
    def load(cls, directory: str | Path, encoder: Encoder) -> Self:
        """Load what `save` wrote, with the encoder that made the vectors.

        Raises: CheckpointError where there is none, or another encoder made it
        """
        directory = Path(directory)
        recover(directory)
        if not (directory / SENTENCES).is_file():
            raise CheckpointError(f"There is no index in {directory}: it has no {SENTENCES}.")
        if (directory / VECTORS).is_file():
            read_manifest(directory).verify([SENTENCES, VECTORS])
        content = read_json(directory / SENTENCES)
        sentences, prompt = content.get("sentences") or [], content.get("prompt")
        size = content.get("size")
        vectors = _library().restore(str(directory / VECTORS))
        if not sentences or vectors is None or len(vectors) != len(sentences):
            raise CheckpointError(
                f"{directory} holds no whole index: {VECTORS} has not the vectors of {SENTENCES}."
            )
        (known,) = _encoded(encoder, sentences[:1], prompt, size)
        stored = vectors.get(0)
        if stored.shape != known.shape or float(stored @ known) < SAME:
            raise CheckpointError(
                f"The index in {directory} was made by another encoder, or before more training; "
                "make it anew."
            )
        return cls(encoder, sentences, vectors, prompt, size)


def normalized(vectors: np.ndarray) -> np.ndarray:
    """Vectors of the length 1, whose products are cosines; one of zeros stays so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _encoded(
    encoder: Encoder, texts: Sequence[str], prompt: str | None, size: int | None
) -> np.ndarray:
    """The vectors of texts behind a prompt, of a size and of the length 1."""
    options: dict[str, Any] = {"prompt": prompt, "size": size}
    options = {name: value for name, value in options.items() if value is not None}
    return normalized(encoder.encode(texts, **options))


def _write(vectors: Any, file: Path) -> None:
    """Write an index of usearch, which reports a full disk as an error without a name."""
    try:
        vectors.save(str(file))
    except RuntimeError as error:
        raise OSError(errno.EIO, str(error), str(file)) from error


def _library() -> Any:
    """The index of usearch."""
    try:
        from usearch.index import Index
    except ImportError:
        raise ConfigError(
            "An index needs the library usearch: pip install 'playmask[search]'."
        ) from None
    return Index
