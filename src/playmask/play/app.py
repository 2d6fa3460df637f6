"""The page's ASGI application: its files, and what they ask."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

import playmask
from playmask.errors import PlaymaskError, nearest
from playmask.inspection.attention_maps import AttentionMaps
from playmask.play.bodies import (
    AnswerRequest,
    ExplainRequest,
    MapsRequest,
    MaskRequest,
    PartRequest,
    SimilarRequest,
    WriteRequest,
)
from playmask.play.changes import CHANGES
from playmask.play.lanes import Progress, steps
from playmask.play.orders import NAMES, PERMUTATION, ordered_mask
from playmask.play.played import PlayedTask, numbers
from playmask.play.style import variables
from playmask.server.app import add_refusals
from playmask.server.limits import ApiKeys, Gate, Refusal
from playmask.server.options import LOOPBACK, ServerOptions
from playmask.server.service import refusal_of

FILES = {file.name: file for file in sorted(Path(__file__).with_name("page").iterdir())}
"""The page's files by the only names that are answered."""
INDEX, COLOURS = "index.html", "colours.css"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""The page may load nothing but its own files, and ask this server alone."""
HOSTS = [LOOPBACK, "localhost"]
"""The names that requests may have for this server: no other site's name leads here."""
MOST = 200_000  # bytes of a request

Translate = Callable[[str, str], str]
"""A sentence in a language, "en" or "zh"."""

ROUTER = APIRouter(prefix="/ask")
"""What the page asks; each endpoint reads the tasks of the application that it is in."""


def create_page(tasks: Iterable[PlayedTask], translate: Translate | None = None) -> FastAPI:
    """The application with some tasks, for the loopback address alone.

    translate: says in the page's language what is refused (None = in English)
    """
    gate = Middleware(Gate, options=ServerOptions(max_body=MOST), keys=ApiKeys())
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    app = FastAPI(
        title="playmask",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[hosts, gate],
    )
    app.state.tasks = {each.name: each for each in tasks}
    app.state.translate = translate
    app.include_router(ROUTER)
    for name in FILES:
        _add_file(app, "/" if name == INDEX else f"/{name}", FILES[name])

    @app.get(f"/{COLOURS}")
    def colours() -> Response:
        return Response(variables(), media_type="text/css", headers=HEADERS)

    add_refusals(app, ["/", *(f"/ask/{name}" for name in ASKED)], _spoken)
    return app


def _spoken(request: Request, refusal: Refusal) -> Refusal:
    """A refusal in the language that the page is read in."""
    translate: Translate | None = request.app.state.translate
    if translate is None:
        return refusal
    language = "zh" if request.headers.get("accept-language", "").startswith("zh") else "en"
    return Refusal(refusal.status, translate(refusal.sentence, language), refusal.headers)


def _add_file(app: FastAPI, path: str, file: Path) -> None:
    @app.get(path)
    def content() -> FileResponse:
        return FileResponse(file, headers=HEADERS)


@ROUTER.get("/state")
def state(request: Request) -> JSONResponse:
    """The tasks, and what can be chosen."""
    tasks: dict[str, PlayedTask] = request.app.state.tasks
    return JSONResponse({
        "version": playmask.__version__,
        "tasks": [each.about() for each in tasks.values()],
        "parts": [*CHANGES],
        "orders": [name for name in NAMES if name != PERMUTATION],
    })  # fmt: skip


@ROUTER.post("/answer")
def answer(body: AnswerRequest, request: Request) -> JSONResponse:
    """The answer of a task to a text or a pair."""
    schema = None if body.names is None else json.dumps(body.names, ensure_ascii=False)
    return JSONResponse(_find(request, body.task).answer(body.whole, schema))


@ROUTER.post("/similar")
def similar(body: SimilarRequest, request: Request) -> JSONResponse:
    """Sentences by how similar they are to a text."""
    played = _find(request, body.task)
    pairs = played.similar(body.text, body.sentences)
    return JSONResponse({
        "comparison": played.task.settings.comparison,
        "sentences": [{"text": text, "score": score} for text, score in pairs],
    })  # fmt: skip


@ROUTER.post("/maps")
def maps(body: MapsRequest, request: Request) -> JSONResponse:
    """The attention of all heads of a layer."""
    return JSONResponse(_layer(_find(request, body.task).maps(body.whole), body.layer))


@ROUTER.post("/part")
def part(body: PartRequest, request: Request) -> JSONResponse:
    """The same beside that of a model with a part switched."""
    both = _find(request, body.task).compared(body.whole, body.part)
    plain, changed = (_layer(each, body.layer) for each in both[:2])
    fields = {"fresh": both.fresh, "python": both.python}
    return JSONResponse({"plain": plain, "changed": changed, **fields})


@ROUTER.post("/explain")
def explain(body: ExplainRequest, request: Request) -> JSONResponse:
    """What each character brought to an answer."""
    result = _find(request, body.task).explained(body.whole, body.answer)
    return JSONResponse({
        "texts": [result.pieces(source) for source in range(len(result.texts))],
        "answer": result.answer,
        "probability": result.probability,
        "value": result.value,
        "unit": result.unit,
        "baseline": result.baseline,
        "baseline_value": result.baseline_value,
        "steps": result.steps,
        "gap": result.relative_gap,
        "complete": result.complete,
        "alternatives": result.alternatives,
    })  # fmt: skip


@ROUTER.post("/mask")
def mask(body: MaskRequest) -> JSONResponse:
    """Who sees whom in a text, by an order."""
    options = body.model_dump()
    result = ordered_mask(options.pop("order"), options.pop("segments"), **options)
    grid = result.grid.astype(int).tolist()
    return JSONResponse({"order": result.order, "grid": grid, "python": result.python})


@ROUTER.post("/write")
def write(body: WriteRequest, request: Request) -> StreamingResponse:
    """A text as it is written: a line of JSON for each token, with all beams."""
    played = _find(request, body.task)
    texts = steps(played, body.text, beams=body.beams, max_tokens=body.max_tokens)
    first = next(texts)
    lines = _lines(first, texts, partial(_spoken, request))
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _lines(
    first: Progress, rest: Iterator[Progress], say: Callable[[Refusal], Refusal]
) -> Iterator[str]:
    """Lines of JSON; an error in the midst is the last of them."""
    try:
        yield _line(first)
        for each in rest:
            yield _line(each)
    except PlaymaskError as error:
        yield json.dumps(say(refusal_of(error)).body, ensure_ascii=False) + "\n"


def _line(progress: Progress) -> str:
    lanes = [{"text": each.text, "score": round(each.score, 4)} for each in progress.lanes]
    return json.dumps({"tokens": progress.tokens, "lanes": lanes}, ensure_ascii=False) + "\n"


def _layer(all_maps: AttentionMaps, layer: int) -> dict[str, Any]:
    """One layer of some maps."""
    picked = all_maps.pick(layer)
    return {
        "tokens": picked.tokens,
        "keys": picked.keys[0],
        "layers": len(all_maps.layers),
        "heads": numbers(picked.weights[0]),
    }


def _find(request: Request, name: str) -> PlayedTask:
    tasks: dict[str, PlayedTask] = request.app.state.tasks
    if name not in tasks:
        raise Refusal(404, f"There is no task {name!r:.80}.{nearest(name, tasks)}")
    return tasks[name]


ASKED = tuple(route.path.rpartition("/")[2] for route in ROUTER.routes)  # type: ignore[attr-defined]
