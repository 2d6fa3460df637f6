"""The built-in model that a training starts from where none is named, and its texts suit it."""

import re
from pathlib import Path

from playmask.checkpoints.built_in import MODELS, folder_of
from playmask.cli.output import note
from playmask.data.samples import sample_of
from playmask.errors import ConfigError
from playmask.pretraining.tokenization import CHINESE
from playmask.tokenizers import Tokenizer

LINES = 200  # of a file, which tell its language
SHARE = 0.1  # of the letters, where keys, labels and tags are mostly Latin ones
UNKNOWN = 0.05  # of the tokens: 0.01 of modern texts, 0.25 of traditional characters
SCRIPTS = {"Chinese": (f"[{CHINESE}]", "[ぁ-ヿ가-힣]")}
"""Of a language the letters, and those of others that share them: Japanese, Korean."""


def default_model(path: Path) -> str:
    """The built-in model for the texts of a file; says which, and why.

    Raises: ConfigError where there is none; DataError for a file that cannot be read
    """
    sample = sample_of(path, LINES)
    for name, model in MODELS.items():
        if suits(name, sample):
            note(f"no --model: {name}, which comes along, since the texts are {model.language}")
            return name
    choices = ", ".join(f"{name}, {model.language}" for name, model in MODELS.items())
    raise ConfigError(
        "Give --model PATH to start from a pretrained model, or --new to start from a small one "
        f"with random weights; none that comes along ({choices}) knows the writing of {path}."
    )


def suits(name: str, sample: str) -> bool:
    """Whether a text is in the language of a built-in model, whose tokens spell it."""
    letters, others = (re.findall(pattern, sample) for pattern in SCRIPTS[MODELS[name].language])
    if len(letters) <= SHARE * sum(map(str.isalpha, sample)) or len(others) > SHARE * len(letters):
        return False
    tokenizer = Tokenizer.load(folder_of(name) or name)
    tokens = tokenizer.encode("".join(letters)).ids
    return sum(token == tokenizer.unk for token in tokens) < UNKNOWN * len(tokens)
