"""Parts of the attention that the page switches: what a load changes, by the part's name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from playmask.errors import ConfigError, nearest
from playmask.model.masks import Ordered, Window
from playmask.model.parts import (
    Dot,
    DynamicConvolution,
    LightConvolution,
    Linformer,
    ResidualScores,
    Synthesizer,
    TalkingHeads,
    mix,
)


class Change(NamedTuple):
    """What a load changes: as Python has it, and as it is written."""

    fields: Mapping[str, Any]
    python: str


CHANGES: Mapping[str, Change] = {
    "alibi": Change({"position": "alibi"}, 'position="alibi"'),
    "rotary": Change({"position": "rotary"}, 'position="rotary"'),
    "no-positions": Change({"position": "none"}, 'position="none"'),
    "talking-heads": Change({"mixer": TalkingHeads()}, "mixer=TalkingHeads()"),
    "random-synthesizer": Change(
        {"attention": Synthesizer("random")}, 'attention=Synthesizer("random")'
    ),
    "dense-synthesizer": Change(
        {"attention": Synthesizer("dense")}, 'attention=Synthesizer("dense")'
    ),
    "mixed-synthesizer": Change(
        {"attention": mix(Synthesizer("random"), Dot())},
        'attention=mix(Synthesizer("random"), Dot())',
    ),
    "residual-scores": Change(
        {"attention": (Dot(), ResidualScores())}, "attention=(Dot(), ResidualScores())"
    ),
    "light-convolution": Change({"attention": LightConvolution()}, "attention=LightConvolution()"),
    "dynamic-convolution": Change(
        {"attention": DynamicConvolution()}, "attention=DynamicConvolution()"
    ),
    "linformer": Change({"attention": Linformer(8)}, "attention=Linformer(8)"),
    "squared-relu": Change({"normalization": "squared_relu"}, 'normalization="squared_relu"'),
    "window": Change({"mask": Ordered() & Window(3)}, "mask=Ordered() & Window(3)"),
    "language-model": Change({"order": "lm"}, 'order="lm"'),
}
"""Each part by its name."""


def change_of(name: str) -> Change:
    """What a part changes; raises ConfigError for one that there is not."""
    if name not in CHANGES:
        raise ConfigError(f"There is no part {name!r}.{nearest(name, CHANGES)}")
    return CHANGES[name]
