"""What the page asks: fields, their types and bounds."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from playmask.errors import brief
from playmask.play.orders import NAMES
from playmask.server.schemas import Body, Texts, text_of, wrong

LONGEST, SITES = 4_000, 32  # characters of a text; sites of a mask that is drawn
SENTENCES, HIGHEST = 64, 1000  # sentences of a request; the highest integer of an order


def line_of(value: Any) -> str:
    """A text that is not too long."""
    text = text_of(value, "text")
    if len(text) > LONGEST:
        raise wrong(f"A text has {len(text):,} characters; {LONGEST:,} are taken at most.")
    return text


def filled_of(value: Any) -> str:
    """The same with something in it."""
    text = line_of(value)
    if not text.strip():
        raise wrong("The text is empty; there is nothing to answer to.")
    return text


def order_of(value: Any) -> str | list[int]:
    """The name of an order, or an integer for each site."""
    if isinstance(value, str) and value in NAMES:
        return value
    if not isinstance(value, list):
        raise wrong(f"There is no order {brief(value)}; there are {', '.join(NAMES)}.")
    for place, each in enumerate(value):
        if type(each) is not int or abs(each) > HIGHEST:
            due = f"a whole number from {-HIGHEST} to {HIGHEST} is due"
            raise wrong(f"order[{place}] is {brief(each)}; {due}.")
    return value


def segments_of(value: list[int]) -> list[int]:
    """As many segments as a mask is drawn of."""
    if not 1 <= len(value) <= SITES:
        raise wrong(f"The text has {len(value)} sites; from 1 to {SITES} are drawn.")
    return value


Line = Annotated[str, PlainValidator(line_of)]
Filled = Annotated[str, PlainValidator(filled_of)]
Number = Annotated[int, Field(ge=-HIGHEST, le=HIGHEST)]
Sites = Annotated[list[Number], Field(max_length=SITES)]
Segments = Annotated[list[Annotated[int, Field(ge=0, le=1)]], AfterValidator(segments_of)]


class TaskRequest(Body):
    """A text, or a pair, for one of the tasks."""

    task: str
    text: Filled
    pair: Filled | None = None

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


class WriteRequest(Body):
    """How a text goes on."""

    task: str
    text: Line = ""
    beams: int = Field(3, ge=1, le=8)
    max_tokens: int = Field(32, ge=1, le=256)


class MaskRequest(Body):
    """The sites of a text: an order by its name, or by its integers."""

    segments: Segments
    order: Annotated[Any, PlainValidator(order_of)]
    texts: Sites | None = None
    padding: Annotated[list[bool], Field(max_length=SITES)] | None = None
    window: int | None = Field(None, ge=1, le=SITES)
    strict: bool = False
