"""The labels of logits, as configurations of published models name them."""

from collections.abc import Iterable, Mapping
from typing import Any

from playmask.errors import ConfigError, brief

LABEL = "LABEL_{}"
"""What Hugging Face calls a label without a name."""


def labels_json(labels: Iterable[str]) -> dict[str, Any]:
    """What a published configuration says of labels, in the order of the logits."""
    names = [*labels]
    return {
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
    }


def labels_in(config: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The labels that a configuration names, in the order of so many logits.

    Raises: ConfigError where they are not as many
    """
    names = config.get("id2label")
    if names is None:
        return tuple(map(LABEL.format, range(count)))
    if not isinstance(names, Mapping) or not all(isinstance(each, str) for each in names.values()):
        raise ConfigError(f"id2label is {brief(names)}; a name for each logit is due.")
    if {*names} != {*map(str, range(count))}:
        raise ConfigError(
            f"id2label has the numbers {brief([*names])}, but the head has {count} logits, "
            f"0 to {count - 1}."
        )
    return tuple(names[str(i)] for i in range(count))
