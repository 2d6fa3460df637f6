"""The space that `playmask tune` searches: options, and the values each may have."""

import re
from collections.abc import Container, Mapping, Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from playmask.cli.options import typed
from playmask.errors import ConfigError, nearest

NONE = "none"
RATES = {False: "1e-5..1e-4 log", True: "3e-4..1e-2 log"}
"""The rates that are tried by default, on a pretrained model and on a new one."""
USUAL: Mapping[str, str] = {
    "batch_size": "16,32,64",
    "epochs": "2..6",
    "warm_up": "0..0.2",
    "weight_decay": "0,0.01,0.1",
    "adversarial": "none,fgm:0.5,fgm:1",
}
"""What else is searched where nobody says what."""

_RANGE = re.compile(r"(?P<low>[^.\s].*?)\.\.(?P<high>\S+)(?P<log>\s+log)?")


class Range(NamedTuple):
    """Numbers from `low` to `high`; log: evenly by their logarithm; whole: no fractions."""

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def ends(self) -> tuple[Any, ...]:
        """The first and the last value."""
        return (self.low, self.high)

    def suggest(self, trial: Any, name: str) -> Any:
        """A value of the range for a trial of Optuna's."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class Choices(NamedTuple):
    """Some values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    def suggest(self, trial: Any, name: str) -> Any:
        """One of the values for a trial of Optuna's."""
        return trial.suggest_categorical(name, self.values)


Space = Mapping[str, Range | Choices]


def usual_space(names: Container[str], *, new: bool) -> str:
    """The default space, of those of the options that are free."""
    parts = {"learning_rate": RATES[new], **USUAL}
    return ";".join(f"{name}={text}" for name, text in parts.items() if name in names)


def read_space(text: str, hints: Mapping[str, Any]) -> Space:
    """Read "learning_rate=1e-5..1e-3 log;batch_size=16,32;adversarial=none,fgm:0.5".

    Values that hold commas themselves stand between bars: "adversarial=none|pgd:0.5,steps=3".
    hints: the type of each option
    Raises: ConfigError for a part that says nothing, an option that there is not, or a value of
            another type than its option's
    """
    space: dict[str, Range | Choices] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, values = (each.strip() for each in part.partition("="))
        name = name.removeprefix("--").replace("-", "_")
        if not equals or not values:
            raise ConfigError(f"--space has {part!r}; name=1..5 or name=a,b is expected.")
        if name not in hints:
            raise ConfigError(f"--space: there is no option {name!r}.{nearest(name, hints)}")
        if name in space:
            raise ConfigError(f"--space: {name} came twice.")
        space[name] = _read_values(name, values, hints[name])
    if not space:
        raise ConfigError("--space is empty; name=1..5 or name=a,b is expected.")
    return space


def _read_values(name: str, text: str, hint: Any) -> Range | Choices:
    kinds = _kinds(hint)
    between = _RANGE.fullmatch(text)
    if between and kinds[0] in (int, float):
        low, high = (_value(name, between[end], hint) for end in ("low", "high"))
        log = between["log"] is not None
        if not low < high or (log and low <= 0):
            bound = "0 < low < high" if log else "low < high"
            raise ConfigError(f"--space: {name} runs from {low} to {high}; {bound} is due.")
        return Range(low, high, log, kinds[0] is int)
    parts = text.split("|" if "|" in text else ",")
    return Choices(tuple(dict.fromkeys(_value(name, part.strip(), hint) for part in parts)))


def _kinds(hint: Any) -> Sequence[Any]:
    """The types of an option, without None; a choice or a list is said as a text."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if get_origin(hint) in (Literal, tuple):
        return [str]
    return [kind if kind in (int, float, bool) else str for kind in kinds]


def _value(name: str, text: str, hint: Any) -> Any:
    """A value of an option, as its type is."""
    if text == NONE:
        return None
    try:
        return typed(name, text, _kinds(hint)[0])
    except ConfigError as error:
        raise ConfigError(f"--space: {error}") from None
