"""What the tasks share that answer questions about passages: reading, merging, scoring."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from playmask.data.examples import Examples
from playmask.data.gathering import BadExample, check_all
from playmask.data.inputs import read_questions
from playmask.data.offsets import trimmed
from playmask.data.passages import PassageQuestion, read_passages
from playmask.data.submissions import write_answers
from playmask.errors import ConfigError, DataError, InputError
from playmask.metrics.reading import CMRC, DUREADER, SQUAD, reading_scores
from playmask.tasks.example_notes import (
    Located,
    add_notes,
    misalignments,
    trimming_notes,
)
from playmask.tasks.reading.settings import PassageSettings
from playmask.tasks.reading.span_candidates import CANDIDATES
from playmask.tasks.task import Columns, Fields, Task
from playmask.tasks.windows import Window, windows_over

DIGITS = 6
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

    places: (n, 2) characters; odds: (n,); total: the log of the summed odds of all spans,
    also of those that are not listed
    """

    places: npt.NDArray[Any]
    odds: npt.NDArray[Any]
    total: float


Q = TypeVar("Q", bound=Sequence[Any])
R = TypeVar("R", bound=PassageSettings)


class Reader(Task[R], Generic[R]):
    """A task that answers questions about passages of any length by spans of them.

    A passage is read in windows that hold the whole question and share a quarter of their tokens.
    """

    metrics: ClassVar = {"dureader": DUREADER, "cmrc": CMRC, "squad": SQUAD}
    submission = staticmethod(write_answers)

    @abstractmethod
    def odds(self, windows: Sequence[Window], texts: Sequence[str]) -> list[Odds]:
        """What each window may answer; each span of a text in one of its windows only."""

    @classmethod
    def parse(
        cls, settings: R, path: str | Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[PassageQuestion]:
        """Read questions with located answers."""
        return read_passages(path, columns=columns, skip_bad=skip_bad)

    @classmethod
    def parse_references(
        cls, settings: R, path: str | Path, **options: Any
    ) -> Examples[PassageQuestion]:
        """Read questions with answers that need not stand in the passage: texts are compared."""
        return read_passages(path, located=False, **options)

    def check(self, example: Any) -> PassageQuestion:
        """A question with an answer that has a place, or that is known to have none."""
        question = self.check_reference(example)
        if not question.places and not question.impossible:
            raise BadExample(f"The answer {question.answers[0]!r:.40} has no place in the passage.")
        return question

    def check_reference(self, example: Any) -> PassageQuestion:
        """A question with an answer, or that is known to have none."""
        if not isinstance(example, PassageQuestion):
            raise BadExample(f"It is {example!r:.60}, not a PassageQuestion.")
        if not example.answers and not example.impossible:
            raise BadExample(f"The question {example.question!r:.40} has no answer.")
        places = tuple(trimmed(example.text, *place) for place in example.places)
        return self.check_room(
            example if places == example.places else example._replace(places=places)
        )

    def learnable(self, references: Examples[Any]) -> Examples[Any]:
        """The questions whose answers have places, or that have none.

        Raises: DataError where there is no such question
        """
        places = references.places
        some = [(p, e) for p, e in zip(places, references, strict=True) if e.places or e.impossible]
        if not some:
            raise DataError(
                f"{references.source}No question has an answer that stands in its passage."
            )
        learnt = Examples([e for _, e in some], (), [p for p, _ in some], references.path)
        learnt.notes = references.notes
        return learnt

    def check_notes(self, before: Examples[Any], after: Examples[Any]) -> list[str]:
        """How much was trimmed."""
        return trimming_notes(before, after, _located)

    def alignment_notes(self, examples: Sequence[Any]) -> list[str]:
        """Answers that no token's ends meet."""
        return misalignments(self.windows(examples), examples, _located)

    def learnt_windows(self, examples: Sequence[PassageQuestion]) -> list[Window]:
        """The windows of questions that are learnt; their notes say what cannot be found there."""
        windows = self.windows(examples)
        add_notes(examples, misalignments(windows, examples, _located))
        return windows

    def check_room(self, example: Q) -> Q:
        """A question, also without its answers, that leaves room for its passage."""
        size = len(self.tokenizer.encode(example[0], special=False))
        room = self.reads - self.tokenizer.frame.size(2)
        most = room - 2 * (room // 4)
        if size > most:
            raise BadExample(
                f"The question {_short(example[0])!r} has {size} tokens; with a max_length of "
                f"{self.settings.max_length} it may have {most}, beside its passage."
            )
        return example

    @classmethod
    def learn(cls, settings: R, examples: Examples[PassageQuestion]) -> R:
        """Whether some questions have no answer."""
        return settings.change(impossible=any(example.impossible for example in examples))

    def read_inputs(
        self, path: Path, *, columns: Columns = None, skip_bad: bool = False
    ) -> Examples[Any]:
        """Read questions and passages from a competition's file, or from a table."""
        questions = read_questions(path, columns, skip_bad=skip_bad)
        return check_all(questions, self.check_room, skip_bad=skip_bad)

    def input_of(self, example: Any) -> tuple[str, str]:
        """The question and its passage."""
        return example[0], example[1]

    def example_json(self, example: Any) -> Fields:
        """The question, and its id where it has one."""
        named = {"id": example.id} if isinstance(example, PassageQuestion) else {}
        return {**named, "question": example[0]}

    def answer_json(self, example: Any, answer: Answer) -> Fields:
        """The answer, its place and its probability."""
        text, start, end, score = answer
        return {"answer": text, "start": start, "end": end, "score": round(score, DIGITS)}

    def target_json(self, example: PassageQuestion) -> Fields:
        """The right answers; none where the question has none."""
        return {"answers": [*example.answers]}

    def windows(self, questions: Sequence[Any]) -> list[Window]:
        """All windows of some questions and passages, in order."""
        heads, texts = [each[0] for each in questions], [each[1] for each in questions]
        try:
            return windows_over(self.tokenizer, self.reads, texts, heads)
        except InputError:
            for i, each in enumerate(questions):  # which question is too long
                try:
                    self.check_room(each)
                except BadExample as error:
                    raise InputError(f"Text {i}: {error}") from None
            raise

    @property
    def reads(self) -> int:
        """The tokens of a question and what is seen of its passage, special ones included."""
        return self.settings.max_length

    def measure(
        self,
        examples: Sequence[PassageQuestion],
        answers: Sequence[Answer],
        metric: str | None = None,
    ) -> dict[str, float]:
        """F1 and exact matches, 0 to 1, by the rule of a competition: dureader, cmrc, squad.

        An impossible question's right answer is the empty text.
        """
        predictions = {str(i): answer.text for i, answer in enumerate(answers)}
        targets = {str(i): each.answers or ("",) for i, each in enumerate(examples)}
        scores = reading_scores(predictions, targets, self.metric(metric))
        return {"f1": scores.f1, "exact": scores.exact}

    def predict(self, questions: Any, *, best: int | None = None) -> Any:
        """Answer (question, passage), or each of a list; with `best`, so many answers of each.

        Answers of the same text count as one, where it is likeliest. The scores of all possible
        answers add up to 1. No answer (the empty text) is one of them, where some of the
        questions that were learnt had none.
        """
        one = isinstance(questions, tuple)
        several = [pair_of(i, each) for i, each in enumerate([questions] if one else questions)]
        if best is not None and not (type(best) is int and 1 <= best <= CANDIDATES):
            raise InputError(f"best is from 1 to {CANDIDATES}, not {best!r}.")
        windows = [window for window in self.windows(several) if window.total]
        texts = [text for _, text in several]
        parts: list[list[Odds]] = [[] for _ in several]
        for window, odds in zip(windows, self.odds(windows, texts) if windows else (), strict=True):
            parts[window.text].append(odds)
        ranked = [self._answers(text, part) for text, part in zip(texts, parts, strict=True)]
        answers: list[Any] = [each[0] if best is None else each[:best] for each in ranked]
        return answers[0] if one else answers

    def _answers(self, text: str, parts: Sequence[Odds]) -> list[Answer]:
        """What a passage answers, by what its windows do, the likeliest first.

        Of windows that know nothing of one another, at most one of which holds the answer, the
        odds add up: P(span) = odds / (1 + all odds), and 1 stands for no answer. Where there is
        no span at all, that is the answer.
        """
        spans = any(len(part.places) for part in parts)
        none = [] if spans and not self.settings.impossible else [0.0]
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


def _located(question: PassageQuestion) -> Located:
    """The passage, and where its answers stand."""
    return Located(question.text, question.places)


def check_answers(task: Reader[Any], longest: int) -> None:
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


def pair_of(i: int, question: Any) -> tuple[str, str]:
    """A question and its passage, also from a PassageQuestion."""
    pair = question[:2] if isinstance(question, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        raise InputError(f"Text {i} is {question!r:.60}, not (question, passage).")
    for each, what in zip(pair, ("question", "passage"), strict=True):
        if not each.strip():
            raise InputError(f"The {what} of text {i} is empty.")
    return pair[0], pair[1]
