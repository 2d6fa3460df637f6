"""Settings of the tasks that answer questions about passages."""

from typing import ClassVar, Literal

from playmask.model.recipes import option, recipe
from playmask.tasks.settings import WINDOW, TaskSettings

PASSAGES = "Questions, passages, answers: .json of SQuAD's form, .jsonl."


class PassageSettings(TaskSettings):
    """Settings of tasks that answer questions about passages.

    max_answer: tokens of an answer; impossible: whether some questions have none
    """

    max_answer: int
    impossible: bool


@recipe
class ReaderSettings(PassageSettings):
    """Settings of a ReadingComprehension; impossible: whether some questions have no answer."""

    task: ClassVar[str] = "read"
    summary: ClassVar[str] = (
        "Train a reader that finds the span of a passage that answers a question."
    )
    data: ClassVar[str] = PASSAGES
    usage: ClassVar[str] = "predict {out} --text QUESTION --pair PASSAGE"

    max_length: int = option(default=256, text=WINDOW, minimum=16)
    max_answer: int = option(default=30, text="Tokens of an answer.", minimum=1)
    method: Literal["pointers", "mask-fill"] = option(
        default="pointers", text="How spans are scored."
    )
    dropout: float = option(default=0.1)
    impossible: bool = option(default=False)


@recipe
class CopyingSettings(PassageSettings):
    """Settings of a CopyingReader; impossible: whether some questions have no answer."""

    task: ClassVar[str] = "read-copying"
    summary: ClassVar[str] = "Train a reader that writes the answer, copied from the passage."
    data: ClassVar[str] = PASSAGES
    usage: ClassVar[str] = "predict {out} --text QUESTION --pair PASSAGE"

    max_length: int = option(default=256, text=WINDOW, minimum=16)
    max_answer: int = option(default=30, text="Tokens of an answer.", minimum=1)
    impossible: bool = option(default=False)
