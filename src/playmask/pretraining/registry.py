"""The objectives of pretraining by name: their settings, and the class that makes batches."""

from importlib import import_module
from typing import Any

from playmask.errors import ConfigError, nearest
from playmask.pretraining.settings import (
    ElectraSettings,
    LmSettings,
    MlmSettings,
    PermutationSettings,
    PretrainingSettings,
    SimbertSettings,
    UnilmSettings,
)

OBJECTIVES: dict[type[PretrainingSettings], str] = {
    MlmSettings: "playmask.pretraining.objectives.mlm:MaskedLanguageModelling",
    LmSettings: "playmask.pretraining.objectives.lm:CausalLanguageModelling",
    UnilmSettings: "playmask.pretraining.objectives.unilm:UnifiedLanguageModelling",
    PermutationSettings: (
        "playmask.pretraining.objectives.permutation:PermutationLanguageModelling"
    ),
    ElectraSettings: "playmask.pretraining.objectives.electra:ReplacedTokenDetection",
    SimbertSettings: "playmask.pretraining.objectives.simbert:SimilarTexts",
}
"""The class of each objective, as "module:Class", imported when it is first used."""

SETTINGS = {settings.objective: settings for settings in OBJECTIVES}


def settings_class(name: str) -> type[PretrainingSettings]:
    """The settings of an objective; raises ConfigError where there is none so called."""
    if name not in SETTINGS:
        raise ConfigError(f"There is no objective {name!r:.60}.{nearest(str(name), SETTINGS)}")
    return SETTINGS[name]


def objective_class(settings: type[PretrainingSettings]) -> Any:
    """The class of an objective."""
    module, _, name = OBJECTIVES[settings].partition(":")
    return getattr(import_module(module), name)
