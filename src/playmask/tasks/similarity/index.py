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
    """What makes a vector of each text: float32 (texts, D), each of the length 1."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of texts."""


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

    def __init__(self, encoder: Encoder, sentences: list[str], vectors: Any) -> None:
        self.encoder, self.sentences, self.vectors = encoder, sentences, vectors

    @classmethod
    def of(cls, encoder: Encoder, sentences: Sequence[str]) -> Self:
        """Make vectors of sentences, and an index of those.

        Raises: InputError where there is no sentence, or an empty one
        """
        sentences = texts_of(list(sentences))
        if not sentences:
            raise InputError("There are no sentences; an index needs one at least.")
        index = _library()
        vectors = encoder.encode(sentences)
        vectors_index = index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        vectors_index.add(np.arange(len(vectors)), vectors)
        return cls(encoder, sentences, vectors_index)

    def __len__(self) -> int:
        return len(self.sentences)

    def search(self, texts: Any, n: int = 10, *, exact: bool = False) -> Any:
        """The n sentences most similar to a text, the best first; or those to each of a list.

        exact: compare with all sentences, which takes longer and misses none
        """
        if n < 1:
            raise InputError(f"n is {n}; one sentence at least is to be found.")
        several = texts_of(texts)
        if not several:
            return []
        count = min(n, len(self))
        matches = self.vectors.search(self.encoder.encode(several), count, exact=exact)
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
            write_json(staging / SENTENCES, {"format": 1, "sentences": self.sentences})
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
        sentences = read_json(directory / SENTENCES).get("sentences") or []
        vectors = _library().restore(str(directory / VECTORS))
        if not sentences or vectors is None or len(vectors) != len(sentences):
            raise CheckpointError(
                f"{directory} holds no whole index: {VECTORS} has not the vectors of {SENTENCES}."
            )
        (known,) = encoder.encode(sentences[:1])
        stored = vectors.get(0)
        if stored.shape != known.shape or float(stored @ known) < SAME:
            raise CheckpointError(
                f"The index in {directory} was made by another encoder, or before more training; "
                "make it anew."
            )
        return cls(encoder, sentences, vectors)


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
