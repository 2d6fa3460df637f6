"""ERNIE (Baidu): BERT with a table of tasks (Sun et al. 2019, 2020)."""

from dataclasses import replace

from playmask.families.config import Fields, Key, refuse_others
from playmask.families.encoders import (
    KEYS,
    TABLE,
    configuration,
    huggingface,
    huggingface_heads,
    huggingface_names,
)
from playmask.families.family import Family
from playmask.families.published_heads import POOLED, UNIVERSAL, encoder_heads, universal
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


PADDLE = (
    Key("sent_type_vocab_size", "segments", dialect=""),
    Key("task_id", "task", dialect=""),
    Key("pool_act", "pool_activation", dialect=""),
    Key("fuse", "fuses", dialect=""),
    Key("enable_recompute", "recomputes", dialect=""),
)
"""Keys of PaddleNLP's that conversions of its models keep."""

SPEED = ("fuses", "recomputes")  # which change no output
USUAL = {"task": 0, "pool_activation": "tanh"}
"""What they say of all published models."""


def from_fields(fields: Fields) -> Fields:
    """The task table, where it is used."""
    refuse_others(fields, USUAL, "ernie")
    fields = {name: value for name, value in fields.items() if name not in SPEED}
    used, rows = fields.pop("uses_tasks", False), fields.pop("tasks", BASE.tasks)
    return fields | {"tasks": rows if used else 0}


def to_fields(architecture: Architecture) -> Fields:
    """Whether tasks are used."""
    return {"uses_tasks": architecture.tasks > 0, "tasks": architecture.tasks or BASE.tasks}


ROOT = "ernie."
NAMES = huggingface(
    [*huggingface_names(ROOT), *huggingface_heads(ROOT)],
    ROOT,
    ((r"^linear_(start|end)\.", "the head of another task"),),
)
"""The names of Hugging Face's classes; that of UIE calls the model `encoder`."""

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
            *PADDLE,
        ),
        architectures="ErnieForPreTraining",
        from_fields=from_fields,
        to_fields=to_fields,
    ),
    {"huggingface": replace(NAMES, aliases=(*NAMES.aliases, (ROOT, "encoder.")))},
    frozenset({"ernie"}),
    marks=frozenset({"use_task_id", "task_type_vocab_size"}),
    heads=("pool", "nsp", "mlm"),
    published={**encoder_heads(POOLED), UNIVERSAL: universal(ROOT)},
    models="ERNIE 1.0 to 3.0",
)
