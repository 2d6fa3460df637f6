"""Byte-pair encoding (BPE) from vocab.json and merges.txt: over bytes, or over letters.

GPT-2 and RoBERTa work over bytes, OpenAI GPT over letters, with "</w>" at the end of words.

Over bytes every byte has a printable letter of its own and a space is the letter "Ġ", so that any
text can be written. A character may be cut into several tokens; each of them has its span.
The one over letters differs from the original GPT, which cut words with spaCy and repaired texts
with ftfy, in that it cuts them as BERT does; so do other programs that load it.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from playmask.errors import DataError
from playmask.files import JsonObject
from playmask.tokenizers.algorithm import Algorithm, Style
from playmask.tokenizers.engine import Engine
from playmask.tokenizers.file_contents import read_text_lines
from playmask.tokenizers.pieces import UNREACHABLE
from playmask.tokenizers.wordpiece import add_beside

END = "</w>"
SPACE = "Ġ"


def byte_letters() -> dict[int, str]:
    """Give every byte its printable letter: itself, or the next free one from U+0100 on.

    Source: Radford et al. 2019 (`bytes_to_unicode`)
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    moved = {byte: chr(0x100 + place) for place, byte in enumerate(others)}
    return {byte: moved.get(byte, chr(byte)) for byte in range(256)}


BYTES = {letter: byte for byte, letter in byte_letters().items()}


def join_bytes(tokens: list[str], whole: Collection[str] = ()) -> str:
    """Write tokens as text; bytes that are no UTF-8 become U+FFFD.

    whole: tokens that are texts as they are, not letters of bytes
    """
    encoded = bytearray()
    for token in tokens:
        if token in whole:
            encoded += token.encode()
            continue
        for letter in token:
            encoded += bytes([BYTES[letter]]) if letter in BYTES else letter.encode()
    return encoded.decode("utf-8", errors="replace")


def join_letters(tokens: list[str], whole: Collection[str] = ()) -> str:
    """Write tokens as text, with a space after each that ends a word.

    whole: tokens that are texts as they are
    """
    return "".join(t if t in whole else t.replace(END, " ") for t in tokens).strip()


def keep(model: JsonObject, ids: list[int]) -> JsonObject:
    """Keep only these ids, the i-th as id i, and the merges that are made of them."""
    tokens = {number: token for token, number in model["vocab"].items()}
    vocab = {tokens[old]: new for new, old in enumerate(ids)}
    merges = [pair for pair in model["merges"] if {*pair, _merged(model, pair)} <= vocab.keys()]
    return model | {"vocab": vocab, "merges": merges}


def letters(model: JsonObject) -> list[int]:
    """Find the tokens of single bytes."""
    return [model["vocab"][letter] for letter in BYTES if letter in model["vocab"]]


def support(model: JsonObject, ids: set[int]) -> set[int]:
    """Find the tokens from which others are merged, down to single letters."""
    vocab = model["vocab"]
    rows = [
        (vocab[_merged(model, pair)], *map(vocab.__getitem__, pair)) for pair in model["merges"]
    ]
    needed, before = set(ids), 0
    while len(needed) > before:  # merges are in order, so that one round is enough as a rule
        before = len(needed)
        for whole, left, right in reversed(rows):
            if whole in needed:
                needed |= {left, right}
    return needed


def files(content: JsonObject) -> dict[str, bytes]:
    """Write vocab.json and merges.txt."""
    model = content["model"]
    vocab = {token: n for token, n in model["vocab"].items() if UNREACHABLE not in token}
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    return {
        "vocab.json": json.dumps(vocab, ensure_ascii=False).encode(),
        "merges.txt": f"#version: 0.2\n{merges}".encode(),
    }


def _merged(model: JsonObject, pair: Iterable[str]) -> str:
    left, right = pair
    return left + right.removeprefix(model.get("continuing_subword_prefix") or "")


def _over_bytes(content: JsonObject) -> bool:
    steps = json.dumps([content.get("pre_tokenizer"), content.get("decoder")])
    return bool(content["model"].get("type") == "BPE" and '"ByteLevel"' in steps)


def _over_letters(content: JsonObject) -> bool:
    model = content["model"]
    return bool(model.get("type") == "BPE" and model.get("end_of_word_suffix") == END)


ROBERTA = Style(
    {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"},
    needed=("pad", "cls", "sep"),
    frame=(("cls",), ("sep", "sep"), ("sep",)),
    second=0,
)
GPT2 = Style({"sep": "<|endoftext|>"}, needed=("sep",))
GPT = Style({"unk": "<unk>"}, needed=("unk",))

BYTE_BPE = Algorithm(
    name="byte-level BPE",
    claims=_over_bytes,
    styles=(ROBERTA, GPT2, Style({})),
    engine=Engine,
    files=files,
    join=join_bytes,
    stem=lambda token: token.removeprefix(SPACE),
    add=add_beside,
    keep=keep,
    required=letters,
    support=support,
    space=SPACE,
    decoder={
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": True,
        "use_regex": True,
    },
)
LETTER_BPE = Algorithm(
    name="BPE",
    claims=_over_letters,
    styles=(GPT,),
    engine=Engine,
    files=files,
    join=join_letters,
    stem=lambda token: token.removesuffix(END),
    add=add_beside,
    keep=keep,
    support=support,
    decoder={"type": "BPEDecoder", "suffix": END},
)


QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORDS = {"Qwen2Tokenizer": QWEN, "Qwen2TokenizerFast": QWEN}
"""By `tokenizer_class`: what words are, where they are other ones than GPT-2's."""


def specification(
    vocab: dict[str, int],
    merges: Iterable[tuple[str, str]],
    *,
    prefix_space: bool = False,
    words: str | None = None,
) -> JsonObject:
    """Describe a BPE tokenizer as tokenizer.json does; over letters if words end in "</w>".

    prefix_space: whether to put a space before texts that begin with none (over bytes only);
    words: the pattern of a word, of texts in NFC (None = GPT-2's, of texts as they are)
    """
    over_letters = any(token.endswith(END) for token in vocab)
    bert = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None}
    space = {"add_prefix_space": prefix_space, "trim_offsets": False, "use_regex": words is None}
    bytes_: JsonObject = {"type": "ByteLevel", **space}
    if words is not None:
        split = {"pattern": {"Regex": words}, "behavior": "Isolated", "invert": False}
        bytes_ = {"type": "Sequence", "pretokenizers": [{"type": "Split", **split}, bytes_]}
    nfc = None if words is None else {"type": "NFC"}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", **bert, "lowercase": True}
        if over_letters
        else nfc,
        "pre_tokenizer": {"type": "BertPreTokenizer"} if over_letters else bytes_,
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": GPT.special["unk"] if over_letters else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": END if over_letters else None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocab,
            "merges": [list(pair) for pair in merges],
        },
    }


def read_merges(path: Path, vocab: dict[str, Any]) -> list[tuple[str, str]]:
    """Read merges.txt: two tokens a line, separated by a space, the most frequent pair first.

    Raises: DataError naming the line that is not two tokens whose join is a token
    """
    pairs = []
    for number, text in enumerate(read_text_lines(path), start=1):
        if not text or (number == 1 and text.startswith("#version")):
            continue
        parts = text.split(" ")
        if len(parts) != 2:
            raise DataError(
                f"{path}, line {number}: {text!r:.60} must be two tokens with a space between."
            )
        missing = [token for token in (*parts, "".join(parts)) if token not in vocab]
        if missing:
            raise DataError(
                f"{path}, line {number}: {missing[0]!r:.60} is not in the vocab.json beside it."
            )
        pairs.append((parts[0], parts[1]))
    return pairs
