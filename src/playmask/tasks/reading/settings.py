"""Settings of the tasks that answer questions about passages."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from playmask.errors import ConfigError
from playmask.model.recipes import option, recipe
from playmask.tasks.published_labels import LABEL, labels_json
from playmask.tasks.settings import WINDOW, TaskSettings

if TYPE_CHECKING:
    from playmask.tasks.published_model import PublishedModel

SPECIAL = 4  # tokens around a question and a passage, at most
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
    published: ClassVar[str] = "ForQuestionAnswering"
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

    @property
    def masked(self) -> bool:
        """Whether the answer stands in a row, as masks."""
        return self.method == "mask-fill"

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """Pointers to the first and the last token of answers of up to 30 tokens."""
        if len(stored.labels) != 2:
            raise ConfigError(
                f"The head has {len(stored.labels)} logits a token; an answer's first and last "
                "token have one each."
            )
        shared = (stored.longest - SPECIAL) // 4  # by two windows of a passage
        return cls(max_length=stored.longest, max_answer=min(30, shared), dropout=stored.dropout)

    def to_published(self) -> dict[str, Any]:
        """Two logits a token; raises ConfigError where answers are scored otherwise."""
        if self.method != "pointers":
            raise ConfigError(
                f"No published class scores answers by {self.method!r}; save as 'playmask'."
            )
        return labels_json(map(LABEL.format, range(2)))


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
