"""Settings of the tasks that write, or fill gaps."""

from typing import ClassVar, Literal

from playmask.model.recipes import option, recipe
from playmask.tasks.settings import CUT, LABELS, TaskSettings

BY_LABEL, BY_NORM = ("label", "code", "unused"), ("label", "vector")
"""The conditions of language models that are labels, and those that norms depend on."""

TEXTS = "Texts: .txt with one a line, .tsv, .csv, .xlsx, .jsonl."


@recipe
class LanguageModelSettings(TaskSettings):
    """Settings of a LanguageModel.

    condition: how a text's label, or a vector, is made known; size: of the vectors that "vector"
    takes; begin: the ids that texts begin with (default: those of the tokenizer's frame, or else
    the one that ends the text before)
    """

    task: ClassVar[str] = "language-model"
    summary: ClassVar[str] = "Train a model that writes texts, also on a condition."
    data: ClassVar[str] = TEXTS
    usage: ClassVar[str] = "generate {out} …"

    max_length: int = option(default=128, text=CUT, minimum=4)
    condition: Literal["label", "code", "unused", "vector"] | None = option(
        default=None,
        text="The label goes to the norms, stands first as text, or is an unused token.",
    )
    labels: tuple[str, ...] = option(default=(), text=LABELS)
    size: int | None = option(default=None)
    begin: tuple[int, ...] | None = option(default=None)


@recipe
class Seq2SeqSettings(TaskSettings):
    """Settings of a Seq2Seq: tokens that sources and targets are cut to, special ones included."""

    task: ClassVar[str] = "seq2seq"
    summary: ClassVar[str] = "Train a model that writes a target for each source."
    data: ClassVar[str] = "Sources and targets: .tsv, .csv, .xlsx, .jsonl."
    usage: ClassVar[str] = "generate {out} …"

    max_source: int = option(default=128, text="Tokens a source is cut to.", minimum=3)
    max_target: int = option(default=64, text="Tokens a target is cut to.", minimum=1)

    @property
    def row_length(self) -> int:
        """Tokens of a source and its target."""
        return self.max_source + self.max_target


@recipe
class MaskFillSettings(TaskSettings):
    """Settings of a MaskFill."""

    task: ClassVar[str] = "mask-fill"
    summary: ClassVar[str] = "Train a masked language model on texts of your field."
    data: ClassVar[str] = TEXTS
    usage: ClassVar[str] = "predict {out} --text '…[MASK]…'"

    max_length: int = option(default=128, text=CUT, minimum=4)
