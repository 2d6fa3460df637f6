"""Ensembles: several trained tasks that answer as one, by the mean of their probabilities."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playmask.errors import CheckpointError, ConfigError
from playmask.files import read_json, write_json
from playmask.tasks.classification.text_task import Text, TextTask, unlabelled

ENSEMBLE = "ensemble.json"

SHARED = frozenset(
    "name settings transformer metrics metric scores_answers submission reads_lines read_inputs "
    "read_references input_of example_json answer_json target_json alignment_notes measure report "
    "space labels check_pair".split()
)
"""What an ensemble has of its first member, since it is the same in all."""


class Ensemble:
    """Answers by the mean of the probabilities of several trained tasks of texts.

    `load_task` gives one of a folder in which `CrossValidation.save_ensemble` has listed the folds.
    Raises: ConfigError for members that score no answers, or have other settings, as labels

    Example:
        >>> tasks = [TextClassifier.new(model, ["bad", "good"], max_length=16) for _ in range(2)]
        >>> chances = [task.predict("味道不错").probabilities["good"] for task in tasks]
        >>> both = Ensemble(tasks).predict("味道不错").probabilities["good"]
        >>> bool(np.isclose(both, np.mean(chances)))
        True

    """

    def __init__(self, members: Sequence[TextTask[Any]]) -> None:
        odd = next((each for each in members if not isinstance(each, TextTask)), None)
        if odd is not None or not members:
            name = "no task" if odd is None else f"a task {getattr(odd, 'name', odd)!r}"
            raise ConfigError(
                f"An ensemble is made of tasks of texts or pairs, which score answers; {name} came."
            )
        other = next((each for each in members if each.settings != members[0].settings), None)
        if other is not None:
            both = f"{members[0].settings} and {other.settings}"
            raise ConfigError(f"The members of an ensemble have other settings: {both!s:.300}.")
        self.members = tuple(members)

    def __getattr__(self, name: str) -> Any:
        if name not in SHARED:
            raise AttributeError(
                f"An ensemble has no {name!r}: it predicts and evaluates; what else a task does, "
                "one of its members does."
            )
        return getattr(self.members[0], name)

    def answer(self, examples: Sequence[Any]) -> list[Any]:
        """What is answered to each example."""
        if not examples:
            return []
        logits = np.stack([member.logits(examples) for member in self.members])
        space = self.members[0].space
        return space.answers(space.averaged(logits))

    def predict(self, texts: Text | list[Text]) -> Any:
        """The answer to a text, a pair, or a list of either."""
        if isinstance(texts, (str, tuple)):
            return self.predict([texts])[0]
        return self.answer([unlabelled(i, text) for i, text in enumerate(texts)])

    def evaluate(
        self, data: Any, *, metric: str | None = None, skip_bad: bool = False
    ) -> dict[str, float]:
        """Measure on labelled examples, as each of its members does."""
        examples = self.read_references(data, skip_bad=skip_bad)
        scores = self.measure(examples, self.answer(examples), metric)
        return {**scores, "examples": len(examples)}


def write_ensemble(directory: Path, names: Sequence[str], load: Callable[[Path], Any]) -> Path:
    """List the folders of an ensemble's members in the folder that holds them."""
    Ensemble([load(directory / name) for name in names])  # refuses what is none
    write_json(directory / ENSEMBLE, {"format": 1, "members": [*names]})
    return directory


def is_ensemble(directory: Path) -> bool:
    """Whether a folder lists the members of an ensemble."""
    return (directory / ENSEMBLE).is_file()


def load_ensemble(directory: Path, load: Callable[[Path], Any]) -> Ensemble:
    """The ensemble that a folder lists, whose members are folders in it."""
    file = directory / ENSEMBLE
    listed = read_json(file)
    names = listed.get("members") if isinstance(listed, dict) else None
    if not isinstance(names, list) or not all(
        isinstance(name, str) and Path(name).name == name for name in names
    ):
        raise CheckpointError(f"{file} lists no folders that stand beside it.")
    return Ensemble([load(directory / name) for name in names])
