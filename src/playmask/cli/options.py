"""The command line's options, read off the fields of recipes."""

import dataclasses
from collections.abc import Sequence
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typer import Option

from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe

Parameters = dict[str, tuple[Any, Any]]
"""The type of each parameter with its help, and its default."""

NEW, DEVICES = "With --new", "Devices"


@recipe
class NewModel(Options):
    """A small model with random weights, in place of a pretrained one."""

    width: int = option(default=128, text="Width of the hidden states.", minimum=1, group=NEW)
    depth: int = option(default=2, text="Number of blocks.", minimum=1, group=NEW)
    attention_heads: int = option(
        default=4, text="Number of attention heads.", minimum=1, group=NEW
    )
    vocabulary: int = option(
        default=8000, text="Tokens of the vocabulary at most.", minimum=64, group=NEW
    )


@recipe
class Devices(Options):
    """On which devices a training runs; nothing of it is remembered, as it may go on on others."""

    devices: str | None = option(
        default=None, text="Train on so many devices, or all; with JAX alone.", group=DEVICES
    )
    model_parallel: int | None = option(
        default=None, text="Split the weights of one model over so many devices.", group=DEVICES
    )
    coordinator: str | None = option(
        default=None, text="HOST:PORT where several processes meet; auto in a cluster.",
        group=DEVICES,
    )  # fmt: skip
    processes: int | None = option(
        default=None, text="With --coordinator: how many processes there are.", group=DEVICES
    )
    process_id: int | None = option(
        default=None, text="With --coordinator: which one this is, from 0.", group=DEVICES
    )


def parameter(kind: Any, text: str, *names: str, **options: Any) -> tuple[Any, None]:
    """An option that has no value unless somebody gives it one."""
    return Annotated[kind | None, Option(*names, help=text, **options)], None


DUE: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}


def typed(name: str, text: str, kind: type) -> Any:
    """The value of an option, of the type that it has, from a text.

    Raises: ConfigError for a text that says none
    """
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{name} is {text!r:.60}; {DUE[kind]} is due.") from None


def parameters_of(recipe: type[Options], *, grouped: bool | None = None) -> Parameters:
    """Options for the fields of a recipe that have a help text: all, or those in groups, or not."""
    hints = get_type_hints(recipe)
    every: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(recipe)  # type: ignore[arg-type]
    return {
        field.name: _parameter(field, hints[field.name])
        for field in every
        if field.metadata.get("help") and grouped in (None, bool(field.metadata["group"]))
    }


def _parameter(field: "dataclasses.Field[Any]", hint: Any) -> tuple[Any, None]:
    kinds = [each for each in get_args(hint) if each is not NoneType]
    kind = kinds[0] if NoneType in get_args(hint) else hint
    text, choices = field.metadata["help"], ()
    if get_origin(kind) is Literal:
        kind, choices = str, get_args(kind)
    elif get_origin(kind) is tuple:
        kind = str  # a list with commas
    names = (f"--{field.name.replace('_', '-')}",) if kind is bool else ()
    bounds = {"min": field.metadata["minimum"], "max": field.metadata["maximum"]}
    bound = {} if kind is float else {at: each for at, each in bounds.items() if each is not None}
    panel = {"rich_help_panel": field.metadata["group"]} if field.metadata["group"] else {}
    return parameter(kind, _help(text, choices, field.default), *names, **bound, **panel)


def _help(text: str, choices: Sequence[str], default: Any) -> str:
    if choices:
        text = f"{text.removesuffix('.')}: {', '.join(choices)}."
    if default is None or default is False or default == () or "Default:" in text:
        return text
    values = default if isinstance(default, tuple) else (default,)
    return f"{text} Default: {','.join(x if isinstance(x, str) else f'{x:g}' for x in values)}."
