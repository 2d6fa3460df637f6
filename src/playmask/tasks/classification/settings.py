"""Settings of the tasks that read a text, or a pair of texts, in one row."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from playmask.errors import ConfigError
from playmask.model.recipes import option, recipe
from playmask.model.vector_transform import VectorTransform
from playmask.tasks.published_labels import LABEL, labels_json
from playmask.tasks.settings import CUT, LABELS, TaskSettings

if TYPE_CHECKING:
    from playmask.tasks.published_model import PublishedModel

Pooling = Literal[
    "mean_max", "mean", "max", "mean_sqrt_length", "weighted_mean", "first", "last", "pooled"
]
POOLING = "How hidden states become one vector."
MASK, TEXT, PAIR = "[MASK]", "{text}", "{pair}"  # what a pattern holds


def heads_of(pooling: str) -> Any:
    """The heads of a model that a pooling needs."""
    return "pool" if "pooled" in pooling else ()


class TextSettings(TaskSettings):
    """Settings of tasks that read a text, or a pair of them, in one row.

    pairs: whether they are pairs, None where nobody knows yet; pooling, dropout: of the vector that
    a text becomes, in tasks that make one of it; transform: what published classes have behind it
    """

    published: ClassVar[str] = "ForSequenceClassification"
    problems: ClassVar[tuple[str, ...]] = ()

    pairs: bool | None
    pooling: Pooling = "mean_max"
    transform: VectorTransform | None = None
    dropout: float = 0.1


def check_separator(separator: str) -> None:
    """See that a separator of labels is some character."""
    if not separator:
        raise ConfigError("The separator is empty; a character such as '|' is due.")


@recipe
class ClassifierSettings(TextSettings):
    """Settings of a TextClassifier.

    multiple: a text may have any number of labels, each of which is decided by itself; loss: of
    several labels, by Su's multi-label softmax (kexue 7359) or by a binary cross-entropy each
    """

    task: ClassVar[str] = "classify"
    problems: ClassVar[tuple[str, ...]] = (
        "single_label_classification",
        "multi_label_classification",
    )
    summary: ClassVar[str] = "Train a classifier of texts or of pairs."
    data: ClassVar[str] = "Labelled texts: .tsv, .csv, .xlsx, .jsonl."

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    multiple: bool = option(default=False, text="A text may have several labels, or none.")
    loss: Literal["softmax", "binary"] = option(
        default="softmax", text="Loss of tasks with several labels."
    )
    separator: str = option(
        default="|", text="What stands between the labels of a text in a table."
    )
    dropout: float = option(default=0.1)
    pairs: bool | None = option(default=None)
    transform: VectorTransform | None = option(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_separator(self.separator)

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """One label or several, by `problem_type`."""
        several = stored.problem == cls.problems[1]
        loss: Any = "binary" if several else "softmax"
        return cls(labels=stored.labels, multiple=several, loss=loss, **stored.vector_fields)

    def to_published(self) -> dict[str, Any]:
        """The labels, and whether there may be several."""
        return {**labels_json(self.labels), "problem_type": self.problems[self.multiple]}


@recipe
class RegressorSettings(TextSettings):
    """Settings of a TextRegressor.

    numbers: how many each text, or pair, has; mean, deviation: of each number in the training data
    Raises: ConfigError for means or deviations that are not so many, or not finite
    """

    task: ClassVar[str] = "regress"
    problems: ClassVar[tuple[str, ...]] = ("regression",)
    summary: ClassVar[str] = "Train a model that gives each text, or pair, one or several numbers."
    data: ClassVar[str] = "Texts with numbers: .tsv, .csv, .xlsx, .jsonl."

    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    separator: str = option(
        default="|", text="What stands between the numbers of a text in a table."
    )
    dropout: float = option(default=0.1)
    numbers: int = option(default=1, text="How many numbers each text has.", minimum=1)
    mean: tuple[float, ...] = option(default=())
    deviation: tuple[float, ...] = option(default=())
    pairs: bool | None = option(default=None)
    transform: VectorTransform | None = option(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_separator(self.separator)
        for name, each in (("mean", self.mean), ("deviation", self.deviation)):
            if len(each) not in (0, self.numbers) or not all(map(math.isfinite, each)):
                raise ConfigError(f"{name} is {each}; {self.numbers} finite numbers are due.")
        if not all(each > 0 for each in self.deviation):
            raise ConfigError(f"A deviation is above 0; received {self.deviation}.")

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """Numbers that are the logits as they are."""
        count = len(stored.labels)
        same: dict[str, Any] = {"mean": (0.0,) * count, "deviation": (1.0,) * count}
        return cls(numbers=count, **same, **stored.vector_fields)

    def to_published(self) -> dict[str, Any]:
        """A label for each number, which is the logit as it is.

        Raises: ConfigError where the logits are other numbers
        """
        if any(self.mean) or any(each != 1 for each in self.deviation):
            raise ConfigError(
                "The task's numbers are its logits in other units (mean, deviation), for which a "
                "published class has no place; save as 'playmask'."
            )
        names = map(LABEL.format, range(self.numbers))
        return {**labels_json(names), "problem_type": self.problems[0]}


@recipe
class PatternSettings(TextSettings):
    """Settings of a PatternClassifier (PET): the gap of a pattern is filled by a label's word.

    pattern: holds {text}, perhaps {pair}, and one [MASK], which is as wide as the words; words: of
    the labels, in their order (default: the labels themselves); pairs: as the pattern has it
    Raises: ConfigError for a pattern without a text or a gap, or words without labels
    """

    task: ClassVar[str] = "pattern"
    published: ClassVar[str] = ""
    summary: ClassVar[str] = "Train a classifier from few examples, by a pattern with a gap (PET)."
    data: ClassVar[str] = "Labelled texts: .tsv, .csv, .xlsx, .jsonl."

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    pattern: str = option(
        default="{text} [MASK]", text="Pattern with a gap, such as '[MASK]好，{text}'."
    )
    words: tuple[str, ...] = option(
        default=(), text="Words that stand for the labels, such as 很,不. Default: the labels."
    )
    max_length: int = option(default=128, text=CUT, minimum=4)
    pairs: bool | None = option(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        pattern = self.pattern
        if pattern.count(MASK) != 1 or pattern.count(TEXT) != 1 or pattern.count(PAIR) > 1:
            raise ConfigError(
                f"The pattern is {pattern!r:.60}; one {MASK}, one {TEXT}, at most one {PAIR} are "
                "due."
            )
        if self.words and not self.labels:
            raise ConfigError("words are those of labels, in their order; name the labels too.")
        object.__setattr__(self, "pairs", PAIR in pattern)
