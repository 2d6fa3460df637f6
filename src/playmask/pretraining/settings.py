"""Settings of the objectives of pretraining, declared once: for Python, files and options."""

from typing import ClassVar, Literal

from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe

MASKING = "Masking"

ELSEWHERE = {
    "stream": "texts are read from disk as they are needed anyway",
    "buffer": "all rows are shuffled",
    "sampling": "texts have no labels",
    "class_weights": "texts have no labels",
    "unlabelled": "no text has a label",
    "curriculum": "all rows are full",
    "replace_targets": "targets are not read",
    "mixup": "a row has several texts",
    "temporal_ensembling": "rows are packed anew in each pass",
    "label_by_teacher": "texts have no labels",
    "theseus": "distil teaches the blocks of what is saved",
    "lora": "what is pretrained is saved whole",
}
"""Options of training that pretraining has no use for, and why."""


@recipe
class PretrainingSettings(Options):
    """What all objectives of pretraining share.

    objective: its name, as a command's; summary: what `playmask pretrain` says of it
    Raises: ConfigError for a value that cannot be
    """

    objective: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    max_length: int = option(default=128, text="Tokens of a row.", minimum=8)
    epoch_steps: int | None = option(
        default=None, text="Steps to an epoch. Default: those of a pass.", minimum=1
    )
    hold_out: float = option(
        default=0.0, text="Share of the documents to validate on, without --validation.", minimum=0
    )
    workers: int = option(
        default=0, text="Processes that tokenise (extra scale). Default: this one.", minimum=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hold_out < 1:
            raise ConfigError(f"hold_out is a share below 1, not {self.hold_out!r}.")


@recipe
class MaskingSettings(PretrainingSettings):
    """What objectives share that predict tokens at chosen places.

    rate: share of a row's tokens; ngrams: words that are masked together at most; words: by which
    segmenter Chinese words are masked whole
    """

    rate: float = option(
        default=0.15, text="Share of the tokens that are masked: 0.15 to 0.3.", group=MASKING
    )
    ngrams: int = option(default=1, text="Words masked together at most.", minimum=1, group=MASKING)
    words: Literal["jieba"] | None = option(
        default=None, text="Mask Chinese words whole, by a segmenter (extra words).", group=MASKING
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rate < 1:
            raise ConfigError(f"rate is a share above 0 and below 1, not {self.rate!r}.")


@recipe
class MlmSettings(MaskingSettings):
    """Settings of masked language modelling."""

    objective: ClassVar[str] = "mlm"
    summary: ClassVar[str] = "Masked tokens, as BERT and RoBERTa."

    sentences: Literal["none", "sop", "nsp"] = option(
        default="none", text="Whether a text's halves are in order (sop), or of one document (nsp)."
    )


@recipe
class LmSettings(PretrainingSettings):
    """Settings of causal language modelling."""

    objective: ClassVar[str] = "lm"
    summary: ClassVar[str] = "The next token, as GPT."


@recipe
class UnilmSettings(MaskingSettings):
    """Settings of UniLM: masked tokens under several attention masks."""

    objective: ClassVar[str] = "unilm"
    summary: ClassVar[str] = "Masked tokens in several orders, as UniLM."

    mixture: tuple[float, ...] = option(
        default=(2.0, 1.0, 1.0, 2.0),
        text="Weights of the orders full, left to right, right to left, source to target.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.mixture) != 4 or min(self.mixture) < 0 or not sum(self.mixture):
            raise ConfigError(f"mixture has four weights from 0 on, not {self.mixture!r}.")


@recipe
class PermutationSettings(MaskingSettings):
    """Settings of permutation language modelling."""

    objective: ClassVar[str] = "permutation"
    summary: ClassVar[str] = "The last tokens of a random order, as XLNet."

    rate: float = option(
        default=1 / 6, text="Share of the tokens that are predicted, the last ones.", group=MASKING
    )
    ngrams: int = option(
        default=5, text="Words predicted together at most.", minimum=1, group=MASKING
    )


@recipe
class ElectraSettings(MaskingSettings):
    """Settings of replaced-token detection.

    generator: the folder of its weights; None: one with random weights, whose width, heads and
    inner size are the discriminator's divided by `divisor`
    """

    objective: ClassVar[str] = "electra"
    summary: ClassVar[str] = "Which tokens a generator replaced, as ELECTRA."

    generator: str | None = option(
        default=None, text="Folder of the generator's weights. Default: a new one."
    )
    divisor: int = option(default=4, text="How many times smaller a new generator is.", minimum=1)
    detection_weight: float = option(
        default=50.0, text="Weight of the discriminator's loss beside the generator's.", minimum=0
    )


@recipe
class SimbertSettings(PretrainingSettings):
    """Settings of SimBERT: writing a similar text, and telling which texts are similar."""

    objective: ClassVar[str] = "simbert"
    summary: ClassVar[str] = "Similar texts (a document's lines), written and told apart."

    scale: float = option(
        default=20.0, text="Factor of the cosine similarities in a batch.", minimum=0
    )
