"""What the values of a configuration's keys may be, by the field that each sets."""

from collections.abc import Callable
from typing import Any, NamedTuple

from playmask.errors import ConfigError, brief

LARGEST = 1 << 31
"""What every size stays below, so that no product of two overflows."""


class Kind(NamedTuple):
    """What a value must be: in words, and as a function that tells."""

    words: str
    fits: Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return type(value) is int and -LARGEST < value < LARGEST


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST  # which NaN is not


COUNT = Kind("a whole number from 1", lambda value: _whole(value) and value >= 1)
OPTIONAL = Kind("a whole number from 1, or null", lambda value: value is None or COUNT.fits(value))
ROWS = Kind("a whole number from 0", lambda value: _whole(value) and value >= 0)
ID = Kind("a whole number, or null", lambda value: value is None or _whole(value))
NUMBER = Kind("a number from 0", lambda value: _number(value) and value >= 0)
FLAG = Kind("true or false", lambda value: value is None or value in (True, False))
TEXT = Kind("a string", lambda value: isinstance(value, str))
ACTIVATION = Kind(
    "the name of an activation, or a list of two",
    lambda value: (
        TEXT.fits(value)
        or (isinstance(value, list) and len(value) == 2 and all(map(TEXT.fits, value)))
    ),
)
POSITIVE = Kind(
    "a number above 0, or null", lambda value: value is None or (_number(value) and value > 0)
)
OBJECT = Kind("an object, or null", lambda value: value is None or isinstance(value, dict))
LIST = Kind("a list, or null", lambda value: value is None or isinstance(value, list))

KINDS = {
    **dict.fromkeys(("vocabulary", "width", "depth", "attention_heads", "n_embd"), COUNT),
    **dict.fromkeys(("position", "rows", "buckets", "groups", "inner_groups"), COUNT),
    **dict.fromkeys(("embedding_size", "key_size", "value_size", "own_key_size"), OPTIONAL),
    **dict.fromkeys(("inner", "decoder_depth", "longest"), OPTIONAL),
    **dict.fromkeys(("decoder_ffn_dim", "decoder_attention_heads"), OPTIONAL),
    **dict.fromkeys(("key_value_heads", "head_size", "window"), OPTIONAL),
    **dict.fromkeys(("segments", "tasks", "first_local", "local"), ROWS),
    "every": COUNT,
    **dict.fromkeys(("pad", "start", "span", "position_buckets"), ID),
    **dict.fromkeys(("dropout", "attention_dropout", "embedding_pdrop"), NUMBER),
    **dict.fromkeys(("initializer_range", "epsilon", "factor"), NUMBER),
    **dict.fromkeys(("tied", "scaled", "decodes", "relative", "uses_tasks", "shared"), FLAG),
    **dict.fromkeys(("rotary_value", "bias", "attention_scale"), FLAG),
    **dict.fromkeys(("biased_input", "shared_keys"), FLAG),
    **dict.fromkeys(("causal", "windowed", "norm_bias", "head_bias"), FLAG),
    **dict.fromkeys(("attention_bias", "mlp_bias", "outer_bias", "transform_bias"), FLAG),
    **dict.fromkeys(("rope_theta", "local_theta", "rope_factor"), POSITIVE),
    **dict.fromkeys(("rope_scaling", "rope_parameters"), OBJECT),
    "layer_types": LIST,
    "activation": ACTIVATION,
    **dict.fromkeys(("gated", "head_activation"), TEXT),
    "projection": Kind("a string, or null", lambda value: value is None or TEXT.fits(value)),
    **dict.fromkeys(("pooler_activation", "position_type", "row_norm"), TEXT),
    **dict.fromkeys(("normalization", "norm_type"), TEXT),
}
"""By field; a field that is not here may be anything, since nothing is read from it."""


def check_value(key: str, field: str, value: Any) -> None:
    """Refuse a value that a configuration's key cannot have; raises ConfigError."""
    kind = KINDS.get(field)
    if kind is not None and not kind.fits(value):
        raise ConfigError(f"{key} is {brief(value)}, where {kind.words} is due.")
