"""Rotary positions in configuration files: `rope_parameters`, `rope_theta`, `rope_scaling`."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from playmask.errors import ConfigError, brief, nearest
from playmask.families.config import Fields, Key
from playmask.families.values import KINDS
from playmask.model.parts import (
    DynamicScaling,
    LinearScaling,
    LlamaScaling,
    NtkScaling,
    Rotary,
    Scaling,
    YarnScaling,
)

THETA = 10000.0
"""The base where a file says none."""

ROPE_KEYS = (
    Key("max_position_embeddings", "longest"),
    Key("rope_theta", "rope_theta"),
    Key("rope_scaling", "rope_scaling"),
    Key("rope_parameters", "rope_parameters"),
)
"""transformers 5 writes the last, older programs read the two before it: both are written."""


class ScalingKeys(NamedTuple):
    """A kind of scaling, and what files call its fields.

    longest: the field that is `max_position_embeddings` where nothing else says it ("" = none is)
    """

    kind: type[Scaling]
    names: Mapping[str, str]
    longest: str = ""


ORIGINAL = {"factor": "factor", "original_max_position_embeddings": "longest"}
SCALINGS = {
    "linear": ScalingKeys(LinearScaling, {"factor": "factor"}),
    "ntk": ScalingKeys(NtkScaling, {"factor": "factor", "mixed_b": "exponent"}),
    "dynamic": ScalingKeys(DynamicScaling, {"factor": "factor"}, "longest"),
    "llama3": ScalingKeys(
        LlamaScaling,
        ORIGINAL | {"low_freq_factor": "low", "high_freq_factor": "high"},
        "longest",
    ),
    "yarn": ScalingKeys(
        YarnScaling,
        ORIGINAL
        | {
            "beta_fast": "fast",
            "beta_slow": "slow",
            "attention_factor": "temperature",
            "truncate": "truncate",
        },
        "longest",
    ),
}
"""By `rope_type`."""


def take_rotary(values: Fields, theta: float = THETA) -> Rotary:
    """Take the keys of rotary positions out of fields, and read them.

    theta: the base where the file says none. Raises: ConfigError for what no Rotary computes
    """
    scaling, parameters = values.pop("rope_scaling", None), values.pop("rope_parameters", None)
    base, longest = values.pop("rope_theta", None), values.pop("longest", None)
    said = {"rope_theta": base or theta, **(parameters or {})}
    for name, value in (scaling or {}).items():
        own = "rope_type" if name == "type" else name
        if parameters and said.get(own, value) != value:
            raise ConfigError(
                f"rope_scaling says {own} {brief(value)}, and rope_parameters {brief(said[own])}; "
                "leave out the one that is wrong."
            )
        said[own] = value
    return read_rotary(said, longest)


def read_rotary(said: Mapping[str, Any], longest: int | None) -> Rotary:
    """Read one object of `rope_parameters`.

    longest: `max_position_embeddings`. Raises: ConfigError for what no Rotary computes
    """
    said = dict(said)
    base, kind = said.pop("rope_theta", None), said.pop("rope_type", said.pop("type", "default"))
    if base is None or not KINDS["rope_theta"].fits(base):
        raise ConfigError(f"rope_theta is {brief(base)}, where a number above 0 is due.")
    if said.pop("partial_rotary_factor", 1.0) not in (1, None):
        raise ConfigError("partial_rotary_factor other than 1 (heads rotated in part) is not read.")
    if kind == "default":
        return Rotary(float(base), halves=True)
    if not isinstance(kind, str) or kind not in SCALINGS:
        raise ConfigError(
            f"rope_type {brief(kind)} is none of {', '.join(['default', *SCALINGS])}."
        )
    return Rotary(float(base), halves=True, scaling=_read_scaling(kind, said, longest))


def _read_scaling(kind: str, said: Mapping[str, Any], longest: int | None) -> Scaling:
    keys = SCALINGS[kind]
    options: Fields = {keys.longest: longest} if keys.longest and longest else {}
    for name, value in said.items():
        if name not in keys.names:
            raise ConfigError(
                f"rope_type {kind!r} has a key {brief(name)} that is not known."
                f"{nearest(str(name), keys.names)}"
            )
        if value is not None:
            options[keys.names[name]] = value
    own: Any = keys.kind
    required = [f.name for f in fields(own) if f.default is MISSING]
    lacking = [name for name in required if name not in options]
    if lacking:
        theirs = {ours: name for name, ours in keys.names.items()}
        due = [theirs.get(name, "max_position_embeddings") for name in lacking]
        raise ConfigError(f"rope_type {kind!r} lacks {', '.join(due)}.")
    scaling: Scaling = own(**options)
    return scaling


def write_rotary(part: Any) -> Fields:
    """The fields that `take_rotary` reads; none where positions are of another kind."""
    if not isinstance(part, Rotary) or not part.halves:
        return {}
    said: Fields = {"rope_theta": part.base, "rope_type": "default"}
    fields_: Fields = {"rope_theta": part.base}
    if part.scaling is not None:
        kind = next(name for name, keys in SCALINGS.items() if type(part.scaling) is keys.kind)
        keys = SCALINGS[kind]
        values = {theirs: getattr(part.scaling, ours) for theirs, ours in keys.names.items()}
        scaling = {"rope_type": kind, **{k: v for k, v in values.items() if v is not None}}
        fields_["rope_scaling"], said = scaling, said | scaling
        if keys.longest and keys.longest not in keys.names.values():
            fields_["longest"] = getattr(part.scaling, keys.longest)
    return fields_ | {"rope_parameters": said}
