"""What the page asks: fields, their types and bounds."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field, PlainValidator, field_validator

from playmask.play.orders import NAMES
from playmask.server.schemas import Body, Texts, text_of, wrong

LONGEST, SITES = 4_000, 32  # characters of a text; sites of a mask that is drawn
SENTENCES = 64

Line = Annotated[str, PlainValidator(partial(text_of, name="text"))]
Number = Annotated[int, Field(ge=-1000, le=1000)]
Sites = Annotated[list[Number], Field(max_length=SITES)]


class TaskRequest(Body):
    """A text, or a pair, for one of the tasks."""

    task: str
    text: Line
    pair: Line | None = None

    @field_validator("text", "pair")
    @classmethod
    def _filled(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise wrong("The text is empty; there is nothing to answer to.")
        if value is not None and len(value) > LONGEST:
            raise wrong(f"A text has {len(value):,} characters; {LONGEST:,} are taken at most.")
        return value

    @property
    def whole(self) -> str | tuple[str, str]:
        """The text or the pair."""
        return self.text if self.pair is None else (self.text, self.pair)


class AnswerRequest(TaskRequest):
    """A text to answer; names: what a task that is asked by names finds."""

    names: Any = Field(None, alias="schema")


class SimilarRequest(TaskRequest):
    """A text, and sentences that are compared with it."""

    sentences: Annotated[Texts, Field(min_length=1, max_length=SENTENCES)]


class MapsRequest(TaskRequest):
    """Maps of one layer."""

    layer: int = Field(0, ge=0)


class PartRequest(MapsRequest):
    """The same, beside those with a part switched."""

    part: str


class ExplainRequest(TaskRequest):
    """The answer that is explained; without one, the task's own."""

    answer: str | None = None


class WriteRequest(TaskRequest):
    """How a text goes on."""

    text: Line = ""
    beams: int = Field(3, ge=1, le=8)
    max_tokens: int = Field(32, ge=1, le=256)

    @field_validator("text")
    @classmethod
    def _filled(cls, value: str) -> str:
        return value[:LONGEST]


class MaskRequest(Body):
    """The sites of a text: an order by its name, or by its integers."""

    segments: Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(min_length=1)]
    order: str | Sites
    texts: Sites | None = None
    padding: list[bool] | None = None
    window: int | None = Field(None, ge=1, le=SITES)
    strict: bool = False

    @field_validator("segments")
    @classmethod
    def _few(cls, value: list[int]) -> list[int]:
        if len(value) > SITES:
            raise wrong(f"The text has {len(value)} sites; {SITES} are drawn at most.")
        return value

    @field_validator("order")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in NAMES:
            raise wrong(f"There is no order {value!r:.40}; there are {', '.join(NAMES)}.")
        return value

