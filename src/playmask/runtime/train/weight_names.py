"""The names of a network's weights, and patterns that choose among them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from playmask.errors import ConfigError, nearest
from playmask.model.transformer import weights_by_name


def all_weights(network: keras.Model) -> dict[str, Any]:
    """A network's weights: the Transformer's by their own names, the rest as "task/…"."""
    transformer = getattr(network, "transformer", network)
    known = {id(variable) for variable in transformer.weights}
    return weights_by_name(transformer) | {v.path: v for v in network.weights if id(v) not in known}


def matches(option: str, pattern: str, names: Iterable[str]) -> list[str]:
    """The names in which a regular expression occurs, each of its alternatives in one at least.

    option: which asks, for the error
    Raises: ConfigError for what is no regular expression, and for an alternative in no name
    """
    names = [*names]
    for alternative in alternatives(pattern):
        if not any(_compiled(option, alternative).search(name) for name in names):
            raise ConfigError(
                f"{option}: no weight has {alternative!r:.60} in its name."
                f"{nearest(alternative, _beginnings(names)) or f' One is {names[0]!r}.'}"
            )
    expression = _compiled(option, pattern)
    return [name for name in names if expression.search(name)]


def multipliers(option: str, text: str) -> dict[str, float]:
    """The number of each pattern in `pattern=number;pattern=number`.

    Raises: ConfigError for a text of another form
    """
    numbers: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        pattern, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not pattern or not 0 <= value < float("inf"):
            raise ConfigError(
                f"{option} is {part!r:.60}; pattern=number is due, as in 'embeddings=0.1;task/=5'."
            )
        numbers[pattern] = value
    return numbers


def alternatives(pattern: str) -> list[str]:
    """The alternatives of a regular expression, those inside brackets not divided."""
    parts, depth, escaped = [""], 0, False
    for letter in pattern:
        if letter == "|" and not depth and not escaped:
            parts.append("")
            continue
        if not escaped:
            depth += (letter in "([") - (letter in ")]")
        escaped = letter == "\\" and not escaped
        parts[-1] += letter
    return parts


def levels(names: Iterable[str]) -> dict[str, int]:
    """How high each weight stands: embeddings at 0, each block above the last, the rest on top.

    Blocks of a decoder stand above all of the encoder's. What the blocks of a stack share stands
    with its first block, the norm that ends it with its last.
    """
    names = [*names]
    places = {name: _place(name) for name in names}
    sizes = {
        stack: 1 + max((index for s, index in filter(None, places.values()) if s == stack),
                       default=-1)
        for stack in STACKS
    }  # fmt: skip
    first = {stack: 1 + sum(sizes[s] for s in STACKS[:i]) for i, stack in enumerate(STACKS)}
    return {name: _level(name, place, first, sizes) for name, place in places.items()}


STACKS = ("blocks", "decoder")


def _place(name: str) -> tuple[str, int] | None:
    """The stack and the block that a weight is in."""
    match = re.match(rf"({'|'.join(STACKS)})/(\d+)/", name)
    return None if match is None else (match[1], int(match[2]))


def _level(
    name: str,
    place: tuple[str, int] | None,
    first: Mapping[str, int],
    sizes: Mapping[str, int],
) -> int:
    if place is not None:
        return first[place[0]] + place[1]
    stack, _, rest = name.partition("/")
    if stack in STACKS:
        return first[stack] + (sizes[stack] - 1 if rest.startswith("norm/") else 0)
    return 0 if stack.endswith("embeddings") else sum(sizes.values()) + 1


def _compiled(option: str, pattern: str) -> "re.Pattern[str]":
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"{option}: {pattern!r:.60} is no regular expression: {error}."
        ) from error


def _beginnings(names: Iterable[str]) -> list[str]:
    """All beginnings and single words of names, which a misspelt pattern may be near to."""
    words: dict[str, None] = {}
    for name in names:
        parts = name.split("/")
        words |= dict.fromkeys("/".join(parts[: i + 1]) for i in range(len(parts)))
        words |= dict.fromkeys(parts)
    return [*words]
