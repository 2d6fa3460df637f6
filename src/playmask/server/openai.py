"""The interfaces that existing clients speak: embeddings, rerank, completions and models."""

import base64
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from playmask.server.documented import TASK_REFUSALS
from playmask.server.limits import Refusal
from playmask.server.schemas import CompletionRequest, EmbeddingsRequest, RerankRequest
from playmask.server.served import (
    COMPLETE,
    EMBED,
    RERANK,
    Completion,
    Decoding,
    Fields,
    Prompt,
    Served,
    Vector,
)
from playmask.server.service import Predict, Service, Vectors, Write

BEGAN = int(time.time())


ROUTER = APIRouter(prefix="/v1")
"""The endpoints; each reads the service of the application that it is in."""


@ROUTER.get("/models")
async def models(request: Request) -> JSONResponse:
    """The tasks, and what each can do."""
    service: Service = request.app.state.service
    return JSONResponse({"object": "list", "data": [*map(_model, service.served.values())]})


@ROUTER.post("/embeddings", responses=TASK_REFUSALS)
async def embeddings(body: EmbeddingsRequest, request: Request) -> JSONResponse:
    """Vectors of texts, in the form of OpenAI's."""
    service: Service = request.app.state.service
    served = service.find(body.model, EMBED, request.scope)
    service.check(served, "input", body.input)
    if body.dimensions is not None and body.dimensions > served.size:
        raise Refusal(
            422, f"dimensions is {body.dimensions}; the vectors have {served.size} numbers."
        )
    counts = await service.count(request, served, body.input)
    call = Vectors(served, body.dimensions)
    vectors = await service.answer(request, served, call, body.input, counts)
    written = _base64 if body.encoding_format == "base64" else _floats
    data = [
        {"object": "embedding", "index": i, "embedding": written(vector)}
        for i, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return JSONResponse({"object": "list", "data": data, "model": served.name, "usage": usage})


@ROUTER.post("/rerank", responses=TASK_REFUSALS)
async def rerank(body: RerankRequest, request: Request) -> JSONResponse:
    """Documents by their relevance to a query, in the form of Cohere's and Jina's."""
    service: Service = request.app.state.service
    served = service.find(body.model, RERANK, request.scope)
    service.check_text("query", body.query)
    rows = [(body.query, document) for document in body.documents]
    service.check(served, "documents", rows)
    counts = await service.count(request, served, rows)
    answers = await service.answer(request, served, Predict(served, True), rows, counts)
    scores = [answer["score"] for answer in answers]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])[: body.top_n]
    results = [
        {"index": i, "relevance_score": scores[i]}
        | ({"document": {"text": body.documents[i]}} if body.return_documents else {})
        for i in order
    ]
    usage = {"total_tokens": sum(counts)}
    return JSONResponse(
        {"id": _id("rerank"), "model": served.name, "results": results, "usage": usage}
    )


@ROUTER.post("/completions", responses=TASK_REFUSALS)
async def completions(body: CompletionRequest, request: Request) -> Response:
    """Texts that go on from prompts, as OpenAI's; streamed as server-sent events."""
    service: Service = request.app.state.service
    served = service.find(body.model, COMPLETE, request.scope)
    service.check(served, "prompt", body.prompt, empty=served.continues)
    prompts = [Prompt(text, _seed(body.seed, i), tuple(body.stop)) for i, text in
               enumerate(body.prompt)]  # fmt: skip
    counts = [max(1, count) for count in await service.count(request, served, body.prompt)]
    if body.stream:
        if len(prompts) > 1:
            raise Refusal(422, f"A stream is of one prompt; {len(prompts)} came.")
        decoding = await _decoding(service, served, body, prompts[0])
        tokens = counts[0] + decoding.max_tokens
        pieces = service.stream(served, prompts[0], decoding, tokens)
        first = await service.first(request, pieces)
        events = _events(served, first, pieces, usage=_wants_usage(body))
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )
    written = await _write(service, request, served, body, prompts, counts)
    choices = [_choice(i, each) for i, each in enumerate(written)]
    return JSONResponse({**_head(served), "choices": choices, "usage": _usage(written)})


async def _write(
    service: Service, request: Request, served: Served, body: CompletionRequest,
    prompts: list[Prompt], counts: list[int],
) -> list[Completion]:  # fmt: skip
    """The completions of all prompts; those that are decoded alike go into one queue together."""
    decodings = [await _decoding(service, served, body, prompt) for prompt in prompts]
    tokens = [count + each.max_tokens for count, each in zip(counts, decodings, strict=True)]
    completions: dict[int, Completion] = {}
    for decoding in dict.fromkeys(decodings):
        own = [i for i, each in enumerate(decodings) if each == decoding]
        some = await service.answer(
            request, served, Write(served, decoding), [prompts[i] for i in own],
            [tokens[i] for i in own],
        )  # fmt: skip
        completions |= dict(zip(own, some, strict=True))
    return [completions[i] for i in range(len(prompts))]


async def _decoding(
    service: Service, served: Served, body: CompletionRequest, prompt: Prompt
) -> Decoding:
    """How a prompt goes on; without max_tokens, as far as the task has learnt."""
    most = body.max_tokens
    if most is None:
        most = await service.thread(served.room, prompt.text)
    return Decoding(most, body.temperature or 0.0, body.top_p)


async def _events(
    served: Served, first: Completion, pieces: AsyncGenerator[Completion, None], *, usage: bool
) -> AsyncIterator[str]:
    """A completion as server-sent events."""
    head, last = _head(served), first
    try:
        yield _event({**head, "choices": [_choice(0, first)]})
        async for last in pieces:
            yield _event({**head, "choices": [_choice(0, last)]})
    except Refusal as refusal:
        yield _event(refusal.body)
        return
    finally:
        await pieces.aclose()
    if usage:
        yield _event({**head, "choices": [], "usage": _usage([last])})
    yield "data: [DONE]\n\n"


def _event(fields: Fields) -> str:
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n"


def _model(served: Served) -> Fields:
    own = {"task": served.kind, "abilities": sorted(served.abilities)}
    return {"id": served.name, "object": "model", "created": BEGAN, "owned_by": "playmask", **own}


def _head(served: Served) -> Fields:
    return {
        "id": _id("cmpl"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": served.name,
    }


def _choice(index: int, completion: Completion) -> Fields:
    return {
        "text": completion.text,
        "index": index,
        "logprobs": None,
        "finish_reason": completion.finish,
    }


def _usage(completions: list[Completion]) -> Fields:
    prompt = sum(each.prompt_tokens for each in completions)
    new = sum(each.tokens for each in completions)
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}


def _wants_usage(body: CompletionRequest) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage


def _seed(seed: int | None, number: int) -> int:
    """The seed of a prompt: that of the request and its number, or one by chance."""
    return secrets.randbelow(1 << 31) if seed is None else (seed + number) % (1 << 31)


def _id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(12)}"


def _floats(vector: Vector) -> list[float]:
    return [float(value) for value in vector]


def _base64(vector: Vector) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
