"""Long texts in windows: what tasks that find something in texts of any length share."""

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from playmask.data.batches import Row
from playmask.data.gathering import BadExample
from playmask.data.mentions import Mention
from playmask.data.readers import Examples
from playmask.errors import ConfigError, DataError
from playmask.tasks.task import Task, open_model
from playmask.tasks.tokens import texts_of
from playmask.tokenizers import Encoding, Tokenizer
from playmask.transformer import Transformer

Outputs = Sequence[Mapping[str, np.ndarray]]


class Window(NamedTuple):
    """What the model reads of a text at once: the tokens first … last - 1 of `total`, in a frame.

    text: the number of the text; head: how many special tokens stand before
    """

    text: int
    encoding: Encoding
    first: int
    last: int
    total: int
    head: int

    def margin(self, first: int, last: int) -> float:
        """How much the window shows on the side of tokens first … last that shows less; -1: none.

        At the ends of a text nothing is missing.
        """
        if first < self.first or last >= self.last:
            return -1
        left = np.inf if self.first == 0 else first - self.first
        right = np.inf if self.last == self.total else self.last - 1 - last
        return float(min(left, right))

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Where its tokens stand in the text, without those of the frame."""
        return self.encoding.offsets[self.head : self.head + self.last - self.first]

    def tokens_of(self, mention: Mention) -> "Cut | None":
        """The window's tokens that a mention touches; None if it touches none."""
        offsets = self.offsets
        first = bisect_right([end for _, end in offsets], mention.start)
        last = bisect_left([start for start, _ in offsets], mention.end) - 1
        if last < first:
            return None
        return Cut(
            first,
            last,
            self.first > 0 and mention.start < offsets[0][0],
            self.last < self.total and mention.end > offsets[-1][1],
        )


class Cut(NamedTuple):
    """The tokens first … last of a window, counted without its frame; what it cuts off."""

    first: int
    last: int
    left: bool
    right: bool


class WindowTask(Task):
    """A task that finds something in texts of any length; each example has a `text`.

    A text of more than max_length tokens is read in windows that share a quarter of them; what is
    found is taken from the window that shows most around it.
    """

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
        kept: Examples = Examples(skipped=getattr(examples, "skipped", ()))
        for i, example in enumerate(examples):
            try:
                kept.append(self.suitable(example))
            except BadExample as error:
                reason = f"Text {i}, {_beginning(example)}: {error}"
                if not skip_bad:
                    raise DataError(reason) from None
                kept.skipped.append(reason)
        if not kept:
            raise DataError("There are no texts to learn from; at least one is needed.")
        return kept

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """All windows of some texts, in order."""
        longest = self.settings["max_length"]
        frame = self.tokenizer.frame
        head, room = len(frame.head), longest - frame.size(1)
        overlap = room // 4
        if room < 4:
            raise ConfigError(f"max_length is {longest}; {4 + frame.size(1)} is the least.")
        many = self.tokenizer.encode(list(texts), max_length=longest, stride=overlap)
        found = []
        for text, encodings in enumerate(many):
            starts = [i * (room - overlap) for i in range(len(encodings))]
            total = starts[-1] + len(encodings[-1]) - frame.size(1)
            found += [
                Window(text, each, start, start + len(each) - frame.size(1), total, head)
                for start, each in zip(starts, encodings, strict=True)
            ]
        return found

    def rows(self, examples: Sequence[Any]) -> list[Row]:
        """The tokens of each window of each example."""
        return [self.row_of(window) for window in self.windows([e.text for e in examples])]

    def row_of(self, window: Window) -> Row:
        """The network's inputs for a window."""
        if self.transformer.architecture.segments == "tokens":
            return {"tokens": window.encoding.ids}
        return {"tokens": window.encoding.ids, "segments": window.encoding.segments}

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


class Neighbours:
    """Which window of a text shows most around some tokens; it is the one that decides."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.beside: dict[int, list[Window]] = {}
        for window in windows:
            self.beside.setdefault(window.text, []).append(window)

    def decides(self, window: Window, first: int, last: int) -> bool:
        """Whether a window does for the tokens first … last of it, counted without its frame."""
        place = (window.first + first, window.first + last)
        return window is max(self.beside[window.text], key=lambda w: w.margin(*place))


def _beginning(example: Any) -> str:
    """The beginning of an example's text, as far as it has one."""
    return f"{getattr(example, 'text', example)!r:.40}"
