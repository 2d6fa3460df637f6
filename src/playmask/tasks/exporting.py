"""Exports of tasks and of models as ONNX, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmask.errors import ConfigError
from playmask.files import write_json
from playmask.files.commits import committing
from playmask.generation.generator import facts_of
from playmask.model.transformer import Transformer
from playmask.onnx.cached import cached_entries
from playmask.onnx.check import Lengths
from playmask.onnx.export import Entry, write_export
from playmask.onnx.exported import QUANTIZATION, Export
from playmask.onnx.graph import DECODING, MODEL, WEIGHTS
from playmask.onnx.signature import inputs_of
from playmask.onnx.writing import LARGEST
from playmask.tasks.exported import SAVED, ExportedNetwork, description
from playmask.tasks.network import TaskNetwork
from playmask.tasks.quantizing import Int8, Quantizer, kind_of
from playmask.tasks.task_json import TASK
from playmask.tokenizers import Tokenizer


def export(
    task: Any,
    directory: str | Path,
    *,
    cached: bool = False,
    largest: int = LARGEST,
    quantize: str | Int8 | None = None,
) -> Export:
    """Export a task, or a Transformer, as ONNX: what its answers are read from, as one graph.

    Batch and length are free. The graph is run at sizes that it was not made for and compared with
    the model before anything is written: model.onnx, export.json, README.md, tokenizer.json and, of
    a task, task.json. What chooses among the outputs, as Viterbi's algorithm, is not in it.

    cached: of a Transformer, the graph that writes token by token, whose cache goes in and out;
    tasks that write have it always, encoder-decoders in two: encoder.onnx and model.onnx;
    largest: bytes of weights from which they stand in model.onnx.data;
    quantize: "int8", or `Int8` with texts or examples: the weights in 8 bits, a quarter of the size
    Raises: ConfigError where ONNX has no form of something, on another backend than JAX, and for
            precisions other than float32; CheckpointError where the graph differs from the model by
            more than 2e-5 of an output's largest value; WriteError

    Example:
        >>> task = TextClassifier.new(model, ["bad", "good"], max_length=16)
        >>> graph = export(task, "exported").graphs[0]
        >>> sorted(graph.inputs), graph.outputs["logits"].sizes
        (['segments', 'tokens', 'valid'], ('batch', 2))

    """
    _check_folder(Path(directory))
    model = task if isinstance(task, Transformer) else getattr(task, "network", None)
    if isinstance(model, Transformer):
        entries = cached_entries(model) if cached else _of_model(model)
        about: dict[str, Any] = {"family": model.architecture.family}
    elif isinstance(model, TaskNetwork):
        entries, about = _of_task(task), {"task": task.name}
    else:
        raise _not_exportable(task, model)
    if cached if model is task else model.generates:
        about[DECODING] = facts_of(model if model is task else task.transformer)._asdict()
    options = quantize
    if not (options is None or isinstance(options, Int8)):
        options = kind_of(options)()
    with committing(directory, removing=(WEIGHTS,)) as staging:
        if model is not task:
            write_json(staging / TASK, description(task))
        if isinstance(task.tokenizer, Tokenizer):
            task.tokenizer.save(staging)
        quantizer = None
        if options is not None:
            answers = model is not task and not model.generates
            quantizer = Quantizer(staging, entries, options, answers=answers, largest=largest)
        written = write_export(
            model, entries, staging, about=about, largest=largest, quantize=quantizer
        )
        if model is not task and written.quantization is not None:
            quantization = {QUANTIZATION: written.quantization.described()}
            write_json(staging / TASK, {**description(task), **quantization})
    return written._replace(directory=Path(directory))


def _check_folder(directory: Path) -> None:
    """See that a folder has no saved task, whose files an export's would hide."""
    for name in SAVED:
        if (directory / name).exists():
            raise ConfigError(
                f"{directory} holds a saved task or model ({name}), which the export's files would "
                "hide; export into another folder."
            )


def _not_exportable(task: Any, model: Any) -> ConfigError:
    """Why something cannot be exported."""
    if isinstance(model, ExportedNetwork):
        return ConfigError("The task was exported already; export the saved one that it came from.")
    return ConfigError(f"A task or a Transformer is exported, not a {type(task).__name__}.")


def _of_model(model: Transformer) -> list[Entry]:
    """All that a Transformer returns."""
    architecture = model.architecture
    limits = [architecture.limit]
    if architecture.decoder is not None:
        limits.append(architecture.decoding.limit)
    lengths = Lengths(most=min((limit for limit in limits if limit is not None), default=None))

    def function(inputs: dict[str, Any]) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] = model(inputs, training=False)
        return outputs

    return [Entry(MODEL, function, inputs_of(architecture), lengths)]


def _of_task(task: Any) -> list[Entry]:
    """What a task's network scores."""
    network = task.network
    if network.generates:
        return cached_entries(task.transformer)
    lengths = Lengths(network.shortest, task.settings.row_length)
    return [Entry(MODEL, network.exported, network.graph_inputs, lengths)]
