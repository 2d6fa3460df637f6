"""What the ways to answer questions about passages share: reading, merging, scoring."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from playmask.data.examples import Examples
from playmask.data.gathering import BadExample, gather
from playmask.data.offsets import check_place
from playmask.data.passages import Asked, read_passages
from playmask.errors import ConfigError, InputError
from playmask.metrics.reading import CMRC, DUREADER, SQUAD, reading_scores
from playmask.tasks.task import Task
from playmask.tasks.windows import Window, suited, windows_over

CANDIDATES = 64  # stretches of a window that are looked at
SHOWN = 40  # characters of a question that errors quote


class Answer(NamedTuple):
    """The characters start … end - 1 of a passage, and how probable this text is the answer.

    No answer is the empty text.
    """

    text: str
    start: int
    end: int
    score: float


class Odds(NamedTuple):
    """What a window, or a passage, may answer, against there being no answer in it, in nats.

    places: (n, 2) characters; odds: (n,); total: the log of the summed odds of all stretches,
    also of those that are not listed
    """

    places: np.ndarray
    odds: np.ndarray
    total: float


class Reader(Task):
    """A task that answers questions about passages of any length by stretches of them.

    A passage is read in windows that hold the whole question and share a quarter of their tokens.
    """

    metrics: ClassVar = {"dureader": DUREADER, "cmrc": CMRC, "squad": SQUAD}

    @abstractmethod
    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; each stretch of a text in one of its windows only."""

    def read(
        self, data: Any, *, skip_bad: bool = False, columns: Sequence[str] | None = None
    ) -> Examples[Asked]:
        """Read questions with located answers from a file, or take a sequence of Asked."""
        if isinstance(data, (str, Path)):
            held = read_passages(data, columns=columns, skip_bad=skip_bad)
            data = self.askable(held, data, skip_bad=skip_bad)
        return suited(data, _learnable, skip_bad=skip_bad)

    def read_wanted(self, data: Any, *, skip_bad: bool = False, **how: Any) -> Examples[Asked]:
        """Read questions with answers that need not stand in the passage: texts are compared."""
        if isinstance(data, (str, Path)):
            held = read_passages(data, located=False, skip_bad=skip_bad, **how)
            data = self.askable(held, data, skip_bad=skip_bad)
        return suited(data, _answered, skip_bad=skip_bad)

    def askable(
        self, examples: Examples[Asked], path: str | Path, *, skip_bad: bool
    ) -> Examples[Asked]:
        """Those of a file's questions that leave room for their passages in a window."""
        placed = zip(examples.places, examples, strict=True)
        made = ((place, partial(self.suitable, each)) for place, each in placed)
        kept = gather(Path(path), made, skip_bad=skip_bad)
        return Examples(kept, [*examples.skipped, *kept.skipped], kept.places)

    def suitable(self, example: Any) -> Any:
        """A question, also without its answers, that leaves room for its passage; or BadExample."""
        size = len(self.tokenizer.encode(example[0], special=False))
        room = self.reads - self.tokenizer.frame.size(2)
        most = room - 2 * (room // 4)
        if size > most:
            raise BadExample(
                f"The question {_short(example[0])!r} has {size} tokens; with a max_length of "
                f"{self.settings['max_length']} it may have {most}, beside its passage."
            )
        return example

    def facts(self, examples: Sequence[Asked]) -> dict[str, Any]:
        """Whether some questions have no answer."""
        return {"impossible": any(example.impossible for example in examples)}

    def windows(self, asked: Sequence[Any]) -> list[Window]:
        """All windows of some questions and passages, in order."""
        questions, texts = [each[0] for each in asked], [each[1] for each in asked]
        try:
            return windows_over(self.tokenizer, self.reads, texts, questions)
        except InputError:
            self._refuse(asked)
            raise

    def _refuse(self, asked: Sequence[Any]) -> None:
        """Say which question is too long."""
        for i, each in enumerate(asked):
            try:
                self.suitable(each)
            except BadExample as error:
                raise InputError(f"Text {i}: {error}") from None

    @property
    def reads(self) -> int:
        """The tokens of a question and what is seen of its passage, special ones included."""
        return self.settings["max_length"]

    def evaluate(
        self, data: Any, *, skip_bad: bool = False, metric: str | None = None
    ) -> dict[str, float]:
        """F1 and exact matches, in per cent, by the rule of a competition: dureader, cmrc, squad.

        An impossible question wants the empty answer.
        """
        rule = self.metric(metric)
        examples = self.read_wanted(data, skip_bad=skip_bad)
        found = {str(i): answer.text for i, answer in enumerate(self.predict([*examples]))}
        wanted = {str(i): each.answers or ("",) for i, each in enumerate(examples)}
        scores = reading_scores(found, wanted, rule)
        return {"f1": scores.f1, "exact": scores.exact, "examples": len(examples)}

    def predict(self, asked: Any, *, best: int | None = None) -> Any:
        """Answer (question, passage), or each of a list; with `best`, so many answers of each.

        Answers of the same text count as one, where it is likeliest. The scores of all possible
        answers add up to 1. No answer (the empty text) is one of them, where some of the
        questions that were learnt had none.
        """
        one = isinstance(asked, tuple)
        several = [pair_of(i, each) for i, each in enumerate([asked] if one else asked)]
        if best is not None and not (type(best) is int and 1 <= best <= CANDIDATES):
            raise InputError(f"best is from 1 to {CANDIDATES}, not {best!r}.")
        windows = [window for window in self.windows(several) if window.total]
        texts = [text for _, text in several]
        parts: list[list[Odds]] = [[] for _ in several]
        for window, odds in zip(windows, self.odds(windows, texts) if windows else (), strict=True):
            parts[window.text].append(odds)
        found = [self._answers(text, part) for text, part in zip(texts, parts, strict=True)]
        answers: list[Any] = [each[0] if best is None else each[:best] for each in found]
        return answers[0] if one else answers

    def _answers(self, text: str, parts: Sequence[Odds]) -> list[Answer]:
        """What a passage answers, by what its windows do, the likeliest first.

        Of windows that know nothing of one another, at most one of which holds the answer, the
        odds add up: P(stretch) = odds / (1 + all odds), and 1 stands for no answer. Where there is
        no stretch at all, that is the answer.
        """
        found = any(len(part.places) for part in parts)
        none = [] if found and not self.settings.get("impossible") else [0.0]
        total = np.logaddexp.reduce([*none, *(part.total for part in parts)])
        merged = {"": Answer("", 0, 0, float(np.exp(-total)))} if none else {}
        places = [place for part in parts for place in part.places.tolist()]
        odds = np.concatenate([part.odds for part in parts]) if parts else np.zeros(0)
        for k in np.argsort(-odds, kind="stable"):
            start, end = places[k]
            chance, stated = float(np.exp(odds[k] - total)), text[start:end]
            first = merged.setdefault(stated, Answer(stated, start, end, 0.0))
            merged[stated] = first._replace(score=min(first.score + chance, 1.0))
        return sorted(merged.values(), key=lambda answer: -answer.score)


def check_answers(task: Reader, longest: int) -> None:
    """See that windows share as many tokens as an answer may have."""
    room = (task.reads - task.tokenizer.frame.size(2)) // 4
    if not 1 <= longest <= room:
        raise ConfigError(
            f"Answers may have {longest} tokens; windows of {task.reads} share {max(room, 0)}, in "
            "which an answer must fit: make them longer, or answers shorter."
        )


def _short(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def pair_of(i: int, asked: Any) -> tuple[str, str]:
    """A question and its passage, also from an Asked."""
    pair = asked[:2] if isinstance(asked, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        raise InputError(f"Text {i} is {asked!r:.60}, not (question, passage).")
    for each, what in zip(pair, ("question", "passage"), strict=True):
        if not each.strip():
            raise InputError(f"The {what} of text {i} is empty.")
    return pair[0], pair[1]


def _answered(example: Any) -> Asked:
    """See that a question is one, and has answers, or is known to have none."""
    if not isinstance(example, Asked):
        raise BadExample(f"It is {example!r:.60}, not an Asked.")
    try:
        pair_of(0, example)
    except InputError as error:
        raise BadExample(str(error)) from None
    if not example.answers and not example.places and not example.impossible:
        raise BadExample(f"The question {example.question!r:.40} has no answer.")
    stated = [example.text[start:end] for start, end in example.places]
    return example._replace(answers=example.answers or tuple(stated))


def _learnable(example: Any) -> Asked:
    """See that the answers have places too."""
    example = _answered(example)
    for place in example.places:
        check_place(example.text, *place)
    if not example.places and not example.impossible:
        raise BadExample(f"The answer {example.answers[0]!r:.40} has no place in the passage.")
    return example
