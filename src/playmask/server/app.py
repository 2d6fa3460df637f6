"""The ASGI application: endpoints, the order of what stands around them, start and end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

import playmask
from playmask.errors import PlaymaskError
from playmask.server.documented import TASK_REFUSALS, behind_keys, refusals
from playmask.server.limits import ApiKeys, Gate, Refusal
from playmask.server.logs import ROUTES, RequestLog
from playmask.server.metrics import Metrics
from playmask.server.openai import ROUTER
from playmask.server.options import ServerOptions
from playmask.server.schemas import PredictRequest, sentence_of
from playmask.server.served import PREDICT, Served
from playmask.server.service import Predict, Service, refusal_of

PAGE = Path(__file__).with_name("page.html")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""The page may load nothing, from no host, and ask this server alone."""


def create_app(
    served: Iterable[Served],
    options: ServerOptions | None = None,
    keys: ApiKeys | None = None,
    *,
    warm_first: bool = False,
) -> FastAPI:
    """The application that serves some tasks.

    warm_first: whether no request is taken before it is ready, as in one process of several; else
    those are refused with 503
    """
    options, keys, metrics = options or ServerOptions(), keys or ApiKeys(), Metrics()
    service = Service(served, options, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(service.warm())
        if warm_first:
            await warming
        yield
        with suppress(Exception):
            await warming
        await service.close()

    around = [Middleware(RequestLog, metrics=metrics)]
    if options.cors:
        headers = ["Authorization", "Content-Type"]
        around.append(
            Middleware(CORSMiddleware, allow_origins=[*options.cors], allow_methods=["GET", "POST"],
                       allow_headers=headers)
        )  # fmt: skip
    app = FastAPI(
        title="playmask",
        version=playmask.__version__,
        summary="Saved tasks over HTTP.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # whose address would be of the Host that a client names
        lifespan=lifespan,
        middleware=[*around, Middleware(Gate, options=options, keys=keys)],
    )
    app.state.service = service
    _add_state(app, service)
    app.include_router(_with_keys(service), **behind_keys(keys))
    add_refusals(app, ROUTES)
    return app


def _add_state(app: FastAPI, service: Service) -> None:
    """What is asked of the server itself, without a key."""

    @app.get("/health")
    async def health() -> JSONResponse:
        """Whether the process lives."""
        return JSONResponse({"status": "ok"})

    @app.get("/ready", responses=refusals(503))
    async def ready() -> JSONResponse:
        """Whether requests are answered: 503 until all shapes are compiled."""
        if not service.ready:
            raise Refusal(503, service.reason, {"Retry-After": "1"})
        return JSONResponse({"status": "ready", "tasks": [*service.served]})

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> HTMLResponse:
        """The endpoints with their examples, on one page that loads nothing else."""
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers=headers)


def _with_keys(service: Service) -> APIRouter:
    """What needs a key, where there are keys."""
    router = APIRouter()

    @router.get("/metrics")
    async def numbers() -> Response:
        """The numbers that Prometheus reads."""
        text, kind = service.metrics.text()
        return Response(text, media_type=kind)

    @router.post("/predict", responses=TASK_REFUSALS)
    async def predict(body: PredictRequest, request: Request) -> JSONResponse:
        """The answers of a task to texts, or pairs, as `playmask predict` prints them."""
        served = service.find(body.task, PREDICT, request.scope)
        service.check(served, "texts", body.texts)
        counts = await service.count(request, served, body.texts)
        schema = None if body.names is None else json.dumps(body.names, ensure_ascii=False)
        call = Predict(served, not isinstance(body.texts[0], str), schema)
        answers = await service.answer(request, served, call, body.texts, counts)
        return JSONResponse({"task": served.name, "answers": answers})

    router.include_router(ROUTER)
    return router


def add_refusals(
    app: FastAPI,
    paths: Iterable[str],
    say: Callable[[Request, Refusal], Refusal] = lambda _, refusal: refusal,
) -> None:
    """One sentence for whatever is not answered.

    paths: those that there are; say: puts a refusal in the words that its request asks for
    """

    def add(kind: type[Exception], refuse: Callable[[Request, Any], Refusal]) -> None:
        @app.exception_handler(kind)
        async def refused(request: Request, error: Exception) -> JSONResponse:
            return say(request, refuse(request, error)).response

    add(Refusal, lambda _, error: error)
    add(PlaymaskError, lambda _, error: refusal_of(error))
    add(RequestValidationError, lambda _, error: Refusal(422, sentence_of(error.errors())))
    add(HTTPException, partial(_of_http, paths=sorted(paths)))
    add(Exception, lambda *_: Refusal(500, "An internal error; the server's log says where."))


def _of_http(request: Request, error: HTTPException, paths: Sequence[str]) -> Refusal:
    """A refusal of the framework's, in one sentence."""
    cause = error.__cause__
    if isinstance(cause, UnicodeDecodeError):
        return Refusal(422, f"Byte {cause.start + 1} of the body is not UTF-8.")
    if isinstance(cause, RecursionError | ValueError):
        return Refusal(422, "The body is no JSON that can be read: it is nested too deeply, or a "
                            "number has too many digits.")  # fmt: skip
    if error.status_code == 404:
        return Refusal(404, f"There is no such path; there are {', '.join(paths)}.")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = sorted(headers["Allow"].split(", "))
        due = " or ".join(methods)
        sentence = f"{request.url.path} takes no {request.method:.20}; {due} is due."
        return Refusal(405, sentence, {"Allow": ", ".join(methods)})
    return Refusal(error.status_code, f"{error.detail}.", headers)
