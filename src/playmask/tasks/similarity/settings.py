"""Settings of the tasks that compare sentences."""

from typing import ClassVar

from playmask.errors import ConfigError
from playmask.model.recipes import option, recipe
from playmask.tasks.classification.settings import POOLING, Pooling, TextSettings
from playmask.tasks.settings import CUT, TaskSettings


@recipe
class EncoderSettings(TaskSettings):
    """Settings of a SentenceEncoder; scale: of the cosines in its contrastive loss."""

    task: ClassVar[str] = "similar"
    summary: ClassVar[str] = "Train an encoder of sentences: vectors close where they are similar."
    data: ClassVar[str] = "Pairs of similar sentences, or with scores: .tsv, .csv, .jsonl."
    usage: ClassVar[str] = "search {out} sentences.txt --text …"

    max_length: int = option(default=64, text="Tokens a sentence is cut to.", minimum=4)
    pooling: Pooling = option(default="first", text=POOLING)
    language_model: float = option(
        default=1.0, text="Weight of writing the other sentence; 0: vectors alone.", minimum=0
    )
    similar_from: float | None = option(
        default=None, text="The lowest score of pairs to learn from. Default: the highest there is."
    )
    scale: float = option(default=30.0)

    @property
    def row_length(self) -> int:
        """Tokens of both sentences of a pair, which share the special ones between them."""
        return 2 * self.max_length - 1


@recipe
class PairSettings(TextSettings):
    """Settings of a SentencePair; scale: the lowest and the highest score.

    Raises: ConfigError for a scale that does not go up
    """

    task: ClassVar[str] = "pair"
    summary: ClassVar[str] = "Train a model that scores how similar two sentences are."
    data: ClassVar[str] = "Pairs of sentences with scores: .tsv, .csv, .jsonl."
    usage: ClassVar[str] = "predict {out} --text … --pair …"

    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    dropout: float = option(default=0.1)
    scale: tuple[float, ...] = option(default=(0.0, 1.0))
    pairs: bool | None = option(default=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.scale) != 2 or not self.scale[0] < self.scale[1]:
            raise ConfigError(f"scale is {self.scale}; the lowest and the highest score are due.")
