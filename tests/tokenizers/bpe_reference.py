"""Byte-level BPE in plain Python, after Sennrich 2016 and Radford 2019, as the reference."""

import re
import unicodedata
from collections import Counter
from itertools import pairwise

PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
LETTER_OF = {byte: chr(byte) for byte in PRINTABLE}
for byte in range(256):
    if byte not in LETTER_OF:
        LETTER_OF[byte] = chr(256 + len(LETTER_OF) - len(PRINTABLE))


def classes(text):
    """Name each character's class: L letter, N number, s space, o other."""
    kinds = {"L": "L", "N": "N"}
    return "".join(
        "s"
        if c.isspace() and c not in "\x1c\x1d\x1e\x1f"
        else kinds.get(unicodedata.category(c)[0], "o")
        for c in text
    )


def words(text):
    """Cut by 's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+.

    The classes stand one for one in another string, on which Python's `re` does the rest.
    """
    named = classes(text)
    place, found = 0, []
    while place < len(text):
        short = re.compile("'s|'t|'re|'ve|'m|'ll|'d").match(text, place)
        blank = 1 if text[place] == " " else 0
        run = re.compile("L+|N+|o+").match(named, place + blank)
        if short:
            end = short.end()
        elif run:
            end = run.end()
        else:
            end = re.compile("s+").match(named, place).end()
            if end < len(text) and end - place > 1:
                end -= 1
        found.append((place, end))
        place = end
    return found


def merged(symbols, ranks):
    """Merge the pair that was train_wordpiece first, wherever it stands, until there is none."""
    while True:
        pairs = [pair for pair in pairwise(symbols) if pair in ranks]
        if not pairs:
            return symbols
        best = min(pairs, key=ranks.__getitem__)
        symbols = joined(symbols, best)


def joined(symbols, pair):
    found, place = [], 0
    while place < len(symbols):
        two = tuple(symbols[place : place + 2]) == pair
        found.append(symbols[place] + symbols[place + 1] if two else symbols[place])
        place += 2 if two else 1
    return found


def tokens(text, ranks):
    """Cut a text into tokens, each with the characters that its bytes come from."""
    rows = []
    for start, end in words(text):
        places = [place for place in range(start, end) for _ in text[place].encode()]
        symbols = [LETTER_OF[byte] for byte in text[start:end].encode()]
        at = 0
        for token in merged(symbols, ranks):
            rows.append((token, places[at], places[at + len(token) - 1] + 1))
            at += len(token)
    return rows


def learn(texts, count):
    """Learn merges; of equally frequent pairs the first in the alphabet."""
    counts = Counter(text[start:end] for text in texts for start, end in words(text))
    split = {word: [LETTER_OF[byte] for byte in word.encode()] for word in counts}
    merges = []
    for _ in range(count):
        pairs = Counter()
        for word, symbols in split.items():
            for pair in pairwise(symbols):
                pairs[pair] += counts[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = {word: joined(symbols, best) for word, symbols in split.items()}
    return merges
