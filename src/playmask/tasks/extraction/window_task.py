"""Extraction from texts of any length, read in windows."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from playmask.data.annotated import Mention
from playmask.data.examples import Examples
from playmask.errors import ConfigError
from playmask.model.transformer import Transformer
from playmask.runtime.batches import Row
from playmask.tasks.task import Task, open_model
from playmask.tasks.texts import texts_of
from playmask.tasks.windows import Outputs, Window, suited, windows_over
from playmask.tokenizers import Tokenizer


class WindowTask(Task):
    """A task that finds something in texts of any length; each example has a `text`.

    A text of more than max_length tokens is read in windows that share a quarter of them; what is
    found is taken from the window that shows most around it.
    """

    best: ClassVar[str | None] = "f1"

    @classmethod
    def settle(
        cls,
        model: Transformer | str | Path,
        labels: Sequence[str],
        tokenizer: Tokenizer | None,
        settings: Mapping[str, Any],
    ) -> Self:
        """Make the task for a model, or the checkpoint at a path."""
        transformer, tokenizer = open_model(model, tokenizer)
        names = [str(label) for label in labels]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"At least one label is needed, and each once; received {names}.")
        settings = {"labels": names, **settings}
        return cls(cls.make_network(transformer, settings), tokenizer, settings)

    @property
    def labels(self) -> list[str]:
        """What may be found."""
        return self.settings["labels"]

    # What a task says of itself

    @abstractmethod
    def read_file(self, path: str | Path, **how: Any) -> Examples:
        """Read the examples of a file."""

    @abstractmethod
    def suitable(self, example: Any) -> Any:
        """An example that the task can learn, also from (text, what is in it); or BadExample."""

    @abstractmethod
    def found(self, windows: Sequence[Window], outputs: Outputs) -> Iterable[tuple[int, Any]]:
        """What the network's outputs say, with the numbers of the texts that it is in."""

    @abstractmethod
    def shown(self, text: str, found: Sequence[Any]) -> tuple[list[Mention], list[str]]:
        """What to mark in a text of what was found there, and lines that say the rest."""

    @property
    def marks(self) -> list[str]:
        """The labels of what `shown` marks."""
        return self.labels

    # What all share

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples:
        """Read texts with what is in them from a file, or take a sequence of (text, that)."""
        if isinstance(data, (str, Path)):
            how = {"columns": columns} if columns else {}
            examples = self.read_file(data, labels=self.labels, skip_bad=skip_bad, **how)
        else:
            examples = data
        return suited(examples, self.suitable, skip_bad=skip_bad)

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """All windows of some texts, in order."""
        return windows_over(self.tokenizer, self.settings["max_length"], texts)

    def rows(self, examples: Sequence[Any]) -> list[Row]:
        """The tokens of each window of each example."""
        return [self.row_of(window) for window in self.windows([e.text for e in examples])]

    def row_of(self, window: Window) -> Row:
        """The network's inputs for a window."""
        return self.inputs(window.encoding)

    def row(self, text: str) -> Row:
        """The network's inputs for the beginning of a text."""
        return self.row_of(self.windows([text])[0])

    def predict(self, texts: str | list[str]) -> Any:
        """What is in a text, or in each of a list: sorted by place, with probabilities."""
        several = texts_of(texts)
        windows = self.windows([text if text.strip() else "" for text in several])
        found: list[list[Any]] = [[] for _ in several]
        shown = [window for window in windows if window.total]
        if shown:
            outputs = self.predictor([self.row_of(window) for window in shown])
            for i, each in self.found(shown, outputs):
                found[i].append(each)
        found = [sorted(each) for each in found]
        return found[0] if isinstance(texts, str) else found
