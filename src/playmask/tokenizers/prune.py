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


def occurring(
    tokenizer: Tokenizer, texts: Iterable[str], *, minimum: int = 1, most: int | None = None
) -> list[int]:
    """Keep the special tokens and those that occur in texts, in the order they had.

    What these need stays too: the tokens that they are merged from, the bytes for unknown letters.

    minimum: occurrences below which a token goes; most: how many stay at most, the most frequent
    Raises:  ConfigError for a minimum below 1, and for fewer tokens than the tokenizer needs itself
    """
    if minimum < 1:
        raise ConfigError(f"minimum is {minimum}; a token occurs at least once or not at all.")
    counts = np.zeros(len(tokenizer), np.int64)
    texts = iter(texts)
    while batch := list(islice(texts, _BATCH)):
        rows = tokenizer.encode(batch, special=False)
        ids = np.fromiter(chain.from_iterable(row.ids for row in rows), np.int64)
        counts += np.bincount(ids, minlength=len(tokenizer))
    most = len(tokenizer) if most is None else most
    ranked = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts >= minimum)][:most]
    result = tokenizer.support(ranked.tolist())
    while len(result) > most and len(ranked):  # what the chosen need counts, too
        ranked = ranked[: max(0, len(ranked) - (len(result) - most))]
        result = tokenizer.support(ranked.tolist())
    if len(result) > most:
        raise ConfigError(f"most is {most}; the tokenizer itself needs {len(result)} tokens.")
    return result


def _is_simple(token: str, stem: str) -> bool:
    return len(token) == 1 or not any(is_ideograph(c) or is_punctuation(c) for c in stem)
