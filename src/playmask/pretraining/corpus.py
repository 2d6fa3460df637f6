"""A tokenised corpus: all documents end to end, in arrays that may lie on disk."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from playmask.errors import DataError
from playmask.files import make_directory, read_json, write_json, writing
from playmask.pretraining.documents import corpus_files
from playmask.pretraining.tokenization import Array, CorpusTokenizer, TokenizedGroup
from playmask.pretraining.workers import tokenized_groups
from playmask.runtime.peer_processes import agree, first_goes_ahead

TOKENS, FLAGS, OFFSETS, DESCRIPTION = "tokens.bin", "flags.bin", "offsets.bin", "corpus.json"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Corpus:
    """The tokens of documents, end to end.

    fingerprint: a hash of all of it, by which a resumed training knows its data
    Shapes: tokens int (N,), flags uint8 (N,), see `tokenization.py`; offsets int64 (documents + 1,)
    """

    tokens: Array
    flags: Array
    offsets: Array
    fingerprint: str

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return len(self.offsets) - 1

    @classmethod
    def of(cls, groups: Iterable[TokenizedGroup]) -> "Corpus":
        """A corpus that is held in memory.

        Raises: DataError where there is no token
        """
        parts = [*groups]
        tokens, flags, sizes, continues = (
            np.concatenate([np.zeros(0, "int64"), *(part[i] for part in parts)]) for i in range(4)
        )
        digest = hashlib.sha256()
        for part in parts:
            _hash(digest, part)
        offsets = _offsets(sizes, continues)
        corpus = cls(tokens.astype("int32"), flags.astype("uint8"), offsets, _hex(digest))
        return corpus.checked("The texts")

    @classmethod
    def open(cls, folder: Path) -> "Corpus":
        """A corpus on disk, of which the parts in use are in memory."""
        said = read_json(folder / DESCRIPTION)
        arrays = [
            np.memmap(folder / name, dtype, "r")
            for name, dtype in ((TOKENS, said["dtype"]), (FLAGS, "uint8"), (OFFSETS, "int64"))
        ]
        return cls(arrays[0], arrays[1], arrays[2], said["fingerprint"])

    def checked(self, source: object) -> "Corpus":
        """The corpus itself, which holds a token at least.

        Raises: DataError
        """
        if not len(self.tokens):
            raise DataError(f"{source}: There is no document with a token.")
        return self


def corpus_of(
    texts: Any, tokenize: CorpusTokenizer, *, folder: Path | None = None, workers: int = 0
) -> Corpus:
    """The tokenised corpus of files and folders, or of a list of documents.

    texts: a path, a list of paths, or a list of documents; folder: where it is kept, and found
    again where files, tokenizer and words are the same; None: it is held in memory. Of several
    processes the first tokenises into it, the others wait.
    Raises: DataError for a bad line, and where there is no text
    """
    source, files = _source(texts)
    key = _key(source, tokenize) if files else {}
    groups = tokenized_groups(source, tokenize, workers=workers)
    if folder is None or not files:
        return Corpus.of(groups)
    agree("the texts", json.dumps(key, sort_keys=True))
    with first_goes_ahead("tokenising"):
        if _key_of(folder) != key:
            with _replacing(folder) as beside:
                _write(beside, groups, len(tokenize.tokenizer), key)
                Corpus.open(beside).checked(", ".join(map(str, source[:3])))
    return Corpus.open(folder)


def _source(texts: Any) -> tuple[Sequence[Any], bool]:
    """Files, or documents as they are; and which of the two."""
    if isinstance(texts, (str, Path)):
        texts = [Path(texts)]
    texts = [*texts]
    if texts and all(isinstance(each, Path) for each in texts):
        return corpus_files(texts), True
    odd = next((each for each in texts if not isinstance(each, str)), None)
    if odd is not None or not texts:
        raise DataError(f"Texts are paths (Path), or a list of strings; {odd!r:.60} came.")
    return texts, False


def _key(files: Sequence[Path], tokenize: CorpusTokenizer) -> dict[str, Any]:
    """What a tokenised corpus depends on, as JSON has it."""
    content = json.dumps(tokenize.tokenizer.__reduce__()[1], sort_keys=True, default=str)
    states = [(str(file.resolve()), file.stat()) for file in files]
    return {
        "format": FORMAT,
        "files": [[name, state.st_size, state.st_mtime_ns] for name, state in states],
        "tokenizer": hashlib.sha256(content.encode()).hexdigest(),
        "words": tokenize.words,
    }


def _key_of(folder: Path) -> Any:
    """What the tokenised corpus in a folder depends on; None where there is none."""
    file = folder / DESCRIPTION
    return read_json(file).get("key") if file.is_file() else None


def _write(
    folder: Path, groups: Iterable[TokenizedGroup], vocabulary: int, key: dict[str, Any]
) -> None:
    dtype = "uint16" if vocabulary <= 1 << 16 else "uint32"
    digest, sizes = hashlib.sha256(), [np.zeros(0, "int64")]
    continues = [np.zeros(0, bool)]
    with (folder / TOKENS).open("wb") as tokens, (folder / FLAGS).open("wb") as flags:
        for group in groups:
            tokens.write(group.tokens.astype(dtype).tobytes())
            flags.write(group.flags.tobytes())
            sizes.append(group.sizes)
            continues.append(group.continues)
            _hash(digest, group)
    offsets = _offsets(np.concatenate(sizes), np.concatenate(continues))
    if not offsets[-1]:
        raise DataError(f"{key['files'][0][0]}: There is no document with a token.")
    (folder / OFFSETS).write_bytes(offsets.tobytes())
    said = {"fingerprint": _hex(digest), "dtype": dtype, "documents": len(offsets) - 1}
    write_json(folder / DESCRIPTION, {**said, "tokens": int(offsets[-1]), "key": key})


@contextmanager
def _replacing(folder: Path) -> Any:
    """A folder beside, which takes the place of one when it is whole."""
    make_directory(folder.parent)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    with writing(folder):
        beside.mkdir()
    try:
        with writing(folder):
            yield beside
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _offsets(sizes: npt.NDArray[Any], continues: npt.NDArray[Any]) -> Array:
    """Where documents begin, and where the last one ends, by the sizes of their parts."""
    begins = np.cumsum(sizes) - sizes
    return np.append(begins[continues == 0], sizes.sum()).astype("int64")


def _hash(digest: Any, group: TokenizedGroup) -> None:
    for array, dtype in zip(group, ("<i4", "u1", "<i8", "u1"), strict=True):
        digest.update(np.ascontiguousarray(array.astype(dtype)).tobytes())


def _hex(digest: Any) -> str:
    return str(digest.hexdigest())
