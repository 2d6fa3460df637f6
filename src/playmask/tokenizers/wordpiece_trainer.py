"""Learning a WordPiece vocabulary from texts, for a model that starts from nothing."""

import json
from collections import Counter
from collections.abc import Iterable

import tokenizers
from tokenizers import trainers

from playmask.errors import ConfigError
from playmask.tokenizers.text_checks import check_texts
from playmask.tokenizers.wordpiece import LONGEST_WORD, SPECIAL, specification


def train_wordpiece(
    texts: Iterable[str], *, size: int, minimum: int = 2, lowercase: bool = True
) -> list[str]:
    """Learn the tokens of a BERT vocabulary, the same ones for the same texts.

    First the special tokens, then characters by frequency (every Chinese one is a word of its
    own), then pieces of the other words in the order in which they pay off.
    size:    tokens in the vocabulary at most
    minimum: occurrences below which a character or a piece is left out
    Source:  Schuster & Nakajima 2012, as byte-pair merges by `tokenizers`
    """
    special = list(SPECIAL.values())
    if size <= len(special) or minimum < 1:
        raise ConfigError(
            f"size is {size} and minimum {minimum}; a vocabulary holds {len(special)} special "
            "tokens and more, and a piece must occur at least once."
        )
    engine = tokenizers.Tokenizer.from_str(json.dumps(specification(special, lowercase=lowercase)))
    words = _word_counts(check_texts(texts), engine)
    characters = _character_counts(words)
    common = [token for token, count in characters.items() if count >= minimum]
    common.sort(key=lambda token: (-characters[token], len(token), token))
    start = [*special, *common[: size - len(special)]]
    return [*start, *_merges(words, start, engine, size, minimum)]


def _word_counts(texts: Iterable[str], engine: tokenizers.Tokenizer) -> Counter[str]:
    chunks: Counter[str] = Counter()
    for text in texts:
        chunks.update(engine.normalizer.normalize_str(text).split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word, _ in engine.pre_tokenizer.pre_tokenize_str(chunk):
            if len(word) <= LONGEST_WORD:  # longer ones are [UNK], whatever was learnt from them
                words[word] += count
    return words


def _character_counts(words: Counter[str]) -> Counter[str]:
    """Count every character as itself, and inside a word also as its continuing piece."""
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for place, character in enumerate(word):
            characters[character] += count
            if place:
                characters[f"##{character}"] += count
    return characters


def _merges(
    words: Counter[str], start: list[str], engine: tokenizers.Tokenizer, size: int, minimum: int
) -> list[str]:
    """Merge characters to longer pieces, most frequent pairs first.

    The trainer breaks ties by id and numbers characters in the order of a hash table, unless they
    come to it as special tokens.
    """
    known = set(start)
    lines = (
        " ".join([word] * count)
        for word, count in words.items()
        if len(word) > 1 and known.issuperset([word[0], *(f"##{letter}" for letter in word[1:])])
    )
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=minimum,
        special_tokens=start,
        limit_alphabet=0,
        show_progress=False,
    )
    engine.train_from_iterator(lines, trainer)
    vocab = engine.get_vocab()
    return sorted(vocab, key=vocab.__getitem__)[len(start) :]
