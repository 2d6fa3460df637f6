"""What one kind of tokenizer knows that the others do not; the surface is shared."""

from collections.abc import Callable
from dataclasses import dataclass

ROLES = ("pad", "unk", "cls", "sep", "mask")


@dataclass(frozen=True)
class Kind:
    """One kind of tokenizer.

    name:    the model type in tokenizer.json
    special: role -> token
    needed:  the roles without which it cannot encode
    frame:   the roles put before the text, after it, and after the pair
    stem:    the piece of text a token stands for, without its continuation mark
    join:    the text that tokens make, special tokens left out
    add:     the model with further tokens, token -> id
    keep:    the model with only these ids, in this order
    decoder: the `decoder` entry of tokenizer.json, for other programs
    """

    name: str
    special: dict[str, str]
    needed: tuple[str, ...]
    frame: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    stem: Callable[[str], str]
    join: Callable[[list[str]], str]
    add: Callable[[dict, dict[str, int]], dict]
    keep: Callable[[dict, list[int]], dict]
    decoder: dict
