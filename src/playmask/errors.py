"""The errors playmask raises on bad input: one sentence says what came, where, and the way out.

They subclass the builtin that fits, so that `except ValueError` keeps working.
"""

import difflib
import reprlib
from collections.abc import Iterable

LISTED = 24  # known names in a message
LONGEST = 80  # characters of a name that others are compared with
SENTENCE = 1_000  # characters of a message: a file may hold names of any length


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

    _keras_call_info_injected = True  # Keras then leaves the sentence as it is

    def __str__(self) -> str:
        """The sentence; one that quotes too much has its beginning and its end."""
        sentence = super().__str__()
        cut = 2 * SENTENCE // 3
        if len(sentence) <= SENTENCE:
            return sentence
        return f"{sentence[:cut]} … {sentence[cut + 3 - SENTENCE :]}"


class CheckpointError(PlaymaskError, ValueError):
    """A checkpoint is damaged, foreign, or does not fit the model."""


class WriteError(CheckpointError, OSError):
    """Something cannot be written, as on a full disk; what was there is unchanged."""


class ConfigError(PlaymaskError, ValueError):
    """A configuration or an argument names something that does not exist or cannot be."""


class DataError(PlaymaskError, ValueError):
    """A data file has a bad line; the message names file and line."""


class BackendError(PlaymaskError, ImportError):
    """Keras runs on a backend that is not installed."""


class ProcessError(PlaymaskError, RuntimeError):
    """One of several processes that train together is lost, or differs from the others."""


class InputError(PlaymaskError, ValueError):
    """A model, tokenizer or predictor was given inputs it cannot take."""


class BusyError(PlaymaskError, RuntimeError):
    """A model is used where it cannot be now: another thread trains it, or the process forked."""


TRAINED = (
    "The model is being trained in another thread, and its weights are not whole before that ends; "
    "wait for `fit`, or use another copy of the model meanwhile (load it once more)."
)


class NotFiniteError(PlaymaskError, ArithmeticError):
    """What was computed is NaN or infinite: weights are damaged, or a dtype's range is left."""


def brief(value: object) -> str:
    """Show a value of any size and depth in a few words of an error message."""
    return _BRIEF.repr(value)


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is nearest, as the end of an error message.

    Returns: " Did you mean 'x'?" or " Known: 'a', 'b'." where nothing is near; of many the first
    """
    known = sorted(known)
    if match := closest(name, known):
        return f" Did you mean {match!r}?"
    listed = ", ".join(f"{each!r:.{LONGEST}}" for each in known[:LISTED])
    rest = len(known) - LISTED
    return f" Known: {listed} and {rest} more." if rest > 0 else f" Known: {listed}."


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a name is likely to be a misspelling of."""
    short = [each for each in known if len(each) <= LONGEST]
    match = difflib.get_close_matches(name, short, 1, 0.6) if len(name) <= LONGEST else []
    return match[0] if match else None
