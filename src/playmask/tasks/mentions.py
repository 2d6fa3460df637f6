"""What tasks share that find mentions: windows over long texts, reading, scoring."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from playmask.data.batches import Row
from playmask.data.mentions import Annotated, BadMention, Mention, checked, read_mentions
from playmask.data.readers import Examples
from playmask.errors import ConfigError, DataError, InputError
from playmask.metrics.sets import set_scores
from playmask.tasks.questions import Question, one_text
from playmask.tasks.task import Task, open_model
from playmask.tasks.tokens import texts_of
from playmask.tokenizers import Encoding, Tokenizer
from playmask.transformer import Transformer


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


class MentionTask(Task):
    """A task that finds mentions of some labels in texts of any length.

    A text of more than max_length tokens is read in windows that share a quarter of them; each
    mention is taken from the window that shows most around it.
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
        """What mentions may be."""
        return self.settings["labels"]

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples[Annotated]:
        """Read texts with mentions from a file, or take a sequence of (text, mentions)."""
        if isinstance(data, (str, Path)):
            examples = read_mentions(data, labels=self.labels, columns=columns, skip_bad=skip_bad)
        else:
            examples = Examples(_annotated(i, item) for i, item in enumerate(data))
        kept: Examples[Annotated] = Examples(skipped=examples.skipped)
        for i, example in enumerate(examples):
            try:
                kept.append(self.suitable(checked(example, self.labels)))
            except BadMention as error:
                if not skip_bad:
                    raise DataError(f"Text {i}, {example.text!r:.40}: {error}") from None
                kept.skipped.append(f"Text {i}: {error}")
        if not kept:
            raise DataError("There are no texts to learn from; at least one is needed.")
        return kept

    def suitable(self, example: Annotated) -> Annotated:
        """An example that the task can learn, or BadMention."""
        return example

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

    def rows(self, examples: Sequence[Annotated]) -> list[Row]:
        """The tokens of each window of each example."""
        return [self._row(window) for window in self.windows([e.text for e in examples])]

    def _row(self, window: Window) -> Row:
        if self.transformer.architecture.segments == "tokens":
            return {"tokens": window.encoding.ids}
        return {"tokens": window.encoding.ids, "segments": window.encoding.segments}

    def row(self, text: str) -> Row:
        """The network's inputs for the beginning of a text."""
        return self._row(self.windows([text])[0])

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How surely the surest mention of a label is one; without a label, the surest of all."""
        text = one_text(texts, self.kind)
        window, *more = self.windows([text])
        found = [mention for mention in self.predict(text) if answer in (None, mention.label)]
        cuts = [(mention, window.tokens_of(mention)) for mention in found]
        whole = [(m, cut) for m, cut in cuts if cut and not cut.left and not cut.right]
        if not whole:
            of = "" if answer is None else f" {answer!r}"
            raise InputError(f"The task finds no mention{of} in {text!r:.60}.")
        mention, cut = max(whole, key=lambda both: both[0].score)
        return Question(
            self._row(window),
            window.encoding.offsets,
            window.encoding.sources,
            [window.offsets[-1][1] if more else len(text)],
            mention.label,
            self.told(mention.label, window.head + cut.first, window.head + cut.last),
        )

    def told(self, label: str, first: int, last: int) -> tuple[Any, ...]:
        """What `score` needs to know of a mention: its label, its first and its last token."""
        raise NotImplementedError

    def evaluate(self, data: Any, *, skip_bad: bool = False) -> dict[str, float]:
        """Precision, recall and F1 of mentions: place and label must be just so."""
        examples = self.read(data, skip_bad=skip_bad)
        found = self.predict([example.text for example in examples])
        exact = [[[m[:3] for m in each] for each in texts] for texts in (
            found, [example.mentions for example in examples]
        )]  # fmt: skip
        return {**set_scores(*exact)._asdict(), "examples": len(examples)}

    def predict(self, texts: str | list[str]) -> Any:
        """The mentions of a text, or of each of a list: sorted by place, with probabilities."""
        several = texts_of(texts)
        windows = self.windows([text if text.strip() else "" for text in several])
        found: list[list[Mention]] = [[] for _ in several]
        shown = [window for window in windows if window.total]
        if shown:
            outputs = self.predictor([self._row(window) for window in shown])
            for i, mention in self.mentions(shown, outputs):
                found[i].append(mention)
        found = [sorted(each) for each in found]
        return found[0] if isinstance(texts, str) else found

    def mentions(
        self, windows: Sequence[Window], outputs: Sequence[Mapping[str, np.ndarray]]
    ) -> list[tuple[int, Mention]]:
        """What the network's outputs say, as mentions with the numbers of their texts."""
        raise NotImplementedError


def _annotated(i: int, item: Any) -> Annotated:
    """An Annotated, or (text, mentions)."""
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise DataError(f"Example {i} is {item!r:.80}, not (text, mentions).")
    try:
        return Annotated(item[0], tuple(Mention(*mention) for mention in item[1]))
    except TypeError:
        raise DataError(
            f"Example {i} has the mentions {item[1]!r:.60}, not a list of (start, end, label)."
        ) from None
