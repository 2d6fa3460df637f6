"""Which head of a task a published checkpoint has: by the class it declares, or by its tensors."""

import re
from collections.abc import Mapping
from typing import Any

from playmask.checkpoints.source import Source
from playmask.errors import CheckpointError, ConfigError, brief
from playmask.families.family import Family
from playmask.families.names import Dialect

CLASS = re.compile(r"(.*?)(For[A-Z]\w*|LMHeadModel|Model)")
"""A class: what all of its family begin with, and what it does."""

CONTAINER = "huggingface"


def class_of(config: Mapping[str, Any]) -> str:
    """The class that a configuration declares; "" where it declares none."""
    declared = config.get("architectures")
    if not declared:
        return ""
    if not isinstance(declared, list) or not isinstance(declared[0], str):
        raise ConfigError(
            f'architectures is {brief(declared)}; a list such as ["BertForMaskedLM"] is due.'
        )
    return declared[0]


def head_of(source: Source, family: Family, dialect: Dialect) -> str:
    """The head of a task that a checkpoint has; "" where it has none, or which cannot be told."""
    if source.container != CONTAINER:
        return ""
    declared = class_of(source.config)
    if declared:
        match = CLASS.fullmatch(declared)
        head = match[2] if match else declared
        return head if head in family.published else ""
    fitting = _fitting(source, family, dialect)
    return fitting[0] if len(fitting) == 1 else ""


def _fitting(source: Source, family: Family, dialect: Dialect) -> list[str]:
    """The heads of a family all of whose tensors a checkpoint has, and what they read."""
    return [
        name
        for name, head in family.published.items()
        if all(rule.theirs in source.tensors for rule in head.rules)
        and all(any(n in source.tensors for n in dialect.names_of(need)) for need in head.needs)
    ]


def class_with(head: str, config: Mapping[str, Any], family: Family) -> str:
    """The class of a family that has a head; that of a model whose configuration this is."""
    if not CLASS.fullmatch(head):
        return head  # it has the same name in all families
    usual = family.configuration.constants[CONTAINER]
    matches = [CLASS.fullmatch(class_of(each)) for each in (config, usual)]
    return next((match[1] for match in matches if match), "") + head


def why_no_head(source: Source, family: Family, dialect: Dialect) -> CheckpointError:
    """The error that says why no task can be made of a published checkpoint."""
    declared, known = class_of(source.config), ", ".join(family.published)
    start = f"There is no task in {source.path}"
    if declared:
        of = f"those with heads of tasks end in {known}" if known else "no class of it has a head"
        return CheckpointError(
            f"{start}: its class is {declared}; of the family {family.name!r} {of}. playmask.load "
            "loads its encoder."
        )
    fitting = _fitting(source, family, dialect)
    if fitting:
        return CheckpointError(
            f"{start}: its configuration declares no class, and its tensors may be of "
            f'{" or ".join(fitting)}; write which into it, such as "architectures": '
            f'["{class_with(fitting[0], source.config, family)}"].'
        )
    return CheckpointError(
        f"{start}: its configuration declares no class, and it has no head of a task."
    )
