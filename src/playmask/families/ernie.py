"""ERNIE (Baidu): BERT with a table of tasks (Sun et al. 2019, 2020)."""

from playmask.families.config import Fields, Key
from playmask.families.encoders import (
    KEYS,
    TABLE,
    configuration,
    huggingface,
    huggingface_heads,
    huggingface_names,
)
from playmask.families.family import Family
from playmask.families.published_heads import POOLED, encoder_heads
from playmask.model.architecture import Architecture

BASE = Architecture(
    family="ernie",
    vocabulary=40000,
    width=768,
    depth=12,
    attention_heads=12,
    inner=3072,
    segments=4,
    tasks=3,
)
"""The sizes of ERNIE 3.0 base."""


def from_fields(fields: Fields) -> Fields:
    """The task table, where it is used."""
    used, rows = fields.pop("uses_tasks", False), fields.pop("tasks", BASE.tasks)
    return fields | {"tasks": rows if used else 0}


def to_fields(architecture: Architecture) -> Fields:
    """Whether tasks are used."""
    return {"uses_tasks": architecture.tasks > 0, "tasks": architecture.tasks or BASE.tasks}


ERNIE = Family(
    "ernie",
    BASE,
    configuration(
        BASE,
        keys=(
            *KEYS,
            *TABLE,
            Key("task_type_vocab_size", "tasks"),
            Key("use_task_id", "uses_tasks"),
        ),
        architectures="ErnieForPreTraining",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {
        "huggingface": huggingface(
            [*huggingface_names("ernie."), *huggingface_heads("ernie.")], "ernie."
        )
    },
    frozenset({"ernie"}),
    marks=frozenset({"use_task_id", "task_type_vocab_size"}),
    heads=("pool", "nsp", "mlm"),
    published=encoder_heads(POOLED),
    models="ERNIE 1.0 to 3.0",
)
