"""Choosing the tokens to keep: lists of old ids in their new order, for `Tokenizer.keep`."""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np

from playmask.errors import ConfigError, InputError
from playmask.tokenizers.tokenizer import Tokenizer
from playmask.tokenizers.wordpiece import is_ideograph, is_punctuation

FIRST = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_BATCH = 1000  # texts tokenised at once


def simplified(tokenizer: Tokenizer, *, first: Sequence[str] = FIRST) -> list[int]:
    """Drop tokens longer than a character that hold a Chinese one or punctuation, as "##中" does.

    first:   tokens put in front whatever they are; add "[MASK]" to go on predicting masked tokens
    Source:  reproduces bert4keras `load_vocab(simplified=True, startswith=first)`
    """
    start = []
    for token in first:
        number = tokenizer.token_to_id(token)
        if number is None:
            raise InputError(f"{token!r} is not in the vocabulary of {len(tokenizer)} tokens.")
        start.append(number)
    for number, token in enumerate(tokenizer.vocabulary):
        reachable = tokenizer.token_to_id(token) == number  # the first of two lines is not
        if reachable and token not in first and _is_simple(token, tokenizer.algorithm.stem(token)):
            start.append(number)
    return start


def occurring(tokenizer: Tokenizer, texts: Iterable[str], *, minimum: int = 1) -> list[int]:
    """Keep the special tokens and those that occur in texts, in the order they had.

    What these need stays too: the tokens that they are merged from, the bytes for unknown letters.

    minimum: occurrences below which a token goes
    """
    if minimum < 1:
        raise ConfigError(f"minimum is {minimum}; a token occurs at least once or not at all.")
    counts = np.zeros(len(tokenizer), np.int64)
    texts = iter(texts)
    while batch := list(islice(texts, _BATCH)):
        rows = tokenizer.encode(batch, special=False)
        ids = np.fromiter(chain.from_iterable(row.ids for row in rows), np.int64)
        counts += np.bincount(ids, minlength=len(tokenizer))
    return tokenizer.support(np.flatnonzero(counts >= minimum).tolist())


def _is_simple(token: str, stem: str) -> bool:
    return len(token) == 1 or not any(is_ideograph(c) or is_punctuation(c) for c in stem)
