"""The settings of every task, declared once: types, defaults, help texts and choices.

Constructors, task.json, errors and the command line's options are read off these fields. Nothing
here imports Keras, so that `playmask --help` stays quick. A field without a help text is learnt
from the training data, or is for programs only.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from playmask.errors import ConfigError
from playmask.model.recipes import Options, option, recipe

Pooling = Literal["mean_max", "mean", "first", "last", "pooled"]
Tagger = Literal["crf", "memm", "softmax"]
Scheme = Literal["bio", "bmes"]
Pointer = Literal["efficient", "global"]

LABELS = "Such as a,b,c. Default: those of the training file."
CUT = "Tokens a text is cut to."
WINDOW = "Tokens that are read at once."
POOLING = "How hidden states become one vector:"
MENTIONS = "Texts with mentions: columns of tags (.bio, .bmes …), .json, .csv, brat's .ann."
PASSAGES = "Questions, passages, answers: .json of SQuAD's form, .jsonl."
TEXTS = "Texts: .txt with one a line, .tsv, .csv, .jsonl."


class TaskSettings(Options):
    """What makes a task of a model; each task has a recipe of its own, derived from this.

    task: the name of the task, in task.json and as a command; summary, data, usage: what `playmask
    train` says of it
    Raises: ConfigError for a value that cannot be
    """

    task: ClassVar[str]
    summary: ClassVar[str]
    data: ClassVar[str]
    usage: ClassVar[str] = "predict {out} --text …"

    max_length: int

    def __post_init__(self) -> None:
        labels = getattr(self, "labels", ())
        if labels:
            if isinstance(labels, str) or not isinstance(labels, Iterable):
                raise ConfigError(f"labels are {labels!r:.60}; a list of names is due.")
            object.__setattr__(self, "labels", tuple(str(label) for label in labels))
        super().__post_init__()
        labels = getattr(self, "labels", ())
        if len(set(labels)) < len(labels):
            raise ConfigError(f"Each label is needed once; received {list(labels)}.")

    @property
    def row_length(self) -> int:
        """Tokens in a row of the network at most."""
        return self.max_length


class TextSettings(TaskSettings):
    """Settings of tasks that read a text, or a pair of them, in one row.

    pairs: whether they are pairs, None where nobody knows yet; labels: what the texts may be
    labelled with; separator: what stands between several labels in a table
    """

    pairs: bool | None
    labels: tuple[str, ...] = ()
    separator: str | None = None


@recipe
class ClassifierSettings(TextSettings):
    """Settings of a TextClassifier.

    multiple: a text may have any number of labels, each of which is decided by itself; loss: of
    several labels, by Su's multi-label softmax (kexue 7359) or by a binary cross-entropy each
    """

    task: ClassVar[str] = "classify"
    summary: ClassVar[str] = "Train a classifier of texts or of pairs."
    data: ClassVar[str] = "Labelled texts: .tsv, .csv, .jsonl."

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    multiple: bool = option(default=False, text="A text may have several labels, or none.")
    loss: Literal["softmax", "binary"] = option(default="softmax", text="Of several labels.")
    separator: str = option(default="|", text="Between the labels of a text in a table.")
    dropout: float = option(default=0.1)
    pairs: bool | None = option(default=None)


@recipe
class RegressorSettings(TextSettings):
    """Settings of a TextRegressor.

    numbers: how many each text, or pair, has; mean, deviation: of each number in the training data
    """

    task: ClassVar[str] = "regress"
    summary: ClassVar[str] = "Train a model that gives each text, or pair, one or several numbers."
    data: ClassVar[str] = "Texts with numbers: .tsv, .csv, .jsonl."

    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    separator: str = option(default="|", text="Between the numbers of a text in a table.")
    dropout: float = option(default=0.1)
    numbers: int = option(default=1, text="Numbers of each text.", minimum=1)
    mean: tuple[float, ...] = option(default=())
    deviation: tuple[float, ...] = option(default=())
    pairs: bool | None = option(default=None)


@recipe
class PatternSettings(TextSettings):
    """Settings of a PatternClassifier (PET): the gap of a pattern is filled by a label's word.

    pattern: holds {text}, perhaps {pair}, and one [MASK], which is as wide as the words; words: of
    the labels, in their order (default: the labels themselves)
    """

    task: ClassVar[str] = "pattern"
    summary: ClassVar[str] = "Train a classifier from few examples, by a pattern with a gap (PET)."
    data: ClassVar[str] = "Labelled texts: .tsv, .csv, .jsonl."

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    pattern: str = option(default="{text} [MASK]", text="Such as '[MASK]好，{text}'.")
    words: tuple[str, ...] = option(
        default=(), text="Of the labels, such as 很,不. Default: the labels."
    )
    max_length: int = option(default=128, text=CUT, minimum=4)
    pairs: bool | None = option(default=None)


@recipe
class LanguageModelSettings(TaskSettings):
    """Settings of a LanguageModel.

    condition: how a text is told what it is to be like; size: of the vectors that "vector" takes;
    begin: the ids that texts begin with (default: those of the tokenizer's frame, or else the one
    that ends the text before)
    """

    task: ClassVar[str] = "language-model"
    summary: ClassVar[str] = "Train a model that writes texts, also on a condition."
    data: ClassVar[str] = TEXTS
    usage: ClassVar[str] = "generate {out} …"

    max_length: int = option(default=128, text=CUT, minimum=4)
    condition: Literal["label", "code", "unused", "vector"] | None = option(
        default=None,
        text="How the label is told: to the norms, as its text first, or as an unused token.",
    )
    labels: tuple[str, ...] = option(default=(), text=LABELS)
    size: int | None = option(default=None)
    begin: tuple[int, ...] | None = option(default=None)


@recipe
class Seq2SeqSettings(TaskSettings):
    """Settings of a Seq2Seq: tokens that sources and targets are cut to, special ones included."""

    task: ClassVar[str] = "seq2seq"
    summary: ClassVar[str] = "Train a model that writes a target for each source."
    data: ClassVar[str] = "Sources and targets: .tsv, .csv, .jsonl."
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


class ExtractionSettings(TaskSettings):
    """Settings of tasks that find something in texts of any length.

    labels: what may be found; method: how
    """

    labels: tuple[str, ...]
    method: str


TAGGER_OPTIONS: dict[str, set[str]] = {
    "crf": {"ends", "multiplier"},
    "memm": {"rank", "multiplier"},
    "softmax": set(),
}
"""What the layers that decode tags can be told besides."""


def tagger_options(settings: "TaggerSettings | EventSettings") -> dict[str, Any]:
    """The options of the layer that decodes tags.

    Raises: ConfigError for one that the layer does not have
    """
    every = {"ends": settings.ends, "multiplier": settings.multiplier, "rank": settings.rank}
    options = {name: value for name, value in every.items() if value is not None}
    odd = sorted({*options} - TAGGER_OPTIONS[settings.tagger])
    if odd:
        raise ConfigError(f"The tagger {settings.tagger!r} has no option {odd[0]!r}.")
    return options


@recipe
class TaggerSettings(ExtractionSettings):
    """Settings of a SequenceTagger; ends, multiplier, rank: of the layer that decodes the tags."""

    task: ClassVar[str] = "tag"
    method: ClassVar[str] = "tags"
    summary: ClassVar[str] = (
        "Train a tagger that finds mentions which stand apart: entities, words."
    )
    data: ClassVar[str] = MENTIONS
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    tagger: Tagger = option(default="crf", text="What decodes the tags.")
    scheme: Scheme = option(default="bio", text="The tags' letters.")
    dropout: float = option(default=0.1)
    ends: bool | None = option(default=None)
    multiplier: float | None = option(default=None)
    rank: int | None = option(default=None)


@recipe
class SpanSettings(ExtractionSettings):
    """Settings of a SpanTagger; size: of the pointer's queries and keys."""

    task: ClassVar[str] = "spans"
    method: ClassVar[str] = "pointer"
    summary: ClassVar[str] = "Train a tagger that finds mentions which may overlap."
    data: ClassVar[str] = MENTIONS
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    pointer: Pointer = option(default="efficient", text="What scores the spans.")
    size: int = option(default=64)
    dropout: float = option(default=0.1)


@recipe
class RelationSettings(ExtractionSettings):
    """Settings of a RelationExtractor; pointer, size: of GPLinker's."""

    task: ClassVar[str] = "relations"
    summary: ClassVar[str] = "Train an extractor of relations between a subject and objects."
    data: ClassVar[str] = (
        "Texts with relations: .json, .jsonl of DuIE's, WebNLG's or playmask's form, CoNLL04's."
    )
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["gplinker", "casrel"] = option(
        default="gplinker", text="How relations are found."
    )
    pointer: Pointer = option(default="efficient", text="Of gplinker.")
    size: int = option(default=64)
    dropout: float = option(default=0.1)


@recipe
class EventSettings(ExtractionSettings):
    """Settings of an EventExtractor; pointer, size: of GPLinker's; tagger, scheme: of the tags."""

    task: ClassVar[str] = "events"
    summary: ClassVar[str] = "Train an extractor of events and of what takes part in them."
    data: ClassVar[str] = "Texts with events: .json, .jsonl of DuEE's, FewFC's or playmask's form."
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["gplinker", "tags"] = option(
        default="gplinker", text="tags: one event of a type."
    )
    pointer: Pointer = option(default="efficient", text="Of gplinker.")
    size: int = option(default=64)
    tagger: Tagger = option(default="crf", text="Of tags.")
    scheme: Scheme = option(default="bio", text="Of tags.")
    dropout: float = option(default=0.1)
    ends: bool | None = option(default=None)
    multiplier: float | None = option(default=None)
    rank: int | None = option(default=None)


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
    """Settings of a SentencePair; scale: the lowest and the highest score."""

    task: ClassVar[str] = "pair"
    summary: ClassVar[str] = "Train a model that scores how similar two sentences are."
    data: ClassVar[str] = "Pairs of sentences with scores: .tsv, .csv, .jsonl."
    usage: ClassVar[str] = "predict {out} --text … --pair …"

    max_length: int = option(default=128, text=CUT, minimum=4)
    pooling: Pooling = option(default="mean_max", text=POOLING)
    dropout: float = option(default=0.1)
    scale: tuple[float, ...] = option(default=(0.0, 1.0))
    pairs: bool | None = option(default=True)
