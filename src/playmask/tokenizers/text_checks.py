"""Validation of input texts, so that the engine's errors need not be read."""

from collections.abc import Iterable, Iterator
from typing import Any

from playmask.errors import InputError


def check_texts(texts: Iterable[Any], name: str = "text") -> Iterator[str]:
    """Yield texts one by one, refusing what is not a well-formed string.

    Raises: InputError naming the text's place and what is wrong with it
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        type_name = type(texts).__name__
        raise InputError(f"{name} is {texts!r:.60}, of type {type_name}; it must be a list of str.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            type_name = type(text).__name__
            raise InputError(
                f"{name} {place} (from 0) is {text!r:.60}, of type {type_name}, not a str."
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{name} {place} (from 0) has half a surrogate pair at character {error.start}, "
                "which is not a character; read the text with errors='replace'."
            ) from None
        yield text
