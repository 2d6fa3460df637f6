"""The errors playmask raises on bad input: one sentence says what came, where, and the way out.

They subclass the builtin that fits, so that `except ValueError` keeps working.
"""

import difflib
from collections.abc import Iterable


class PlaymaskError(Exception):
    """Base class of the library's errors: one sentence says what came, where, and the way out.

    Its subclasses are builtin exceptions too, as a rule ValueError. The command line prints the
    sentence and ends with a status other than 0.

    Example:
        >>> try:
        ...     architecture("bert").change(widht=64)
        ... except PlaymaskError as error:
        ...     print(error)
        An architecture has no field 'widht'. Did you mean 'width'?

    """


class CheckpointError(PlaymaskError, ValueError):
    """A checkpoint is damaged, foreign, or does not fit the model."""


class ConfigError(PlaymaskError, ValueError):
    """A configuration or an argument names something that does not exist or cannot be."""


class DataError(PlaymaskError, ValueError):
    """A data file has a bad line; the message names file and line."""


class InputError(PlaymaskError, ValueError):
    """A model, tokenizer or predictor was given inputs it cannot take."""


class BusyError(PlaymaskError, RuntimeError):
    """A model is used where it cannot be now: another thread trains it, or the process forked."""


class NotFiniteError(PlaymaskError, ArithmeticError):
    """What was computed is NaN or infinite: weights are damaged, or a dtype's range is left."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is nearest, as the end of an error message.

    Returns: " Did you mean 'x'?" or " Known: 'a', 'b'." where nothing is near.
    """
    known = sorted(known)
    match = difflib.get_close_matches(name, known, 1, 0.6)
    if match:
        return f" Did you mean {match[0]!r}?"
    return f" Known: {', '.join(map(repr, known))}."
