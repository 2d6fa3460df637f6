"""Reading and writing a tokenizer's files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from playmask.errors import ConfigError, DataError
from playmask.files import JsonObject, PathLike
from playmask.files.checksums import read_manifest
from playmask.files.commits import recover
from playmask.tokenizers import bpe, fairseq, sentencepiece_model, wordpiece
from playmask.tokenizers.added_tokens import (
    BESIDE,
    CONFIG,
    MAP,
    NOTES,
    ids_of,
    read_beside,
    with_markers,
)
from playmask.tokenizers.content_checks import check_ids, checked
from playmask.tokenizers.file_contents import read_content, read_json_object
from playmask.tokenizers.pieces import Pieces
from playmask.tokenizers.sentencepiece_json import specification
from playmask.tokenizers.sentencepiece_styles import ALBERT, style_of, with_extra_ids

MODELS = ("spiece.model", "sentencepiece.model", "chinese_vocab.model")
NAMES = ("tokenizer.json", "vocab.txt", *MODELS, "*.model", "vocab.json")  # the first one is read
READABLE = (
    "tokenizer.json, vocab.txt, spiece.model (or another .model), or vocab.json with merges.txt"
)
PARTS = (*NAMES, "merges.txt", BESIDE, MAP, CONFIG)
"""Patterns of the names of a tokenizer's files."""

BY_WORDS = {  # tokenizer_class of tokenizer_config.json -> words
    "RoFormerTokenizer": "jieba",
    "RoFormerTokenizerFast": "jieba",
    "T5PegasusTokenizer": "jieba",
    "CpmTokenizer": "jieba",
    "CpmTokenizerFast": "jieba",
}
FLAGS = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "keep_accents",
    "add_prefix_space",
)


def present(directory: PathLike) -> bool:
    """Tell whether a tokenizer lies in a directory."""
    directory = Path(directory)
    return directory.is_dir() and _choose(directory) is not None


def read(
    path: PathLike,
    lowercase: bool | None = None,
    cut: Literal["jieba", False] | None = None,
    markers: Sequence[str] = (),
) -> tuple[JsonObject, Path]:
    """Read a tokenizer as the content of a tokenizer.json, from a directory or one of its files.

    Returns: the content, and the file it came from
    Raises:  ConfigError if there is no such file; DataError naming file and line if it is damaged;
             CheckpointError if it is not what was saved with the files beside it
    """
    path = Path(path)
    try:
        recover(path if path.is_dir() else path.parent)
    except OSError as error:  # such as a name that is too long
        raise ConfigError(f"{str(path)[:200]} cannot be read: {error.strerror}.") from None
    file = _find(path)
    manifest = read_manifest(file.parent)
    manifest.verify(manifest.among(PARTS))
    reader = READERS.get(file.suffix)
    if reader is None:
        raise ConfigError(f"{file} is not a tokenizer file; give {READABLE}.")
    config = _config(file)
    content = reader(file, lowercase, config)
    declared = read_beside(file.parent)
    content = checked(content, file, declared)
    roles = {"roles": declared.roles} if declared.roles else {}
    model = content["model"]
    names, unknown = ids_of(model), declared.roles.get("unk")
    named = model["type"] != "Unigram"  # which has the id of its unknown token
    if named and model.get("unk_token") not in names and unknown in names:
        model["unk_token"] = unknown
    notes = roles | (model.get(NOTES) or {})
    segmenter = BY_WORDS.get(str(config.get("tokenizer_class"))) if cut is None else cut
    if cut is not None or "words" not in notes:
        notes["words"] = segmenter or None
    model[NOTES] = notes
    return (with_markers(content, markers, file) if markers else content), file


def as_json(content: JsonObject) -> bytes:
    """Write the content of a tokenizer.json."""
    text = json.dumps(content, ensure_ascii=False, indent=1, default=Pieces.rows)
    return f"{text}\n".encode()


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a directory with {READABLE}.")
    file = _choose(path)
    if file is not None:
        return file
    names = sorted(entry.name for entry in path.iterdir())
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    raise ConfigError(f"{path} has no {READABLE}; it holds {listed or 'nothing'}.")


def _choose(directory: Path) -> Path | None:
    """Choose the file to read; of several unnamed `.model` files none is the tokenizer's."""
    for name in NAMES:
        files = [file for file in directory.glob(name) if file.is_file()]
        if name == "vocab.json" and not (directory / "merges.txt").is_file():
            continue
        if len(files) == 1:
            return files[0]
    return None


def _config(file: Path) -> dict[str, Any]:
    """Read the tokenizer_config.json beside a tokenizer's file, empty where there is none."""
    beside = file.with_name(CONFIG)
    config = read_json_object(beside) if beside.is_file() else {}
    if file.name == NAMES[0]:  # it says all this itself
        return config
    for key in FLAGS:
        if not isinstance(config.get(key), bool | None):
            raise DataError(f"{beside}: {key} is {config[key]!r}; it must be true, false or null.")
    extra = config.get("extra_ids")
    if extra is not None and (type(extra) is not int or not 0 <= extra <= 100):
        raise DataError(f"{beside}: extra_ids is {extra!r}; it must be a number from 0 to 100.")
    return config


def _read_json(path: Path, lowercase: bool | None, config: JsonObject) -> dict[str, Any]:
    """Read tokenizer.json, or vocab.json with the merges.txt beside it."""
    beside = path.with_name("merges.txt")
    content = read_json_object(path)
    pair = "model" not in content and beside.is_file()
    if lowercase is not None:
        raise ConfigError(
            f"lowercase={lowercase} was given, but {path} says itself what is lower-cased; "
            "leave it out, or load vocab.txt."
        )
    if not pair:
        return content
    check_ids(content, str(path))
    merges = bpe.read_merges(beside, content)
    words = bpe.WORDS.get(str(config.get("tokenizer_class")))
    space = bool(config.get("add_prefix_space"))
    return bpe.specification(content, merges, prefix_space=space, words=words)


def _read_txt(path: Path, lowercase: bool | None, config: JsonObject) -> dict[str, Any]:
    """Read BERT's vocab.txt, or merges.txt with the vocab.json beside it."""
    if path.name == "merges.txt":
        return _read_json(path.with_name("vocab.json"), lowercase, config)
    if lowercase is None:
        lowercase = config.get("do_lower_case")
    return wordpiece.specification(
        wordpiece.read_lines(path),
        lowercase=lowercase is not False,
        strip_accents=config.get("strip_accents"),
        ideographs=config.get("tokenize_chinese_chars") is not False,
    )


def _read_model(path: Path, lowercase: bool | None, config: JsonObject) -> dict[str, Any]:
    """Read a SentencePiece model, changed as its family and its configuration say."""
    content = read_content(path)
    try:
        model = sentencepiece_model.read(content)
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} is not a whole SentencePiece model: {error}.") from None
    if model.type not in (sentencepiece_model.UNIGRAM, sentencepiece_model.BPE):
        raise DataError(f"{path} is of model type {model.type}; playmask reads Unigram and BPE.")
    beside = path.with_name("config.json")
    model_type = read_json_object(beside).get("model_type") if beside.is_file() else None
    model = fairseq.renumbered(model, path, config, model_type)
    style = style_of(model)
    model = with_extra_ids(model, style, config.get("extra_ids"))
    albert = style is ALBERT
    if lowercase is None:
        lowercase = config.get("do_lower_case")
    lowercase = albert if lowercase is None else lowercase
    accents = config.get("keep_accents")
    fold = {
        "lowercase": lowercase,
        "accents": not albert if accents is None else accents,
        "quotes": albert,
    }
    changes = lowercase or albert or not fold["accents"]
    return specification(model, {"fold": fold} if changes else {})


READERS: dict[str, Callable[[Path, bool | None, JsonObject], JsonObject]] = {
    ".json": _read_json,
    ".txt": _read_txt,
    ".model": _read_model,
}
