"""Settings of the tasks that compare sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from playmask.errors import ConfigError, nearest
from playmask.model.recipes import option, recipe
from playmask.model.vector_transform import VectorTransform
from playmask.tasks.classification.settings import POOLING, Pooling, TextSettings
from playmask.tasks.published_labels import LABEL, labels_json
from playmask.tasks.settings import CUT, TaskSettings
from playmask.tasks.similarity.vector_steps import (
    Projection,
    Prompt,
    UnitLength,
    VectorStep,
)

if TYPE_CHECKING:
    from playmask.tasks.published_model import PublishedModel

POOLINGS = ", ".join(get_args(Pooling))
PYTORCH = {
    "sigmoid": ("torch.nn.modules.activation.Sigmoid", "torch.nn.Sigmoid"),
    "identity": ("torch.nn.modules.linear.Identity", "torch.nn.Identity"),
}
"""What sentence-transformers calls the functions that make scores of logits, as it writes them."""


def score_of(stored: "PublishedModel") -> str:
    """What makes the scores of a published model's only logit: sigmoid, where nothing says so.

    Raises: ConfigError where there are several logits, or for another function
    """
    if len(stored.labels) != 1:
        raise ConfigError(
            f"The head has {len(stored.labels)} logits; scores of pairs are made of one."
        )
    named = stored.score_activation or PYTORCH["sigmoid"][0]
    known = [name for name, classes in PYTORCH.items() if named in classes]
    if not known:
        raise ConfigError(
            f"activation_fn is {named!r:.60}; {PYTORCH['sigmoid'][0]} and {PYTORCH['identity'][0]} "
            "are known."
        )
    return known[0]


def score_json(activation: str) -> dict[str, Any]:
    """What a configuration says of the scores of pairs."""
    said = {"activation_fn": PYTORCH[activation][0]}
    return {**labels_json([LABEL.format(0)]), "sentence_transformers": said}


LOSS = "Loss of sentence vectors"
Loss = Literal[
    "contrast", "infonce", "symmetric", "cosent", "triplet", "simcse", "esimcse", "mse", "cosine"
]
TAUGHT = ("mse", "cosine")
"""The losses that compare vectors with a teacher's."""


@recipe
class EncoderSettings(TaskSettings):
    """Settings of a SentenceEncoder.

    loss: what it learns by, see docs/training/README.md; scale: of the cosines in the
    loss, None = as its paper has it; sizes: cut vectors that are good too; size: what vectors are
    cut to in use, None = whole; steps: what becomes of a pooled vector; prompts: texts before
    sentences, by name, also as a dict; prompt: the name of the one that is put there where no other
    is named; empty: whether texts of nothing but spaces have vectors; comparison: how similar two
    vectors are
    Raises: ConfigError for a prompt that is none of the prompts, steps that are none, or options of
            a loss that is not chosen
    """

    task: ClassVar[str] = "similar"
    summary: ClassVar[str] = "Train an encoder of sentences: vectors close where they are similar."
    data: ClassVar[str] = "Similar pairs, or pairs with scores; texts: .tsv, .csv, .xlsx, .jsonl."
    usage: ClassVar[str] = "search {out} sentences.txt --text …"

    max_length: int = option(default=64, text="Tokens a sentence is cut to.", minimum=4)
    pooling: str = option(
        default="first",
        text=f"How hidden states become one vector: {POOLINGS}, or several, as in max+mean.",
    )
    language_model: float = option(
        default=1.0,
        text="With the loss contrast: weight of writing the other sentence; 0: vectors alone.",
        minimum=0,
    )
    similar_from: float | None = option(
        default=None, text="The lowest score of pairs to learn from. Default: the highest there is."
    )
    loss: Loss = option(default="contrast", text="What the encoder learns by.", group=LOSS)
    scale: float | None = option(
        default=None,
        text="Factor of the loss's cosines (1 / temperature). Default: 30 for contrast, else 20.",
        group=LOSS,
    )
    margin: float = option(
        default=0.2, text="Margin of the cosines, with the loss triplet.", minimum=0, group=LOSS
    )
    sizes: tuple[int, ...] = option(
        default=(), text="More sizes that vectors can be cut to: 256,128,64.", group=LOSS
    )
    dropout: float | None = option(
        default=None, text="Dropout of the model in training. Default: the model's own.", group=LOSS
    )
    teacher_encoder: str | None = option(
        default=None, text="The saved encoder that mse and cosine learn from.", group=LOSS
    )
    projection: int | None = option(
        default=None,
        text="Size of vectors, by a dense layer. Default: the model's.",
        minimum=1,
        group=LOSS,
    )
    repetition: float = option(
        default=0.32,
        text="With the loss esimcse: largest share of a text's tokens that are repeated.",
        group=LOSS,
    )
    queue: int = option(
        default=160,
        text="With the loss esimcse: how many vectors of earlier texts are kept.",
        minimum=0,
        group=LOSS,
    )
    momentum: float = option(
        default=0.995,
        text="With the loss esimcse: momentum of the weights that make those vectors.",
        group=LOSS,
    )
    size: int | None = option(default=None, minimum=1)
    steps: tuple[VectorStep, ...] = option(default=(UnitLength(),))
    prompts: tuple[Prompt, ...] = option(default=())
    prompt: str | None = option(default=None)
    empty: bool = option(default=False)
    comparison: Literal["cosine", "dot", "euclidean", "manhattan"] = option(default="cosine")

    def __post_init__(self) -> None:
        prompts: Any = self.prompts
        if isinstance(prompts, Mapping):
            prompts = tuple(Prompt(name, text) for name, text in prompts.items())
            object.__setattr__(self, "prompts", prompts)
        super().__post_init__()
        if self.projection is not None and self.steps == (UnitLength(),):
            steps = (Projection(self.projection, "linear"), UnitLength())
            object.__setattr__(self, "steps", steps)
        names = [prompt.name for prompt in self.prompts]
        if len({*names}) < len(names):
            raise ConfigError(f"Each prompt needs a name of its own; received {names}.")
        self.prompt_text(None)  # refuses one that there is not
        odd = next((step for step in self.steps if not isinstance(step, VectorStep)), None)
        if odd is not None:
            raise ConfigError(f"steps hold {odd!r:.60}; UnitLength() is one, Projection(256) too.")
        self._check_loss()

    def _check_loss(self) -> None:
        """See that the loss and its options go together."""
        if self.scale is not None and self.scale <= 0:
            raise ConfigError(f"scale is above 0, not {self.scale}.")
        if self.loss != "contrast" and self.language_model not in (0.0, 1.0):
            raise ConfigError(
                f"The loss {self.loss!r} learns no writing; leave language_model out."
            )
        if self.teacher_encoder is not None and self.loss not in TAUGHT:
            raise ConfigError(
                f"The loss {self.loss!r} has no teacher; 'mse' and 'cosine' learn from one."
            )
        if self.sizes and self.loss in TAUGHT:
            raise ConfigError(f"The loss {self.loss!r} compares whole vectors; leave sizes out.")
        if any(size < 1 for size in self.sizes):
            raise ConfigError(f"sizes are whole numbers from 1, not {self.sizes}.")
        for name, value in {"repetition": self.repetition, "dropout": self.dropout or 0.0}.items():
            if not 0 <= value < 1:
                raise ConfigError(f"{name} is a part, from 0 to below 1, not {value}.")
        if not 0 < self.momentum < 1:
            raise ConfigError(f"momentum is between 0 and 1, not {self.momentum}.")

    @property
    def writing(self) -> float:
        """The weight of writing the other sentence."""
        return self.language_model if self.loss == "contrast" else 0.0

    def prompt_text(self, name: str | None) -> str:
        """The text of a prompt by its name: None is the default one, "" none at all.

        Raises: ConfigError for a name that none has
        """
        name = self.prompt if name is None else name
        texts = {prompt.name: prompt.text for prompt in self.prompts}
        if name and name not in texts:
            raise ConfigError(f"There is no prompt {name!r:.60}.{nearest(name, texts)}")
        return texts[name] if name else ""

    @property
    def row_length(self) -> int:
        """Tokens of a sentence; of both of a pair, with one [CLS], where it writes the second."""
        return self.max_length if self.writing == 0 else 2 * self.max_length - 1


@recipe
class PairSettings(TextSettings):
    """Settings of a SentencePair; scale: the lowest and the highest score.

    Raises: ConfigError for a scale that does not go up
    """

    task: ClassVar[str] = "pair"
    summary: ClassVar[str] = "Train a model that scores how similar two sentences are."
    data: ClassVar[str] = "Pairs of sentences with scores: .tsv, .csv, .xlsx, .jsonl."
    usage: ClassVar[str] = "predict {out} --text … --pair …"

    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    dropout: float = option(default=0.1)
    scale: tuple[float, ...] = option(default=(0.0, 1.0))
    pairs: bool | None = option(default=True)
    transform: VectorTransform | None = option(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.scale) != 2 or not self.scale[0] < self.scale[1]:
            raise ConfigError(f"scale is {self.scale}; the lowest and the highest score are due.")

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """Scores from 0 to 1; raises ConfigError where the scores are logits."""
        if score_of(stored) != "sigmoid":
            raise ConfigError("The scores are logits, which are on no scale; make a task 'rerank'.")
        return cls(**stored.vector_fields)

    def to_published(self) -> dict[str, Any]:
        """One logit, whose sigmoid is the score; raises ConfigError for another scale."""
        if self.scale != (0.0, 1.0):
            raise ConfigError(
                f"Scores from {self.scale[0]:g} to {self.scale[1]:g} are no published class's, "
                "whose are from 0 to 1; save as 'playmask'."
            )
        return score_json("sigmoid")


@recipe
class RerankerSettings(TextSettings):
    """Settings of a Reranker; activation: what makes a score of the logit."""

    task: ClassVar[str] = "rerank"
    problems: ClassVar[tuple[str, ...]] = ("ranking",)
    summary: ClassVar[str] = "Train a model that scores how relevant passages are to a query."
    data: ClassVar[str] = "Queries, passages and scores from 0 to 1: .tsv, .csv, .xlsx, .jsonl."
    usage: ClassVar[str] = "rerank {out} passages.txt --text …"

    max_length: int = option(default=512, text=CUT, minimum=4)
    pooling: Pooling = option(default="first", text=POOLING)
    activation: Literal["sigmoid", "identity"] = option(
        default="sigmoid", text="What makes a score of the logit."
    )
    dropout: float = option(default=0.1)
    pairs: bool | None = option(default=True)
    transform: VectorTransform | None = option(default=None)

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """Scores as they are published."""
        activation: Any = score_of(stored)
        return cls(activation=activation, **stored.vector_fields)

    def to_published(self) -> dict[str, Any]:
        """One logit, and what makes a score of it."""
        return score_json(self.activation)
