"""Writing an encoder of sentences as sentence-transformers reads it."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from playmask.checkpoints import safetensors
from playmask.checkpoints.save import save
from playmask.errors import CheckpointError
from playmask.files import read_json, write_json
from playmask.files.commits import committing
from playmask.model.transformer import Transformer
from playmask.tasks.saving import refuse_task_in
from playmask.tasks.similarity.published_encoder import (
    FLAGS,
    LISTING,
    OPTIONS,
    POOLINGS,
    SENTENCE_CONFIG,
    path_end,
)
from playmask.tasks.similarity.sentence_network import SentenceNetwork
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.step_modules import MODULES, STEPS
from playmask.tasks.similarity.vector_layers import size_after
from playmask.tokenizers import Tokenizer

HOME = "sentence_transformers.models."  # where all its versions know modules
TOKENIZER_CONFIG = "tokenizer_config.json"


class Published(Protocol):
    """An encoder that is saved: a network around a Transformer, a tokenizer and settings."""

    network: SentenceNetwork
    tokenizer: Tokenizer
    settings: EncoderSettings

    @property
    def transformer(self) -> Transformer:
        """The Transformer inside."""


def publish(task: Published, directory: str | Path) -> Path:
    """Write modules.json and what it names; the Transformer in Hugging Face's format.

    Raises: CheckpointError for what sentence-transformers has no module for, or a directory that
            holds a task or another checkpoint
    """
    directory = Path(directory)
    refuse_task_in(directory)
    if task.settings.size is not None:
        raise CheckpointError(
            f"Vectors are cut to {task.settings.size} numbers, which sentence-transformers does in "
            "use (truncate_dim), not in what is saved; save with settings.change(size=None)."
        )
    rows = [("Transformer", ""), ("Pooling", "1_Pooling")]
    names = [MODULES[type(step)] for step in task.settings.steps]
    rows += [(name, f"{number}_{name}") for number, name in enumerate(names, start=2)]
    with committing(directory) as staging:
        save(task.transformer, staging, "huggingface", tokenizer=task.tokenizer)
        _write_pooling(task, staging / "1_Pooling")
        size = task.transformer.architecture.width * task.network.pooling.widths
        for (_, path), step, layer in zip(
            rows[2:], task.settings.steps, task.network.steps, strict=True
        ):
            _write_step(staging / path, step, layer, size)
            size = size_after(step, size)
        _write_options(task, staging)
        listing = [
            {"idx": number, "name": str(number), "path": path, "type": HOME + name}
            for number, (name, path) in enumerate(rows)
        ]
        write_json(staging / LISTING, listing)
    return directory


def _write_pooling(task: Published, folder: Path) -> None:
    """Write the pooling, with the keys of all versions where these can say it."""
    ours = {name: theirs for theirs, name in POOLINGS.items()}
    parts = task.settings.pooling.replace("mean_max", "mean+max").split("+")
    if not {*parts} <= ours.keys():
        raise CheckpointError(
            f"sentence-transformers has no pooling {task.settings.pooling!r}; save as 'playmask'."
        )
    modes = [ours[part] for part in parts]
    flags = {flag: mode in modes for flag, mode in FLAGS.items()}
    content: dict[str, Any] = {"word_embedding_dimension": task.transformer.architecture.width}
    ordered = [mode for mode in FLAGS.values() if mode in modes] == modes
    content |= flags if ordered else {"pooling_mode": modes}
    folder.mkdir()
    write_json(folder / "config.json", {**content, "include_prompt": True})


def _write_step(folder: Path, step: Any, layer: Any, size: int) -> None:
    """Write a module after the pooling: its configuration, and its tensors where it has any."""
    module = STEPS[MODULES[type(step)]]
    folder.mkdir()
    write_json(folder / "config.json", module.write(step, size))
    names = {end: (name, turned) for name, (end, turned) in module.tensors.items()}
    tensors = {}
    for variable in layer.weights:
        name, turned = names[path_end(variable.path)]
        value = np.asarray(variable.numpy())
        tensors[name] = np.ascontiguousarray(value.T) if turned else value
    if tensors:
        safetensors.write(folder / "model.safetensors", tensors, metadata={"format": "pt"})


def _write_options(task: Published, staging: Path) -> None:
    """Write prompts, lengths, and which tokens the tokenizer has for what."""
    settings = task.settings
    options = {
        "model_type": "SentenceTransformer",
        "prompts": {prompt.name: prompt.text for prompt in settings.prompts},
        "default_prompt_name": settings.prompt,
        "similarity_fn_name": settings.comparison,
    }
    write_json(staging / OPTIONS, options)
    length = {"max_seq_length": settings.max_length, "do_lower_case": False}
    write_json(staging / SENTENCE_CONFIG, length)
    file = staging / TOKENIZER_CONFIG
    special = task.tokenizer.special.items()
    roles = {f"{role}_token": task.tokenizer.vocabulary[number] for role, number in special}
    content = read_json(file) if file.is_file() else {}
    own = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": settings.max_length}
    write_json(file, {**content, **roles, **own})
