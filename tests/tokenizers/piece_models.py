"""Tiny SentencePiece models like those of the families, and texts to try them on."""

import random
from functools import cache
from io import BytesIO

import sentencepiece

WORDS = (
    "the quick brown fox jumps over lazy dogs hello world café naïve coöperate 123 4567 don't "
    "今天 天气 不错 我们 去 公园 玩 苹果 手机 清华大学 北京 人民 ， 。 ！ ( ) U.S. e-mail"
).split()
ODD = [
    *"ＡＢｃ１２！，　㎞①ⅷ½ﬁß",
    *"İıΣς가각",
    "한국",
    "e\u0301",
    "a\u0308\u0323",
    "\u0301",
    "😀",
    "👨\u200d👩\u200d👧",
    "👍🏽",
    "\U00020bb7",
    "\t",
    "\n",
    "\r\n",
    "  ",
    " ",
    "\u00a0",
    "\u2028",
    "a\u00a8b",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\x01",
    "\x00",
    "\x7f",
    "▁",
    "<0x41>",
    "</s>",
    "<unk>",
    "[CLS]",
    "<extra_id_0>",
    "``",
    "''",
    "ß",
    "שלום",
    "हिन्दी",
    "ไทยั",
    "▂▃",
]
OPTIONS: dict[str, dict] = {
    "albert": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
        "user_defined_symbols": ["(", ")", "-"],
    },
    "t5": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "mt5": {
        "pad_id": 0,
        "eos_id": 1,
        "unk_id": 2,
        "bos_id": -1,
        "byte_fallback": True,
        "user_defined_symbols": [f"▁<extra_id_{n}>" for n in reversed(range(100))],
        "vocab_size": 520,
    },
    "xlnet": {"control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"]},
    "cpm": {
        "control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"],
        "user_defined_symbols": ["<eop>", "▂"],
    },
    "bpe": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "vocab_size": 450,
        "user_defined_symbols": ["<|x|>"],
    },
    "plain": {"pad_id": 3},
    "fairseq": {"pad_id": -1},
    "suffix": {"treat_whitespace_as_suffix": True, "add_dummy_prefix": False},
    "phrases": {
        "split_by_whitespace": False,
        "normalization_rule_name": "nmt_nfkc_cf",
    },
}


def corpus(seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=8)) for _ in range(300)]


@cache
def model(name: str) -> bytes:
    """Train the model of a family, a few hundred pieces."""
    written = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=written,
        minloglevel=2,
        **({"vocab_size": 200, "hard_vocab_limit": False} | OPTIONS[name]),
    )
    return written.getvalue()


def processor(name: str) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model(name))


def texts(count: int = 400, seed: int = 1) -> list[str]:
    """Draw texts: half of them words only, the others mixed with all that is odd."""
    draw = random.Random(seed)
    found = ["", " ", "\n", *ODD, *(f" {odd}a " for odd in ODD)]
    while len(found) < count:
        choices = WORDS + ODD if len(found) % 2 else WORDS
        units = draw.choices(choices, k=draw.randint(1, 9))
        found.append("".join(unit + draw.choice(["", "", " ", "  "]) for unit in units))
    return found
