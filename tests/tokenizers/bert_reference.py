"""The original BERT tokenisation in plain Python, character by character, as the reference."""

import unicodedata

from playmask.tokenizers.wordpiece import is_ideograph, is_punctuation


def normalised(text: str, lowercase: bool = True) -> str:
    """Lower-case, strip accents, and drop control characters."""
    if lowercase:  # one by one: a final sigma is no special case
        text = unicodedata.normalize("NFD", "".join(letter.lower() for letter in text))
        text = "".join(letter for letter in text if unicodedata.category(letter) != "Mn")
    return "".join(
        letter
        for letter in text
        if is_space(letter)
        or (unicodedata.category(letter) not in ("Cc", "Cf") and letter not in "\0\ufffd")
    )


def is_space(letter: str) -> bool:
    return letter in " \t\n\r" or unicodedata.category(letter) == "Zs"


def words(text: str, lowercase: bool = True) -> list[str]:
    """Split into words, ideographs and punctuation."""
    spaced = ""
    for letter in normalised(text, lowercase):
        alone = is_ideograph(letter) or is_punctuation(letter)
        spaced += f" {letter} " if alone else " " if is_space(letter) else letter
    return spaced.split()


def pieces(word: str, vocabulary: set[str], longest: int = 200) -> list[str]:
    """Cut a word into the longest pieces of the vocabulary, from the left."""
    found: list[str] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None or len(word) > longest:
            return ["[UNK]"]
        found.append(mark + word[start:end])
        start = end
    return found


def tokens(text: str, vocabulary: set[str], lowercase: bool = True) -> list[str]:
    return [piece for word in words(text, lowercase) for piece in pieces(word, vocabulary)]
