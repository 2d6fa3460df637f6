"""What a pretraining leaves: a checkpoint that `playmask.load` takes, and how it was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmask.checkpoints import safetensors
from playmask.checkpoints.save import check_can_be_saved, save
from playmask.checkpoints.source import WEIGHTS
from playmask.errors import CheckpointError
from playmask.files import read_json, write_json
from playmask.files.checksums import read_manifest
from playmask.files.commits import committing, recover
from playmask.model.recipes import from_json, to_json
from playmask.model.transformer import Transformer, weights_by_name
from playmask.pretraining.settings import PretrainingSettings
from playmask.runtime.train.options import TrainingOptions
from playmask.tokenizers import Tokenizer

DESCRIPTION, FORMAT = "pretraining.json", 1

Models = Mapping[str, Transformer]
"""Models by the folder inside; "" is the one itself."""


def save_pretraining(
    directory: Path,
    models: Models,
    tokenizer: Tokenizer,
    settings: PretrainingSettings,
    training: TrainingOptions | None,
) -> Path:
    """Save models and their tokenizer in playmask's own format, with how they were trained."""
    with committing(directory) as staging:
        for name, model in models.items():
            check_can_be_saved(model)
            save(model, staging / name if name else staging, tokenizer=tokenizer)
        said = {"objective": settings.objective, "settings": to_json(settings)}
        training_said = {} if training is None else {"training": to_json(training)}
        write_json(staging / DESCRIPTION, {"format": FORMAT, **said, **training_said})
    return directory


def read_pretraining(directory: Path) -> PretrainingSettings:
    """The settings of the pretraining that a directory holds.

    Raises: CheckpointError where there is none
    """
    recover(directory)
    if not (directory / DESCRIPTION).is_file():
        raise CheckpointError(f"There is no pretraining in {directory}: it has no {DESCRIPTION}.")
    said = read_json(directory / DESCRIPTION)
    settings: Any = from_json(said.get("settings"))
    if said.get("format") != FORMAT or not isinstance(settings, PretrainingSettings):
        raise CheckpointError(
            f"{directory / DESCRIPTION} is of format {said.get('format')!r}; this playmask reads "
            f"format {FORMAT}."
        )
    return settings


def assign_models(directory: Path, models: Models) -> None:
    """Give models the weights that were saved.

    Raises: CheckpointError where they are of other models
    """
    recover(directory)
    for name, model in models.items():
        folder = directory / name if name else directory
        read_manifest(folder).verify([WEIGHTS])
        tensors, weights = safetensors.read(folder / WEIGHTS), weights_by_name(model)
        if set(tensors) != set(weights):
            odd = sorted(set(tensors) ^ set(weights))[0]
            raise CheckpointError(f"{folder / WEIGHTS} is of another model: {odd} is not in both.")
        for name_of_weight, variable in weights.items():
            variable.assign(tensors[name_of_weight])
