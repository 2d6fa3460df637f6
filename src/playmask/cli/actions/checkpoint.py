"""What inspect and convert ask of a checkpoint that is not loaded."""

from typing import Any

from playmask.checkpoints.load_plan import OURS, dialect_of
from playmask.checkpoints.load_report import Report
from playmask.checkpoints.source import Source
from playmask.cli.output import print_table
from playmask.model.heads import HEADS
from playmask.tokenizers import Tokenizer, vocabulary_files


def heads_in(source: Source, report: Report) -> tuple[str, ...]:
    """The heads that a checkpoint has weights of, or that need none beside the embedding."""
    dialect = dialect_of(report)
    names = [n if dialect is OURS else dialect.ours_for(n) for n in source.tensors]
    present = {name.split("/")[0] for name in names if name}
    head = report.architecture.vocabulary_head
    if head.tied and not (head.transform or head.norm or head.bias):
        present.add("mlm")
    return tuple(head for head in HEADS if head in present)


def tokenizer_beside(source: Source) -> Tokenizer | None:
    """The tokenizer that lies with a checkpoint, None where there is none."""
    present = vocabulary_files.present(source.directory)
    return Tokenizer.load(source.directory) if present else None


def print_report(report: Report) -> None:
    """Draw the table of what a load does with every weight and every tensor."""
    rows: list[tuple[Any, ...]] = [
        ("loaded", item.ours, item.theirs, _shape(item.shape), f"{item.dtype} {item.note}".strip())
        for item in report.loaded
    ]
    rows += [("fresh", item.ours, "", _shape(item.shape), item.reason) for item in report.fresh]
    rows += [("ignored", "", item.theirs, "", item.reason) for item in report.ignored]
    header = ("", "weight", "tensor in the checkpoint", "shape", "how, or why")
    print_table(summary(report), rows, header=header)


def summary(report: Report) -> str:
    """One line: how many weights are loaded, fresh, and how many tensors are ignored."""
    counts = (len(report.loaded), len(report.fresh), len(report.ignored))
    return "{} weights loaded, {} drawn fresh, {} tensors ignored".format(*counts)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"
