"""Settings of the tasks that find something in texts of any length."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from playmask.data.formats.joining import Join
from playmask.errors import ConfigError
from playmask.model.recipes import option, recipe
from playmask.tasks.extraction.schemas import Language, schema_json
from playmask.tasks.extraction.tag_sets import TagSet, tag_set
from playmask.tasks.published_labels import labels_json
from playmask.tasks.settings import LABELS, WINDOW, TaskSettings

if TYPE_CHECKING:
    from playmask.tasks.published_model import PublishedModel

Tagger = Literal["crf", "memm", "softmax"]
Scheme = Literal["bio", "bmes", "bioes", "bilou", "io"]
Pointer = Literal["efficient", "global"]
PADDLE = 512  # tokens that PaddleNLP reads at once
JOIN = "What stands between the tokens of files of tags."
MENTIONS = "Texts with mentions: columns of tags (.bio, .bmes …), .json, .csv, brat's folder."


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
"""The options of the layers that decode tags."""


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
    """Settings of a SequenceTagger; ends, multiplier, rank: of the layer that decodes the tags.

    tags: in the order of their logits, where they are others than `scheme` has of the labels
    Raises: ConfigError for tags of no scheme, or of other labels
    """

    task: ClassVar[str] = "tag"
    published: ClassVar[str] = "ForTokenClassification"
    summary: ClassVar[str] = (
        "Train a tagger that finds mentions which stand apart: entities, words."
    )
    data: ClassVar[str] = MENTIONS
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["tags"] = option(default="tags")
    join: Join = option(default="script", text=JOIN)
    tagger: Tagger = option(default="crf", text="What decodes the tags.")
    scheme: Scheme = option(default="bio", text="Which letters tags have.")
    dropout: float = option(default=0.1)
    ends: bool | None = option(default=None)
    multiplier: float | None = option(default=None)
    rank: int | None = option(default=None)
    tags: tuple[str, ...] = option(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tags and (self.tag_set.labels, self.tag_set.scheme) != (self.labels, self.scheme):
            raise ConfigError(
                f"The tags {self.tags!r:.60} are of the scheme {self.tag_set.scheme!r} and the "
                f"labels {self.tag_set.labels!r:.60}, not {self.scheme!r} and {self.labels!r:.60}."
            )

    @property
    def tag_set(self) -> TagSet:
        """The tags, in the order of their logits."""
        return tag_set(self.labels, self.scheme, self.tags)

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """The tags as they were published, each token's decided by itself."""
        tags = tag_set((), "bio", stored.labels)
        scheme: Any = tags.scheme
        return cls(
            labels=tags.labels,
            max_length=stored.longest,
            tagger="softmax",
            scheme=scheme,
            dropout=stored.dropout,
            tags=tags.tags,
        )

    def to_published(self) -> dict[str, Any]:
        """The tags; raises ConfigError where a layer decodes them that no published class has."""
        if self.tagger != "softmax":
            raise ConfigError(
                f"The tagger {self.tagger!r} has weights that no published class has; train with "
                "tagger='softmax', or save as 'playmask'."
            )
        return labels_json(self.tag_set.tags)


@recipe
class SpanSettings(ExtractionSettings):
    """Settings of a SpanTagger; size: of the pointer's queries and keys."""

    task: ClassVar[str] = "spans"
    summary: ClassVar[str] = "Train a tagger that finds mentions which may overlap."
    data: ClassVar[str] = MENTIONS
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["pointer"] = option(default="pointer")
    join: Join = option(default="script", text=JOIN)
    pointer: Pointer = option(default="efficient", text="What scores the spans.")
    size: int = option(default=64)
    dropout: float = option(default=0.1)


@recipe
class RelationSettings(ExtractionSettings):
    """Settings of a RelationExtractor; pointer, size: of GPLinker's.

    bare: which states casrel reads before their last norm, which is then the head's: those of
    subjects, or of all (as bert4keras' script, whose conditional norm stands in the last one's
    place)
    """

    task: ClassVar[str] = "relations"
    summary: ClassVar[str] = "Train an extractor of relations between a subject and objects."
    data: ClassVar[str] = (
        "Texts with relations: .json of DuIE's, WebNLG's or playmask's form, CoNLL04's, brat's."
    )
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["gplinker", "casrel"] = option(
        default="gplinker", text="How relations are found."
    )
    pointer: Pointer = option(default="efficient", text="What scores the spans of gplinker.")
    size: int = option(default=64)
    dropout: float = option(default=0.1)
    bare: Literal["none", "subjects", "all"] = option(default="none")


@recipe
class EventSettings(ExtractionSettings):
    """Settings of an EventExtractor; pointer, size: of GPLinker's; tagger, scheme: of the tags."""

    task: ClassVar[str] = "events"
    summary: ClassVar[str] = "Train an extractor of events and of what takes part in them."
    data: ClassVar[str] = (
        "Texts with events: .json of DuEE's, FewFC's or playmask's form, brat's folder."
    )
    usage: ClassVar[str] = "annotate {out} --text …"

    labels: tuple[str, ...] = option(default=(), text=LABELS)
    max_length: int = option(default=128, text=WINDOW, minimum=8)
    method: Literal["gplinker", "tags"] = option(
        default="gplinker", text="How events are found; tags finds one event of a type at most."
    )
    pointer: Pointer = option(default="efficient", text="What scores the spans of gplinker.")
    size: int = option(default=64)
    tagger: Tagger = option(default="crf", text="What decodes the tags, with the method tags.")
    scheme: Scheme = option(default="bio", text="Which letters tags have, with the method tags.")
    dropout: float = option(default=0.1)
    ends: bool | None = option(default=None)
    multiplier: float | None = option(default=None)
    rank: int | None = option(default=None)

    @property
    def tag_set(self) -> TagSet:
        """The tags, in the order of their logits."""
        return tag_set(self.labels, self.scheme)


@recipe
class UniversalSettings(TaskSettings):
    """Settings of a UniversalExtractor; schema: what it finds where nobody says anything else.

    threshold: how likely an end of a span must be
    """

    task: ClassVar[str] = "uie"
    published: ClassVar[str] = "UIE"
    summary: ClassVar[str] = (
        "Train an extractor that finds what prompts and a nested schema ask for (UIE)."
    )
    data: ClassVar[str] = "UIE's lines of .json or .jsonl: content, prompt and result_list."
    usage: ClassVar[str] = "predict {out} --schema SCHEMA --text …"

    schema: str = option(default="", text="What to find: a name, or JSON of names, nested.")
    max_length: int = option(default=PADDLE, text=WINDOW, minimum=16)
    language: Language = option(default="zh", text="How nested prompts are put.")
    threshold: float = option(default=0.5)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", schema_json(self.schema))
        super().__post_init__()
        if not 0 < self.threshold < 1:
            raise ConfigError(f"threshold is {self.threshold!r}; a number between 0 and 1 is due.")

    @classmethod
    def from_published(cls, stored: "PublishedModel") -> Self:
        """Windows of the length that PaddleNLP reads."""
        return cls(max_length=min(stored.longest, PADDLE))

    def to_published(self) -> dict[str, Any]:
        """Nothing: the class has no choices."""
        return {}
