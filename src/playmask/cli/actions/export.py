"""Exporting from the command line: a task or a model as ONNX, and what was written."""

from pathlib import Path
from typing import Any, NamedTuple

from playmask.checkpoints import load
from playmask.cli.actions.progress import steps
from playmask.cli.output import note, print_json, print_table
from playmask.data.gathering import BadLine
from playmask.errors import ConfigError, DataError
from playmask.onnx.exported import QUANTIZATION
from playmask.tasks.exporting import export
from playmask.tasks.loading import load_task
from playmask.tasks.quantizing import Int8, kind_of
from playmask.tasks.task_json import TASK


class Request(NamedTuple):
    """The command's arguments and options; None is none."""

    source: str
    target: Path
    heads: str | None
    mask: str | None
    cached: bool
    quantize: str | None
    calibrate: Path | None
    evaluate: Path | None
    max_loss: float | None
    as_json: bool


def run(request: Request) -> None:
    """Export, and show how far each graph is from the model."""
    quantize = _quantize(request)
    with steps("loading…", "exporting…") as step:
        step()
        model = _model(request)
        step()
        try:
            written = export(model, request.target, cached=request.cached, quantize=quantize)
        except BadLine as error:  # every example counts here: there is no --skip-bad
            raise DataError(str(error)) from None
    quantization = written.quantization
    if request.as_json:
        graphs = {
            each.file: {"nodes": each.nodes, "difference": each.difference}
            for each in written.graphs
        }
        more = {} if quantization is None else {QUANTIZATION: quantization.described()}
        print_json({"directory": str(request.target), "graphs": graphs, **more})
        return
    rows = [(each.file, f"{each.nodes:,}", f"{each.difference:.1e}") for each in written.graphs]
    header = ("graph", "nodes", "difference")
    print_table(request.target, rows, header=header, numbers=True)
    if quantization is not None:
        print_table("int8", quantization.lines(), header=("8 bits", "beside float32"))
        note("The same table is in README.md, and for programs in export.json and task.json")
        return
    note("ONNX Runtime gives the same as the model at sizes that were not traced; see README.md")


def _quantize(request: Request) -> Int8 | None:
    """What is said of 8 bits, or None where nothing is.

    Raises: ConfigError for an unknown name, and for options without --quantize
    """
    names = ("calibrate", "evaluate", "max_loss")
    said = {n: getattr(request, n) for n in names if getattr(request, n) is not None}
    exact = request.quantize in (None, "none")
    if exact and said:
        option = next(iter(said)).replace("_", "-")
        raise ConfigError(f"--{option} is about weights in 8 bits; give --quantize int8 with it.")
    return None if exact else kind_of(str(request.quantize))(**said)


def _model(request: Request) -> Any:
    """The task of a folder, or the model of a checkpoint."""
    options = {
        "heads": None if request.heads is None else [*filter(None, request.heads.split(","))],
        "mask": request.mask,
    }
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if not (Path(request.source) / TASK).is_file():
        return load(request.source, **changes)
    if changes or request.cached:
        option = next(iter(changes), "cached")
        raise ConfigError(f"{request.source} is a task, which says itself what --{option} is.")
    return load_task(request.source)
