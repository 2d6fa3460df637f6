"""Reading and writing a tokenizer's files."""

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from playmask.errors import ConfigError, DataError
from playmask.tokenizers import bpe, model_file, sentencepiece, wordpiece
from playmask.tokenizers.engine import NOTES
from playmask.tokenizers.model_json import specification

MODELS = ("spiece.model", "sentencepiece.model", "chinese_vocab.model")
NAMES = ("tokenizer.json", "vocab.txt", *MODELS, "*.model", "vocab.json")  # the first one is read
SHOWN = "tokenizer.json, vocab.txt, spiece.model (or another .model), or vocab.json with merges.txt"
CONFIG = "tokenizer_config.json"
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


def present(directory: str | os.PathLike[str]) -> bool:
    """Tell whether a tokenizer lies in a directory."""
    directory = Path(directory)
    return directory.is_dir() and _choose(directory) is not None


def read(
    path: str | os.PathLike[str],
    lowercase: bool | None = None,
    cut: Literal["jieba", False] | None = None,
) -> tuple[dict, Path]:
    """Read a tokenizer as the content of a tokenizer.json, from a directory or one of its files.

    Returns: the content, and the file it came from
    Raises:  ConfigError if there is no such file; DataError naming file and line if it is damaged
    """
    file = _find(Path(path))
    reader = READERS.get(file.suffix)
    if reader is None:
        raise ConfigError(f"{file} is not a tokenizer file; give {SHOWN}.")
    config = _config(file)
    content = reader(file, lowercase, config)
    model = content.get("model")
    if isinstance(model, dict):
        notes = model.get(NOTES) or {}
        given = BY_WORDS.get(str(config.get("tokenizer_class"))) if cut is None else cut
        if cut is not None or "words" not in notes:
            model[NOTES] = notes | {"words": given or None}
    return content, file


def write(path: Path, content: bytes) -> None:
    """Write a file in one step: readers see the old content or the new, never a part."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a directory with {SHOWN}.")
    file = _choose(path)
    if file is not None:
        return file
    found = sorted(entry.name for entry in path.iterdir())
    listed = ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
    raise ConfigError(f"{path} has no {SHOWN}; it holds {listed or 'nothing'}.")


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
    config = _json(beside) if beside.is_file() else {}
    if file.name == NAMES[0]:  # it says all this itself
        return config
    for key in FLAGS:
        if not isinstance(config.get(key), bool | None):
            raise DataError(f"{beside}: {key} is {config[key]!r}; it must be true, false or null.")
    extra = config.get("extra_ids")
    if extra is not None and (type(extra) is not int or not 0 <= extra <= 100):
        raise DataError(f"{beside}: extra_ids is {extra!r}; it must be a number from 0 to 100.")
    return config


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}; it must be a JSON object.")
    return content


def _read_json(path: Path, lowercase: bool | None, config: dict) -> dict[str, Any]:
    """Read tokenizer.json, or vocab.json with the merges.txt beside it."""
    beside = path.with_name("merges.txt")
    content = _json(path)
    pair = "model" not in content and beside.is_file()
    if lowercase is not None:
        raise ConfigError(
            f"lowercase={lowercase} was given, but {path} says itself what is lower-cased; "
            "leave it out, or load vocab.txt."
        )
    if not pair:
        return content
    vocab = bpe.checked_vocab(content, path)
    merges = bpe.read_merges(beside, vocab)
    return bpe.specification(vocab, merges, prefix_space=bool(config.get("add_prefix_space")))


def _read_txt(path: Path, lowercase: bool | None, config: dict) -> dict[str, Any]:
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


def _read_model(path: Path, lowercase: bool | None, config: dict) -> dict[str, Any]:
    """Read a SentencePiece model, changed as its family and its configuration say."""
    try:
        model = model_file.read(path.read_bytes())
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} is not a whole SentencePiece model: {error}.") from None
    if model.type not in (model_file.UNIGRAM, model_file.BPE):
        raise DataError(f"{path} is of model type {model.type}; playmask reads Unigram and BPE.")
    style = sentencepiece.style_of(model)
    model = sentencepiece.with_extra_ids(model, style, config.get("extra_ids"))
    albert = style is sentencepiece.ALBERT
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


READERS: dict[str, Callable[[Path, bool | None, dict], dict]] = {
    ".json": _read_json,
    ".txt": _read_txt,
    ".model": _read_model,
}
