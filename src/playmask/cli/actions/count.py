"""The table of what a model costs."""

import re
from typing import Any

from playmask.cli.output import print_table
from playmask.inspection.cost import BACKWARD, Counts, Line
from playmask.inspection.wording import bytes_in_words

HEADER = (
    "", "parameters", "multiply-adds", "multiply-adds in training", "activations",
    "activations in training", "share",
)  # fmt: skip


def to_json(counts: Counts) -> dict[str, Any]:
    """The counts for machines; memory in bytes."""
    return {
        "batch": counts.batch,
        "length": counts.length,
        "parameters": counts.parameters,
        "multiply_adds": counts.products,
        "training_multiply_adds": counts.training_products,
        "activation_bytes": counts.memory,
        "training_activation_bytes": counts.training_memory,
        "lines": [
            line._asdict() | {"activations": line.activations * counts.size}
            for line in counts.lines
        ],
    }


def print_counts(name: str, counts: Counts, *, blocks: bool) -> None:
    """Draw the table: a line for each sub-layer, then all of them."""
    lines = counts.lines if blocks else alike(counts.lines)
    rows = [_row(line, counts) for line in lines]
    total = (
        "all", f"{counts.parameters:,}", f"{counts.products:,}", f"{counts.training_products:,}",
        bytes_in_words(counts.memory), bytes_in_words(counts.training_memory), "100.0 %",
    )  # fmt: skip
    title = f"{name}: {counts.batch} × {counts.length} tokens"
    print_table(title, [*rows, total], header=HEADER, numbers=True)


def alike(lines: tuple[Line, ...]) -> list[Line]:
    """One line for sub-layers of the same name in blocks, with how many they are."""
    kinds: dict[str, list[Line]] = {}
    for line in lines:
        kinds.setdefault(re.sub(r"/\d+/", "/*/", line.name), []).append(line)
    return [
        Line(
            f"{kind} × {len(group)}" if "*" in kind else kind,
            *(sum(column) for column in list(zip(*group, strict=True))[1:]),
        )
        for kind, group in kinds.items()
    ]


def _row(line: Line, counts: Counts) -> tuple[str, ...]:
    """A line; a forward pass gives its memory back before the next one, training keeps it."""
    count = int(line.name.split(" × ")[1]) if " × " in line.name else 1
    return (
        line.name,
        f"{line.parameters:,}",
        f"{line.products:,}",
        f"{(1 + BACKWARD) * line.products:,}",
        bytes_in_words(line.activations // count * counts.size),
        bytes_in_words(line.activations * counts.size),
        f"{line.products / max(counts.products, 1):.1%}".replace("%", " %"),
    )
