"""The table of families × formats × masks × heads × tasks, made from the families themselves."""

from playmask.families import FAMILIES, Family
from playmask.families.published_heads import QUESTION, SEQUENCE, TOKEN, UNIVERSAL
from playmask.model.masks import ORDERS

HEADER = ("family", "models", "formats", "masks", "heads; published tasks")
FORMATS = {
    "google": "TensorFlow",
    "huggingface": "safetensors, .bin",
    "megatron": ".pt of Megatron",
    "bert4keras": "Keras 2's HDF5 (read)",
}
"""Dialects, as people know their files; every family also has playmask's own."""


TASKS = {SEQUENCE: "texts", TOKEN: "tokens", QUESTION: "questions", UNIVERSAL: "prompts"}
"""What published classes with a head answer about, in short."""


def rows() -> list[tuple[str, ...]]:
    """One row a family."""
    return [
        (
            name,
            family.models,
            formats(family),
            ", ".join(masks(family)),
            heads(family),
        )
        for name, family in FAMILIES.items()
    ]


def formats(family: Family) -> str:
    """The files it is read from and written to, or read from alone."""
    return "; ".join(FORMATS[name] for name in family.readable)


def heads(family: Family) -> str:
    """The heads it was pretrained with, and the tasks whose published heads load."""
    tasks = [TASKS[ending] for ending in family.published if ending in TASKS]
    return "; ".join(", ".join(names) for names in (family.heads, tasks) if names)


def masks(family: Family) -> tuple[str, ...]:
    """The orders it can be loaded with."""
    if family.one_order:
        return ("its own",)
    return tuple(ORDERS)


def markdown_table() -> str:
    """The table as Markdown."""
    lines = [HEADER, ("---",) * len(HEADER), *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
