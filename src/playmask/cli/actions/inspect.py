"""Describing a checkpoint from its configuration and the shapes of its tensors."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playmask.checkpoints.containers import size
from playmask.checkpoints.identify import identify
from playmask.checkpoints.load_plan import TASK_HEAD, make_plan
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.resize import Rows
from playmask.checkpoints.source import KERAS, Source, find
from playmask.cli.actions.checkpoint import heads_in, summary, tokenizer_beside
from playmask.cli.output import print_table
from playmask.errors import CheckpointError, ConfigError, DataError, brief
from playmask.families import keras_names
from playmask.files import read_json
from playmask.inspection.wording import bytes_in_words, choice_in_words
from playmask.model.recipes import to_json
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank
from playmask.tasks.published import published_model, settings_of
from playmask.tasks.similarity.published_encoder import lists_encoder, stored_encoder
from playmask.tasks.task_json import TASK
from playmask.tasks.trained_heads import choices, layers_of_head

KINDS = {
    "google": "a TensorFlow checkpoint",
    "huggingface": "PyTorch tensors",
    "megatron": "the ranks of a parallel model",
    KERAS: "layers of Keras 2, as bert4keras' users save them",
    "playmask": "its own format",
}
BYTES = {"float32": 4, "bfloat16": 2}
HEAD = "task/"  # what the weights beside the Transformer are called in a saved task


@dataclasses.dataclass(frozen=True)
class Description:
    """A checkpoint as it would be loaded with all heads it has.

    parameters: numbers to learn, of the model and of the task's own layers
    """

    source: Source
    report: Report
    heads: tuple[str, ...]
    tokenizer: dict[str, Any] | None
    task: dict[str, Any] | None
    parameters: int

    @property
    def stored(self) -> dict[str, int]:
        """Bytes of all tensors by the dtype that the file holds them in."""
        specs = self.source.tensors.stored_specs()
        kinds = sorted({str(spec.dtype) for spec in specs})
        return {kind: sum(s.nbytes for s in specs if str(s.dtype) == kind) for kind in kinds}

    def to_json(self, *, tensors: bool = False) -> dict[str, Any]:
        """The description for machines."""
        report = self.report
        value = {
            "path": str(self.source.path),
            "container": self.source.container,
            "family": report.family,
            "dialect": report.dialect,
            "architecture": report.architecture.to_json(),
            "parameters": self.parameters,
            "memory_bytes": {kind: self.parameters * n for kind, n in BYTES.items()},
            "stored_bytes": self.stored,
            "heads": list(self.heads),
            "tokenizer": self.tokenizer,
            "task": self.task,
            "notes": list(report.notes),
        }
        if tensors:
            value["loaded"] = [i._asdict() | {"dtype": str(i.dtype)} for i in report.loaded]
            value["fresh"] = [i._asdict() for i in report.fresh]
            value["ignored"] = [i._asdict() for i in report.ignored]
        return value


def describe_checkpoint(
    path: str | Path,
    family: str | None = None,
    ignore: Iterable[str] = (),
    config: str | Path | None = None,
) -> Description:
    """Describe a checkpoint; its tensors stay on disk.

    Raises: CheckpointError where there is none, or where it could not be loaded
    """
    source = find(path, family, config)
    report = identify(source, family, ignore)
    published, notes = _published(source, report)
    heads, architecture = heads_in(source, report), report.architecture
    model = blank(lambda: Transformer(architecture, heads))
    rows = Rows(architecture.vocabulary, None, None)
    report = make_plan(model, source, report, rows, False).report
    if source.container == KERAS:
        notes = [*notes, choices(layers_of_head(source.tensors, report.family))]
    saved = _saved(source)
    heads_of_tasks = (TASK_HEAD, keras_names.HEAD)
    own = {
        i.theirs for i in report.ignored if i.theirs.startswith(HEAD) or i.reason in heads_of_tasks
    }
    ignored = report.ignored
    if saved is not None:
        reason = f"part of the task: {saved.get('task')}"
        ignored = tuple(i._replace(reason=reason) if i.theirs in own else i for i in ignored)
    report = dataclasses.replace(report, ignored=ignored, notes=(*report.notes, *notes))
    shapes = [tuple(variable.shape) for variable in model.weights]
    shapes += [source.tensors.spec(name).shape for name in own]
    task = saved or published
    return Description(source, report, heads, _tokenizer(source), task, sum(map(size, shapes)))


def _saved(source: Source) -> dict[str, Any] | None:
    """The task that a checkpoint's directory holds; raises CheckpointError where it is damaged."""
    file = source.directory / TASK
    saved = read_json(file) if file.is_file() else None
    if saved is not None and not isinstance(saved.get("settings"), dict):
        settings = brief(saved.get("settings"))
        raise CheckpointError(f"{file}: The settings are {settings}, where an object is due.")
    return saved


def _published(source: Source, report: Report) -> tuple[dict[str, Any] | None, list[str]]:
    """The task that a published model becomes, and what is guessed, or why it becomes none."""
    if not report.head and not lists_encoder(source.directory):
        return None, []
    try:
        if lists_encoder(source.directory):
            encoder = stored_encoder(source.directory).settings
            return {"task": encoder.task, "settings": to_json(encoder)}, []
        stored = published_model(source, report)
        settings = settings_of(stored)
    except (CheckpointError, ConfigError) as error:
        return None, [f"no task: {error}"]
    return {"task": settings.task, "settings": to_json(settings)}, stored.notes


def _tokenizer(source: Source) -> dict[str, Any] | None:
    try:
        tokenizer = tokenizer_beside(source)
    except DataError as error:
        return {"error": str(error)}
    if tokenizer is None:
        return None
    return {"kind": tokenizer.algorithm.name, "tokens": len(tokenizer)}


def print_description(description: Description) -> None:
    """Draw the description as two tables."""
    print_table(Path(description.source.path), _overview(description))
    architecture = description.report.architecture
    fields = [field.name for field in dataclasses.fields(architecture)]
    print_table(
        "architecture", [(name, choice_in_words(getattr(architecture, name))) for name in fields]
    )


def _overview(description: Description) -> list[tuple[str, str]]:
    report, source = description.report, description.source
    parameters = description.parameters
    memory = ", ".join(f"{bytes_in_words(parameters * n)} in {kind}" for kind, n in BYTES.items())
    stored = ", ".join(
        f"{bytes_in_words(count)} of {kind}" for kind, count in description.stored.items()
    )
    rows = [
        ("container", f"{source.container}: {KINDS[source.container]}"),
        ("family", report.family),
        ("dialect", report.dialect),
        ("tensors", f"{len(source.tensors)}: {stored}"),
        ("parameters", f"{parameters:,}"),
        ("memory", memory),
        ("heads", ", ".join(description.heads) or "none"),
        ("tokenizer", _tokenizer_line(description)),
        ("a load", summary(report)),
    ]
    rows += [("note", note) for note in report.notes]
    if description.task is not None:
        fields = {n: v for n, v in description.task["settings"].items() if n != "is"}
        settings = "; ".join(f"{name} {_value(value)}" for name, value in fields.items())
        rows.insert(1, ("task", f"{description.task.get('task')}: {settings}"))
    return rows


def _tokenizer_line(description: Description) -> str:
    tokenizer, rows = description.tokenizer, description.report.architecture.vocabulary
    if tokenizer is None:
        return "none found"
    if "error" in tokenizer:
        return f"not readable: {tokenizer['error']}"
    odd = "" if tokenizer["tokens"] == rows else f"; the model has {rows:,} rows"
    return f"{tokenizer['kind']}, {tokenizer['tokens']:,} tokens{odd}"


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
