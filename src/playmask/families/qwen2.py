"""Qwen2 and Qwen2.5: Llama with biases on queries, keys and values (Yang et al. 2024)."""

from dataclasses import replace

from playmask.errors import ConfigError
from playmask.families.config import Fields, Key
from playmask.families.family import Family
from playmask.families.layer_types import FULL, LOCAL, by_type, check_types, local_mask, types_of
from playmask.families.llama import BASE as LLAMA
from playmask.families.llama import decoder, dialect
from playmask.model.architecture import Architecture
from playmask.model.masks import Ordered
from playmask.model.parts import Rotary

BIASED = ("query", "key", "value")

BASE = replace(
    LLAMA,
    family="qwen2",
    vocabulary=151936,
    width=896,
    depth=24,
    attention_heads=14,
    key_value_heads=2,
    inner=4864,
    bias=BIASED,
    position=Rotary(1e6, halves=True),
    vocabulary_head=replace(LLAMA.vocabulary_head, tied=True),
)
"""The sizes of Qwen2, 0.5B."""

WINDOW_KEYS = (
    Key("use_sliding_window", "windowed"),
    Key("sliding_window", "window"),
    Key("max_window_layers", "first_local", dialect=""),
    Key("layer_types", "layer_types"),
)
MROPE = Key("use_mrope", "mrope", dialect="")


def read_windows(fields: Fields) -> Fields:
    """Sliding windows, in the blocks that `layer_types` says, or from `max_window_layers` on."""
    if fields.pop("mrope", False):
        raise ConfigError("use_mrope true (positions of images and videos) is not read.")
    windowed, width = fields.pop("windowed", False), fields.pop("window", 4096)
    first, types = fields.pop("first_local", 28), fields.pop("layer_types", None)
    depth = fields["depth"]
    if types is None:
        local = first if windowed and width is not None else depth
        types = [LOCAL if i >= local else FULL for i in range(depth)]
    types = check_types(types, depth)
    if LOCAL in types and not (windowed and width):
        raise ConfigError(
            f"layer_types has {LOCAL}, but use_sliding_window and sliding_window give no window."
        )
    return fields | {"mask": by_type(types, Ordered(), local_mask(width or 1))}


def write_windows(architecture: Architecture) -> Fields:
    """Which blocks have a window, and how wide it is."""
    types, width = types_of(architecture)
    return {"layer_types": types, "window": width, "windowed": LOCAL in types}


QWEN2 = Family(
    "qwen2",
    BASE,
    decoder(
        BASE,
        (*WINDOW_KEYS, MROPE),
        "Qwen2ForCausalLM",
        read_windows,
        write_windows,
        ("key_value_heads",),
    ),
    {"huggingface": dialect(BIASED)},
    frozenset({"qwen2"}),
    models="Qwen2, Qwen2.5, GTE-Qwen2",
    needs=r"q_proj\.bias$",
)
