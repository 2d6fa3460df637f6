"""What tasks that find mentions share: reading, explaining, scoring."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playmask.data.annotated import Annotated, Mention, checked
from playmask.data.examples import Examples
from playmask.data.gathering import BadExample
from playmask.data.mentions import read_mentions
from playmask.errors import InputError
from playmask.metrics.sets import set_scores
from playmask.tasks.explaining import Question, one_text
from playmask.tasks.extraction.window_task import WindowTask


class MentionTask(WindowTask):
    """A task that finds mentions of some labels."""

    def read_file(self, path: str | Path, **how: Any) -> Examples[Annotated]:
        """Read texts with mentions, as `read_mentions` does."""
        return read_mentions(path, **how)

    def suitable(self, example: Any) -> Annotated:
        """An Annotated of the task's labels, also from (text, mentions)."""
        return checked(_annotated(example), self.labels)

    def shown(self, text: str, found: Sequence[Mention]) -> tuple[list[Mention], list[str]]:
        """The mentions."""
        return [*found], []

    def question(self, texts: Sequence[str], answer: str | None) -> Question:
        """How surely the surest mention of a label is one; without a label, the surest of all."""
        text = one_text(texts, self.kind)
        window, *more = self.windows([text])
        found = [mention for mention in self.predict(text) if answer in (None, mention.label)]
        places = [(mention, window.whole(mention.start, mention.end)) for mention in found]
        whole = [(mention, place) for mention, place in places if place]
        if not whole:
            of = "" if answer is None else f" {answer!r}"
            raise InputError(f"The task finds no mention{of} in {text!r:.60}.")
        mention, place = max(whole, key=lambda both: both[0].score)
        return Question(
            self.row_of(window),
            window.encoding.offsets,
            window.encoding.sources,
            [window.offsets[-1][1] if more else len(text)],
            mention.label,
            self.told(mention.label, *place),
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


def _annotated(example: Any) -> Annotated:
    """An Annotated, or (text, mentions)."""
    if not isinstance(example, (tuple, list)) or len(example) != 2:
        raise BadExample(f"It is {example!r:.80}, not (text, mentions).")
    try:
        return Annotated(example[0], tuple(Mention(*mention) for mention in example[1]))
    except TypeError:
        raise BadExample(
            f"Its mentions are {example[1]!r:.60}, not a list of (start, end, label)."
        ) from None
