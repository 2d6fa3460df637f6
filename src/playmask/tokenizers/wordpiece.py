"""BERT's WordPiece: its vocabulary file, its engine, its way of writing tokens as text again.

The engine is that of `tokenizers`. It differs from the original BERT in these characters: private
use ones are dropped; the ideographs U+2B820..2B91F (extension E) do not stand alone; punctuation
and combining marks are those of Unicode 8, newer ones count as letters; a final Σ becomes σ, not ς.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from playmask.files import JsonObject
from playmask.tokenizers.added_tokens import AddedToken, rows_for
from playmask.tokenizers.algorithm import Algorithm, Style
from playmask.tokenizers.engine import Engine
from playmask.tokenizers.file_contents import read_text_lines
from playmask.tokenizers.pieces import UNREACHABLE
from playmask.tokenizers.word_segmentation import WordEngine

SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
LONGEST_WORD = 200  # characters; a longer word is [UNK], as in the original BERT
BERT = Style(SPECIAL, ("pad", "unk", "cls", "sep"), (("cls",), ("sep",), ("sep",)))

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# after these no space is written
_OPENING = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､\u3000、〃〈〉《》「」『』【】"
    "〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·！？｡。+-/={(<["
)


def is_ideograph(character: str) -> bool:
    """Tell whether BERT puts spaces around this character as a Chinese one."""
    return any(low <= ord(character) <= high for low, high in _IDEOGRAPHS)


def is_punctuation(character: str) -> bool:
    """Tell whether BERT splits at this character: Unicode punctuation and all ASCII symbols."""
    ascii_symbol = "!" <= character <= "~" and not character.isalnum()
    return ascii_symbol or unicodedata.category(character).startswith("P")


def stem(token: str) -> str:
    """Take away the mark that a token continues a word."""
    return token.removeprefix("##")


def join(tokens: list[str], whole: Collection[str] = ()) -> str:
    """Write tokens as text: no spaces around Chinese characters, words apart, pieces joined.

    Tokens in brackets, such as [SEP] and [unused1], are left out.
    whole: tokens that are words as they are, in brackets too
    Source: reproduces bert4keras `Tokenizer.decode`; "n't" and the like also before punctuation
    """
    text = ""
    for token in tokens:
        alone = len(token) == 1
        word = token in whole
        if token.startswith("[") and token.endswith("]") and not word:
            continue
        if token.startswith("##") and not word:
            text += token[2:]
        elif alone and is_ideograph(token):
            text += token
        elif alone and is_punctuation(token):
            text += token + " "
        else:
            text += token if text and is_ideograph(text[-1]) else " " + token
    text = re.sub(" +", " ", text)
    text = re.sub("' (re|m|s|t|ve|d|ll)(?![a-zA-Z0-9])", r"'\1", text)
    text = re.sub(f"([{re.escape(_OPENING)}]) ", r"\1", text)
    return re.sub(r"(\d\.) (\d)", r"\1\2", text).strip()


def add(
    model: JsonObject, tokens: Iterable[AddedToken], concealed: Collection[str] = ()
) -> JsonObject:
    """Add tokens to the model of a tokenizer.json, and fill ids that have none.

    concealed: tokens that no text may reach, which as words of the vocabulary it could
    """
    unknown = model.get("unk_token")
    hide = {name for name in concealed if name in model["vocab"] and name != unknown}
    vocab = dict(model["vocab"])
    for name in hide:
        vocab[name + UNREACHABLE] = vocab.pop(name)
    return add_beside(model | {"vocab": vocab}, [t for t in tokens if t.content not in hide])


def add_beside(
    model: JsonObject, tokens: Iterable[AddedToken], concealed: Collection[str] = ()
) -> JsonObject:
    """Add tokens that no merge makes to the model of a tokenizer.json, and fill ids."""
    rows = rows_for(tokens, model["vocab"])
    placed = set(rows.values())  # an empty row becomes the token's
    vocab = model["vocab"]
    if rows:
        vocab = {name: n for name, n in vocab.items() if n not in placed} | rows
    size = max(vocab.values(), default=-1) + 1
    holes = set(range(size)).difference(vocab.values()) if size > len(vocab) else ()
    return model | {"vocab": vocab | {f"{UNREACHABLE}{hole}": hole for hole in holes}}


def keep(model: JsonObject, ids: list[int]) -> JsonObject:
    """Keep only these ids in the model of a tokenizer.json; the i-th becomes id i."""
    tokens = {number: token for token, number in model["vocab"].items()}
    return model | {"vocab": {tokens[old]: new for new, old in enumerate(ids)}}


def files(content: JsonObject) -> dict[str, bytes]:
    """Write vocab.txt; what it cannot hold, such as lower-casing, is left to tokenizer.json."""
    vocab = content["model"]["vocab"]
    tokens = (name.partition(UNREACHABLE)[0] for name in sorted(vocab, key=vocab.__getitem__))
    # an added token with spaces leaves its line empty; what it is stands in added_tokens.json
    lines = (token if len(token.split()) < 2 else "" for token in tokens)
    return {"vocab.txt": "".join(f"{line}\n" for line in lines).encode()}


def engine(content: JsonObject, algorithm: Algorithm) -> Engine:
    """Make the engine, one that cuts words first where the content asks for it."""
    words = (content["model"].get("playmask") or {}).get("words")
    return WordEngine(content, algorithm, words) if words else Engine(content, algorithm)


WORDPIECE = Algorithm(
    name="WordPiece",
    claims=lambda content: content["model"].get("type") == "WordPiece",
    styles=(BERT,),
    engine=engine,
    files=files,
    join=join,
    stem=stem,
    add=add,
    keep=keep,
    decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    words=True,
)


def specification(
    tokens: Iterable[str],
    *,
    lowercase: bool = True,
    strip_accents: bool | None = None,
    ideographs: bool = True,
) -> JsonObject:
    """Describe a BERT tokenizer as tokenizer.json does, from its tokens in the order of their ids.

    Where a token comes twice its text gets the last id, as in the original BERT loader; the
    earlier ids, and those of empty tokens, keep their rows but no text reaches them.
    strip_accents: None means as lowercase
    """
    tokens = list(tokens)
    last = {t: n for n, t in enumerate(tokens) if t and UNREACHABLE not in t}
    vocab = {
        token if last.get(token) == number else f"{token}{UNREACHABLE}{number}": number
        for number, token in enumerate(tokens)
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": ideographs,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": SPECIAL["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": vocab,
        },
    }


def read_lines(path: Path) -> list[str]:
    """Read vocab.txt: a token a line, numbered from 0; what follows a space is left out.

    Raises: DataError naming the line that is not UTF-8
    """
    # the Chinese BERT's line 344 is U+2028, a space to Python
    tokens = [(line.split() or [line])[0] for line in read_text_lines(path)]
    while tokens and not tokens[-1].strip():
        tokens.pop()
    return tokens
