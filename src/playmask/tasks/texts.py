"""Texts that a task takes: one, or a list of them."""

from collections.abc import Callable
from typing import Any

from playmask.data.examples import Example, Examples
from playmask.errors import DataError, InputError


def gathered(data: Any, example: Callable[[int, Any], Example], *, skip_bad: bool) -> Examples:
    """Check a sequence of examples; `example` takes each and its number, or says what is wrong."""
    examples: Examples[Example] = Examples()
    places = getattr(data, "places", [])
    for i, item in enumerate(data):
        try:
            examples.append(example(i, item))
            examples.places += places[i : i + 1]
        except DataError as error:
            if not skip_bad:
                raise
            examples.skipped.append(str(error))
    if not examples:
        raise DataError("There are no examples; at least one is needed.")
    return examples


def filled_text(i: int, text: Any, what: str = "text") -> str:
    """A text of an example, which may not be empty."""
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"Example {i} has the {what} {text!r:.60}; a str that is not empty is due.")
    return text


def texts_of(texts: Any) -> list[str]:
    """One text or several, as a list of them."""
    several = [texts] if isinstance(texts, str) else texts
    if not isinstance(several, (list, tuple)) or not all(isinstance(t, str) for t in several):
        raise InputError(f"A text or a list of texts is expected, not {texts!r:.80}.")
    return list(several)
