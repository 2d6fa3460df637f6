"""What requests say: fields, their types and examples, and one sentence for what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from playmask.errors import brief, nearest
from playmask.server.served import Row
from playmask.untrusted import spelled
from playmask.validation_errors import sentence_about

TEXT = {"type": "string"}
PAIR = {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}


def wrong(sentence: str) -> PydanticCustomError:
    """An error that says a sentence, whatever it quotes."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def text_of(value: Any, name: str = "") -> str:
    """A text of whole characters."""
    if not isinstance(value, str):
        raise wrong(f"{name} is {brief(value)}; a text is due.")
    half = next((i for i, each in enumerate(value) if "\ud800" <= each <= "\udfff"), None)
    if half is not None:
        raise wrong(f"{name} has half a surrogate pair at character {half}, which is no character.")
    return value


def rows_of(value: Any) -> list[Row]:
    """Texts, or pairs of texts."""
    if not isinstance(value, list):
        raise wrong(f"texts is {brief(value)}; a list of texts, or of pairs [text, text], is due.")
    rows: list[Row] = []
    for i, each in enumerate(value):
        if isinstance(each, list):
            if len(each) != 2:
                raise wrong(f"texts[{i}] has {len(each)} parts; a pair has two.")
            rows.append((text_of(each[0], f"texts[{i}][0]"), text_of(each[1], f"texts[{i}][1]")))
        else:
            rows.append(text_of(each, f"texts[{i}]"))
    odd = next((i for i, each in enumerate(rows) if type(each) is not type(rows[0])), None)
    if odd is not None:
        raise wrong(f"texts[{odd}] is not as texts[0]: all are texts, or all are pairs.")
    return rows


def input_of(value: Any) -> list[str]:
    """A text or several, as clients of embeddings send them."""
    return texts_in(value, "input")


def prompt_of(value: Any) -> list[str]:
    """A prompt or several, as clients of completions send them."""
    return texts_in(value, "prompt")


def stop_of(value: Any) -> list[str]:
    """Up to four texts that end another one."""
    stops = [] if value is None else texts_in(value, "stop")
    if len(stops) > 4 or not all(stops):
        raise wrong("stop is up to four texts, none of them empty.")
    return stops


def texts_in(value: Any, name: str) -> list[str]:
    """A text or several, as a list of them."""
    if isinstance(value, str):
        return [text_of(value, name)]
    if not isinstance(value, list):
        raise wrong(f"{name} is {brief(value)}; a text or a list of texts is due.")
    if value and all(isinstance(each, int | list) for each in value):
        raise wrong(f"{name} holds token ids; this server takes texts, which it tokenises itself.")
    return [text_of(each, f"{name}[{i}]") for i, each in enumerate(value)]


def query_of(value: Any) -> str:
    """What documents are ranked for."""
    return text_of(value, "query")


def documents_of(value: Any) -> list[str]:
    """Documents, each a text or an object with one."""
    if not isinstance(value, list):
        raise wrong(f"documents is {brief(value)}; a list of texts is due.")
    return [_document_of(each, f"documents[{i}]") for i, each in enumerate(value)]


def _document_of(value: Any, name: str) -> str:
    if not isinstance(value, dict):
        return text_of(value, name)
    if "text" not in value:
        raise wrong(f"{name} is {brief(value)}; a text, or an object with its text, is due.")
    return text_of(value["text"], f"{name}.text")


def _several(reads: Any, *kinds: Mapping[str, Any]) -> Any:
    return PlainValidator(reads), WithJsonSchema({"anyOf": [*kinds]})


TEXTS = {"type": "array", "items": TEXT}
Rows = Annotated[
    list[Any],
    PlainValidator(rows_of),
    WithJsonSchema({"type": "array", "items": {"anyOf": [TEXT, PAIR]}}),
]
Texts = Annotated[list[str], PlainValidator(input_of), WithJsonSchema({"anyOf": [TEXT, TEXTS]})]
Prompts = Annotated[list[str], PlainValidator(prompt_of), WithJsonSchema({"anyOf": [TEXT, TEXTS]})]
Stops = Annotated[list[str], PlainValidator(stop_of), WithJsonSchema({"anyOf": [TEXT, TEXTS]})]
Query = Annotated[str, PlainValidator(query_of), WithJsonSchema(TEXT)]
Documents = Annotated[list[str], PlainValidator(documents_of), WithJsonSchema(TEXTS)]


class Body(BaseModel):
    """A request's body; neutral: fields of other servers that may have these values alone.

    no_object: what is said where something else is sent
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    neutral: ClassVar[Mapping[str, Sequence[Any]]] = {}
    no_object: ClassVar[str] = (
        "The body is no JSON object; send one, with the header Content-Type: application/json."
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise wrong(cls.no_object)
        fields = {field.alias or name for name, field in cls.model_fields.items()}
        rest = {}
        for name, value in data.items():
            if name in cls.neutral:
                _check_neutral(name, value, cls.neutral[name])
            elif name not in fields:
                raise wrong(f"There is no field {spelled(name)!r:.80}.{nearest(name, fields)}")
            else:
                rest[name] = value
        return rest


def _check_neutral(name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value is None or any(value == each and type(value) is not bool for each in allowed):
        return
    if value is False and False in allowed:
        return
    only = " or ".join(map(repr, allowed))
    raise wrong(
        f"{name} is {brief(value)}; this server {f'takes {only} alone' if only else 'takes none'}."
    )


class PredictRequest(Body):
    """Texts for a task; `task` may be left out where there is one."""

    task: str | None = None
    texts: Rows
    names: Any = Field(None, alias="schema", description="What a task uie finds.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": ["味道很好", "太失望了"]}]})


class EmbeddingsRequest(Body):
    """Texts for vectors, as OpenAI's clients send them."""

    model: str | None = None
    input: Texts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    neutral: ClassVar[Mapping[str, Sequence[Any]]] = {}
    user: Any = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["今天下雨", "下雨了"]}]})


class RerankRequest(Body):
    """A query and documents, as clients of Cohere's and Jina's interfaces send them."""

    model: str | None = None
    query: Query
    documents: Documents
    top_n: int | None = Field(None, ge=1)
    return_documents: bool | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "怎么退货", "documents": ["退货须知", "营业时间"]}]
        }
    )


class StreamOptions(Body):
    """What a stream ends with."""

    no_object: ClassVar[str] = "stream_options is no JSON object, such as {'include_usage': true}."
    include_usage: bool = False


class CompletionRequest(Body):
    """A prompt to go on from, as OpenAI's clients send it; greedy unless a temperature is sent."""

    model: str | None = None
    prompt: Prompts = Field(default_factory=lambda: [""])
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: Stops = Field(default_factory=list)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Any = None
    neutral: ClassVar[Mapping[str, Sequence[Any]]] = {
        "n": (1,),
        "best_of": (1,),
        "echo": (False,),
        "logprobs": (),
        "logit_bias": ({},),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "suffix": ("",),
    }

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "今天", "max_tokens": 8, "stream": True}]}
    )


def sentence_of(errors: Sequence[Any]) -> str:
    """One sentence for what is wrong with a body, by the first of pydantic's errors."""
    error = errors[0]
    parts = [part for part in error["loc"] if part != "body"]
    kind, message = error["type"], str(error["msg"])
    if kind == "sentence":
        return message
    if kind == "json_invalid":
        reason = str(error.get("ctx", {}).get("error", "it ends too early"))
        return f"The body is no JSON: {reason[:1].lower()}{reason[1:]} at character {parts[-1]}."
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)[1:]
    if kind == "missing":
        return f"The field {name!r} is missing." if name else "The request has no body."
    return sentence_about(name, brief(error.get("input")), error)
