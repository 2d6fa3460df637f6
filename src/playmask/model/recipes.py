"""Recipes: frozen, hashable values that describe a piece of a model and travel through JSON."""

import dataclasses
import math
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from playmask.errors import ConfigError, brief, nearest

T = TypeVar("T")
_KINDS: dict[str, type] = {}


def option(
    *,
    default: Any,
    text: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    group: str = "",
) -> Any:
    """A field of a recipe with the help text and the bounds that a command line needs.

    Without a text the field is no option of the command line.
    group: the heading that the option stands under, where there are many
    """
    metadata = {"help": text, "minimum": minimum, "maximum": maximum, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


class Options:
    """What recipes of options share: values are checked, and changed by name.

    NumPy's numbers and lists are taken as Python's numbers and tuples, which JSON holds.
    """

    def __post_init__(self) -> None:
        fields: Any = dataclasses.fields(self)  # type: ignore[arg-type]  # a recipe is a dataclass
        hints = get_type_hints(type(self))
        for field in fields:
            value = _plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            _check_option(field, hints[field.name], value)

    @classmethod
    def of(cls, *values: Any, **fields: Any) -> Self:
        """Make options of values in the order of the fields, and of some by name.

        Raises: ConfigError for a name that no field has, or a value that cannot be
        """
        known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        if len(values) > len(known):
            raise ConfigError(f"{cls.__name__} has {len(known)} fields; {len(values)} values came.")
        ordered = dict(zip(known, values, strict=False))
        for name in fields:
            if name not in known:
                raise ConfigError(f"There is no option {name!r}.{nearest(name, known)}")
            if name in ordered:
                raise ConfigError(f"The option {name!r} came twice.")
        return cls(**ordered, **fields)

    def change(self, **changes: Any) -> Self:
        """A copy with some options replaced; raises ConfigError for one that there is not."""
        current = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
        return self.of(**{**current, **changes})


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, lists as tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _check_option(field: "dataclasses.Field[Any]", hint: Any, value: Any) -> None:
    allowed = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if value is None and NoneType in allowed:
        return
    hint, *others = (each for each in allowed if each is not NoneType)
    if any(get_origin(each) is tuple and isinstance(value, tuple) for each in others):
        return
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ConfigError(
                f"There is no {field.name} {value!r}."
                f"{nearest(str(value), map(str, get_args(hint)))}"
            )
        return
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if not isinstance(value, tuple) or not all(_is_a(each, kind) for each in value):
            raise ConfigError(f"{field.name} is {value!r:.60}; a list of {kind.__name__} is due.")
        return
    if not _is_a(value, hint):
        raise ConfigError(f"{field.name} is {value!r:.60}; {hint.__name__} is due.")
    minimum, maximum = field.metadata.get("minimum"), field.metadata.get("maximum")
    if minimum is not None and not value >= minimum:
        raise ConfigError(f"{field.name} is from {minimum}, not {value!r}.")
    if maximum is not None and not value <= maximum:
        raise ConfigError(f"{field.name} is at most {maximum}, not {value!r}.")


_PLAIN: dict[Any, tuple[type, ...]] = {
    int: (int,), float: (int, float), str: (str,), bool: (bool,)
}  # fmt: skip


def _is_a(value: Any, hint: Any) -> bool:
    """Whether a value is of one of the plain types; a whole number is a float too, no bool is."""
    plain = _PLAIN.get(hint)
    if plain is None:
        return True
    return isinstance(value, plain) and (hint is bool or not isinstance(value, bool))


@dataclass_transform(frozen_default=True, field_specifiers=(option, dataclasses.field))
def recipe(cls: type[T]) -> type[T]:
    """Turn a class into a frozen dataclass that `to_json` and `from_json` know by its name."""
    frozen = dataclasses.dataclass(frozen=True)(cls)
    other = _KINDS.get(cls.__name__)
    if other is not None and (other.__module__, other.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ConfigError(
            f"{cls.__module__} defines a recipe {cls.__name__!r}, but {other.__module__} has one "
            "of that name, and saved models find recipes by name; give it another."
        )
    _KINDS[cls.__name__] = frozen
    return frozen


def to_json(value: Any) -> Any:
    """Write a recipe, or a container of recipes, as plain JSON values.

    Raises: ConfigError for a value that only lives in this process (a function, an array).
    """
    if dataclasses.is_dataclass(value) and type(value).__name__ in _KINDS:
        fields = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ConfigError(
        f"{value!r} cannot be saved: only recipes, numbers, strings and lists of them can; "
        "register a function by name and use the name."
    )


def from_json(value: Any) -> Any:
    """Read what `to_json` wrote; lists come back as tuples.

    Raises: ConfigError for a kind or a field that does not exist or is missing, and for a value of
            another type than its field's
    """
    try:
        return _from_json(value)
    except RecursionError:
        raise ConfigError("Recipes are nested too deeply.") from None


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_json, value))
    if not isinstance(value, dict):
        return value
    fields = dict(value)
    kind = fields.pop("is", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        name = brief(kind)
        raise ConfigError(f"There is no recipe of the kind {name}.{nearest(name, _KINDS)}")
    cls: Any = _KINDS[kind]
    known, hints = {field.name: field for field in dataclasses.fields(cls)}, _hints(cls)
    for name in fields:
        if name not in known:
            raise ConfigError(f"{kind} has no field {brief(name)}.{nearest(name, known)}")
    for name, field in known.items():
        if name not in fields and field.default is field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{kind} lacks the field {name!r}.")
    values = {name: _from_json(item) for name, item in fields.items()}
    for name, item in values.items():
        if not _fits(item, hints.get(name, Any)):
            raise ConfigError(f"{name} of {kind} cannot be {brief(item)}.")
    return cls(**values)


@cache
def _hints(cls: type) -> dict[str, Any]:
    """The types of a recipe's fields; none of options, which check them by themselves."""
    try:
        return {} if issubclass(cls, Options) else get_type_hints(cls)
    except NameError:  # a class of one's own whose annotations name what only its module knows
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value that came from JSON is of a field's type, as far as that is known."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple and isinstance(value, tuple):
        repeated = inner[-1] is ...
        each = inner[:1] * len(value) if repeated else inner
        return len(each) == len(value) and all(map(_fits, value, each))
    if hint is float and isinstance(value, float):
        return math.isfinite(value)
    kind = origin or hint
    if kind in _PLAIN:
        return _is_a(value, kind)
    return not isinstance(kind, type) or isinstance(value, kind)
