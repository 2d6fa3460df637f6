"""Encoders of sentences as sentence-transformers publishes them: modules.json and what it names."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from playmask.checkpoints import safetensors, torch_zip
from playmask.checkpoints.identify import identify
from playmask.checkpoints.load import fill_planned, stored_heads
from playmask.checkpoints.load_plan import make_plan
from playmask.checkpoints.load_report import Ignored, Report
from playmask.checkpoints.resize import Rows
from playmask.checkpoints.source import find
from playmask.checkpoints.tokenizer_beside import tokenizer_beside, why_none
from playmask.errors import CheckpointError, ConfigError, nearest
from playmask.files import parse_json, read_json
from playmask.files.checksums import read_manifest
from playmask.model.transformer import weights_by_name
from playmask.runtime.lazy_weights import fill_all
from playmask.tasks.network import check_tokenizer
from playmask.tasks.no_tokenizer import NoTokenizer
from playmask.tasks.similarity.settings import EncoderSettings
from playmask.tasks.similarity.step_modules import STEPS, step_of
from playmask.tasks.similarity.vector_steps import Prompt, VectorStep
from playmask.tasks.stored_task import StoredTask
from playmask.tokenizers import Tokenizer, vocabulary_files

LISTING, OPTIONS = "modules.json", "config_sentence_transformers.json"
SENTENCE_CONFIG = "sentence_bert_config.json"
SENTENCE_CONFIGS = "sentence_*_config.json"
"""What the options of the Transformer module are called; older ones name the family."""

POOLINGS = {
    "cls": "first",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_length",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
}
"""Their names of poolings, in the order that several of them had before they were listed."""
FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The keys that older versions write in place of `pooling_mode`, true for those that are used."""
POOLING_KEYS = ("pooling_mode", "include_prompt", "embedding_dimension", "word_embedding_dimension")

PLAIN: dict[str, tuple[Any, ...]] = {
    "transformer_task": ("feature-extraction",),
    "modality_config": (
        {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    ),
    "module_output_name": ("token_embeddings",),
    "processing_kwargs": ({}, None),
    "unpad_inputs": (True, False, None),
    "query_length": (None,),
    "document_length": (None,),
    "query_expansion": (None,),
    "tokenizer_name_or_path": (None,),
    **dict.fromkeys(("model_args", "config_args", "tokenizer_args"), ({}, None)),
}
"""Keys of the Transformer module's options, and the values that change nothing here."""
UNKNOWN_LENGTH = 100_000  # tokens from which on `model_max_length` only says that nobody knows


class Modules(NamedTuple):
    """What modules.json lists: the folder of the Transformer, its options, and what comes after."""

    transformer: Path
    options: dict[str, Any]
    pooling: str
    steps: tuple[VectorStep, ...]
    folders: tuple[Path, ...]


def lists_encoder(directory: Path) -> bool:
    """Whether a folder's modules.json is of an encoder; a reranker has a Transformer alone."""
    if not (directory / LISTING).is_file():
        return False
    file = directory / OPTIONS
    kind = read_json(file).get("model_type") if file.is_file() else None
    return kind != "CrossEncoder" and (kind is not None or len(_rows(directory)) != 1)


def stored_encoder(
    directory: Path, task: str | None = None, tokenizer: Tokenizer | None = None
) -> StoredTask:
    """What sentence-transformers saved, as a task that encodes as published.

    Raises: CheckpointError for a module, a key or a value that playmask does not know
    """
    if task not in (None, EncoderSettings.task):
        raise ConfigError(
            f"{directory} lists an encoder of sentences; it becomes no task {task!r}. A model with "
            "a head of its own has no modules.json."
        )
    manifest = read_manifest(directory)
    manifest.verify(name for name in manifest.parts if "/" in name or name == LISTING)
    modules = read_modules(directory)
    source = find(modules.transformer)
    report = identify(source, None, ())
    architecture = report.architecture
    rows, ignored = Rows(architecture.vocabulary, None, None), tuple[Ignored, ...]()
    if tokenizer is None:
        tokenizer, ignored, _ = tokenizer_beside(source, rows)
        tokenizer = _lower_cased(tokenizer, modules)
    if tokenizer is not None:
        check_tokenizer(tokenizer, architecture)
    length, notes = _max_length(architecture.limit, modules)
    settings = EncoderSettings(
        max_length=length,
        pooling=modules.pooling,
        language_model=0.0,
        steps=modules.steps,
        empty=True,
        **_options(directory),
    )

    def fill(network: Any, copy: bool) -> Report:
        steps = zip(network.steps, modules.folders, strict=True)
        values = [value for step, folder in steps for value in _values(step, folder)]
        plan = make_plan(network.transformer, source, report, rows, False)
        if plan.report.fresh:
            raise CheckpointError(f"{source.path} lacks {plan.report.fresh[0].ours}.")
        fill_planned(weights_by_name(network.transformer), source, plan, copy=copy)
        fill_all(values, copy=copy)
        done = plan.report
        said, left_out = (*done.notes, *notes), (*done.ignored, *ignored)
        return replace(done, notes=said, ignored=left_out)

    reads = tokenizer or NoTokenizer(architecture.vocabulary, why_none(ignored))
    heads = stored_heads(source, report, "pool")
    return StoredTask(settings, None, architecture, heads, reads, fill)


def read_modules(directory: Path) -> Modules:
    """Read modules.json and the configurations of what it lists.

    Raises: CheckpointError for another order than Transformer, Pooling and steps of vectors
    """
    file, rows = directory / LISTING, _rows(directory)
    names = [_module_name(row["type"], file) for row in rows]
    if names[:2] != ["Transformer", "Pooling"] or not {*names[2:]} <= STEPS.keys():
        raise CheckpointError(
            f"{file} lists {', '.join(names) or 'nothing'}; playmask reads a Transformer, then a "
            f"Pooling, then any of {', '.join(STEPS)}."
        )
    folders = [_inside(directory, row["path"], file) for row in rows]
    steps = []
    for name, folder in zip(names[2:], folders[2:], strict=True):
        place = folder / "config.json"
        config = read_json(place) if place.is_file() else {}
        try:
            steps.append(step_of(name, config))
        except (CheckpointError, ConfigError) as error:
            raise CheckpointError(
                f"{place} is of a module that playmask cannot run: {error}"
            ) from None
    options = _transformer_options(folders[0])
    return Modules(folders[0], options, _pooling(folders[1]), tuple(steps), tuple(folders[2:]))


def _rows(directory: Path) -> list[dict[str, Any]]:
    """What modules.json lists, in its order; raises CheckpointError where it is something else."""
    file = directory / LISTING
    rows = parse_json(file, file.read_bytes())
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise CheckpointError(f"{file} is no list of modules, each with a path and a type.")
    return sorted(rows, key=lambda row: row.get("idx", 0))


def _is_row(row: Any) -> bool:
    texts = isinstance(row, dict) and all(isinstance(row.get(k), str) for k in ("path", "type"))
    return texts and isinstance(row.get("idx", 0), int)


def _module_name(path: str, file: Path) -> str:
    """The class that a module's type ends in; raises CheckpointError for one that is not known."""
    known = ("Transformer", "Pooling", *STEPS)
    name = path.rpartition(".")[2]
    if not path.startswith("sentence_transformers.") or name not in known:
        raise CheckpointError(
            f"{file} lists the module {path!r:.120}; playmask runs those of sentence-transformers "
            f"named {', '.join(known)}."
        )
    return name


def _inside(directory: Path, path: str, file: Path) -> Path:
    """The folder of a module, which lies below the one that lists it."""
    folder = directory / path
    if not folder.resolve().is_relative_to(directory.resolve()):
        raise CheckpointError(
            f"{file} names the folder {path!r:.120}, which is not inside its own."
        )
    return folder


def _transformer_options(folder: Path) -> dict[str, Any]:
    """The options of the Transformer module; refuses those that would change what is computed."""
    files = sorted(folder.glob(SENTENCE_CONFIGS))
    if not files:
        return {}
    options = read_json(files[0])
    for key, value in options.items():
        known = (*PLAIN, "max_seq_length", "do_lower_case")
        if key not in known:
            raise CheckpointError(
                f"{files[0]} has the key {key!r:.60}, which playmask does not know."
                f"{nearest(key, known)}"
            )
        if key in PLAIN and value not in PLAIN[key]:
            raise CheckpointError(
                f"{files[0]} says {key} is {value!r:.80}, which playmask cannot run."
            )
    return options


def _pooling(folder: Path) -> str:
    """The name of a Pooling module's pooling."""
    file = folder / "config.json"
    config = read_json(file)
    odd = next((key for key in config if key not in (*POOLING_KEYS, *FLAGS)), None)
    if odd is not None:
        raise CheckpointError(
            f"{file} has the key {odd!r:.60}, which playmask does not know."
            f"{nearest(odd, (*POOLING_KEYS, *FLAGS))}"
        )
    modes = config.get("pooling_mode", [mode for flag, mode in FLAGS.items() if config.get(flag)])
    modes = [modes] if isinstance(modes, str) else modes or ["mean"]
    odd = next((mode for mode in modes if mode not in POOLINGS), None)
    if odd is not None:
        raise CheckpointError(f"{file} has the pooling {odd!r:.60}.{nearest(str(odd), POOLINGS)}")
    if config.get("include_prompt", True) is not True:
        raise CheckpointError(
            f"{file} leaves prompts out of the pooling (include_prompt), which playmask cannot do."
        )
    return "+".join(POOLINGS[mode] for mode in modes)


def _lower_cased(tokenizer: Tokenizer | None, modules: Modules) -> Tokenizer | None:
    """The tokenizer, with lower case where the module's options say so."""
    if tokenizer is None or not modules.options.get("do_lower_case"):
        return tokenizer
    content, source = vocabulary_files.read(modules.transformer)
    return Tokenizer(lower_cased(content), source)


def lower_cased(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a tokenizer.json that lower-cases texts first."""
    normalizer = content.get("normalizer")
    steps = normalizer.get("normalizers", [normalizer]) if normalizer else []
    if any(step.get("type") == "Lowercase" or step.get("lowercase") for step in steps):
        return content
    steps = [{"type": "Lowercase"}, *steps]
    return {**content, "normalizer": {"type": "Sequence", "normalizers": steps}}


def _max_length(limit: int | None, modules: Modules) -> tuple[int, list[str]]:
    """Tokens that texts are cut to, and a note where nobody says it, or more than fit."""
    places = [(modules.options, "max_seq_length")]
    file = modules.transformer / "tokenizer_config.json"
    if file.is_file():
        places.append((read_json(file), "model_max_length"))
    numbers = [(key, config[key]) for config, key in places if config.get(key) is not None]
    for key, value in numbers:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 1:
            raise CheckpointError(
                f"{modules.transformer} says {key} is {value!r:.60}; a number from 1 is due."
            )
        if value >= UNKNOWN_LENGTH:
            continue
        if limit is None or value <= limit:
            return int(value), []
        return limit, [
            f"texts are cut to {limit} tokens, the model's positions; {key} says {value}"
        ]
    length = limit or EncoderSettings().max_length
    return length, [f"texts are cut to {length} tokens, since no file says to how many"]


def _options(directory: Path) -> dict[str, Any]:
    """Prompts and how vectors are compared, as settings."""
    file = directory / OPTIONS
    if not file.is_file():
        return {}
    config = read_json(file)
    prompts = config.get("prompts") or {}
    if not isinstance(prompts, Mapping) or not all(
        isinstance(text, str | None) for text in prompts.values()
    ):
        raise CheckpointError(f"{file}: prompts are {prompts!r:.60}; texts by name are due.")
    kind = config.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise CheckpointError(f"{file} is of a {kind!r:.60}; playmask reads a SentenceTransformer.")
    options = {
        "prompts": tuple(Prompt(name, text or "") for name, text in prompts.items()),
        "prompt": config.get("default_prompt_name"),
        "comparison": config.get("similarity_fn_name") or "cosine",
    }
    try:
        EncoderSettings.of(**options)  # so that an error names the file
    except ConfigError as error:
        raise CheckpointError(f"{file}: {error}") from None
    return options


def _values(step: Any, folder: Path) -> list[tuple[Any, Callable[[], np.ndarray]]]:
    """The weights of a step, and what makes the values that its module was saved with.

    Raises: CheckpointError where its tensors are others, or of other shapes
    """
    weights = {path_end(variable.path): variable for variable in step.weights}
    tensors: Mapping[str, np.ndarray] = {}
    if (folder / "model.safetensors").is_file():
        tensors = safetensors.read(folder / "model.safetensors")
    elif (folder / "pytorch_model.bin").is_file():
        tensors = torch_zip.read(folder / "pytorch_model.bin")
    names = {name: place for module in STEPS.values() for name, place in module.tensors.items()}
    arrays = {
        names[name][0]: (name, np.transpose(tensors[name]) if names[name][1] else tensors[name])
        for name in tensors
        if name in names
    }
    if len(arrays) < len(tensors) or arrays.keys() != weights.keys():
        raise CheckpointError(
            f"{folder} has the tensors {sorted(tensors)!s:.200}, not its module's."
        )
    for end, (name, array) in arrays.items():
        if array.shape != tuple(weights[end].shape):
            raise CheckpointError(
                f"{folder}: {name} has the shape {array.shape}, the module needs "
                f"{tuple(weights[end].shape)}."
            )
    values = {end: partial(np.ascontiguousarray, array) for end, (_, array) in arrays.items()}
    return [(weights[end], value) for end, value in values.items()]


def path_end(path: str) -> str:
    """A weight's path without the network's name and the step's."""
    return path.split("/", 2)[2]
