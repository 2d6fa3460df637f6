"""The table of what a model costs."""

import re
from typing import Any

from playmask.cli.actions.inspect import human
from playmask.cli.output import print_table
from playmask.inspection.cost import BACKWARD, Counts, Line

HEADER = (
    "", "parameters", "multiply-adds", "in training", "activations", "in training", "share"
)  # fmt: skip


def to_json(found: Counts) -> dict[str, Any]:
    """The counts for machines; memory in bytes."""
    return {
        "batch": found.batch,
        "length": found.length,
        "parameters": found.parameters,
        "multiply_adds": found.products,
        "training_multiply_adds": found.training_products,
        "activation_bytes": found.memory,
        "training_activation_bytes": found.training_memory,
        "lines": [
            line._asdict() | {"activations": line.activations * found.size} for line in found.lines
        ],
    }


def print_counts(name: str, found: Counts, *, blocks: bool) -> None:
    """Draw the table: a line for each sub-layer, then all of them."""
    lines = found.lines if blocks else alike(found.lines)
    rows = [_row(line, found) for line in lines]
    total = (
        "all", f"{found.parameters:,}", f"{found.products:,}", f"{found.training_products:,}",
        human(found.memory), human(found.training_memory), "100.0 %",
    )  # fmt: skip
    title = f"{name}: {found.batch} × {found.length} tokens"
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


def _row(line: Line, found: Counts) -> tuple[str, ...]:
    """A line; a forward pass gives its memory back before the next one, training keeps it."""
    count = int(line.name.split(" × ")[1]) if " × " in line.name else 1
    return (
        line.name,
        f"{line.parameters:,}",
        f"{line.products:,}",
        f"{(1 + BACKWARD) * line.products:,}",
        human(line.activations // count * found.size),
        human(line.activations * found.size),
        f"{line.products / max(found.products, 1):.1%}".replace("%", " %"),
    )
