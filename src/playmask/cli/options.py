"""The command line's options, read off the fields of recipes."""

import dataclasses
from collections.abc import Sequence
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typer import Option

from playmask.model.recipes import Options, option, recipe

Parameters = dict[str, tuple[Any, Any]]
"""The type of each parameter with its help, and its default."""


@recipe
class NewModel(Options):
    """A small model with random weights, in place of a pretrained one."""

    width: int = option(default=128, text="With --new.", minimum=1)
    depth: int = option(default=2, text="With --new.", minimum=1)
    attention_heads: int = option(default=4, text="With --new.", minimum=1)
    vocabulary: int = option(default=8000, text="With --new.", minimum=64)


def parameter(kind: Any, text: str, *names: str, **options: Any) -> tuple[Any, None]:
    """An option that has no value unless somebody gives it one."""
    return Annotated[kind | None, Option(*names, help=text, **options)], None


def parameters_of(recipe: type[Options], *names: str) -> Parameters:
    """Options for the fields of a recipe that have a help text, or for some of them."""
    hints = get_type_hints(recipe)
    every: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(recipe)  # type: ignore[arg-type]
    fields = {field.name: field for field in every if field.metadata.get("help")}
    return {name: _parameter(fields[name], hints[name]) for name in names or fields}


def _parameter(field: "dataclasses.Field[Any]", hint: Any) -> tuple[Any, None]:
    kinds = [each for each in get_args(hint) if each is not NoneType]
    kind = kinds[0] if NoneType in get_args(hint) else hint
    text, choices = field.metadata["help"], ()
    if get_origin(kind) is Literal:
        kind, choices = str, get_args(kind)
    elif get_origin(kind) is tuple:
        kind = str  # a list with commas
    names = (f"--{field.name.replace('_', '-')}",) if kind is bool else ()
    least = field.metadata["minimum"]
    bound = {} if least is None or kind is float else {"min": least}
    return parameter(kind, _help(text, choices, field.default), *names, **bound)


def _help(text: str, choices: Sequence[str], default: Any) -> str:
    if choices:
        *others, last = choices
        text = f"{text.rstrip('.:')}: {', '.join(others)} or {last}."
    if default is None or default is False or default == () or "Default:" in text:
        return text
    return f"{text} Default: {default if isinstance(default, str) else format(default, 'g')}."
