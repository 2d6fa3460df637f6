"""Tokenizers: text to ids and back, every token with its place in the user's text."""

from playmask.lazy import find_submodules
from playmask.tokenizers.encoding import Encoding
from playmask.tokenizers.prune import occurring, simplified
from playmask.tokenizers.tokenizer import Tokenizer

__all__ = ["Encoding", "Tokenizer", "occurring", "simplified"]

find_submodules(__name__)
