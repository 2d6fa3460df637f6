"""Structured logs: a line of JSON for each request and event, without texts and without keys."""

import json
import logging
import time
import traceback
import uuid
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playmask.server.metrics import Metrics
from playmask.server.served import Fields

LOGGER = logging.getLogger("playmask.server")
ROUTES = frozenset({
    "/", "/docs", "/health", "/ready", "/metrics", "/openapi.json", "/predict",
    "/v1/models", "/v1/embeddings", "/v1/rerank", "/v1/completions",
})  # fmt: skip
"""The paths that are written; another one that a request asks for is "other"."""
WRITTEN = ("uvicorn", "playmask.server")
"""The loggers that a server writes."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, its time in UTC.

    Of an error it says the class and the lines of code, never the message: that may quote texts.
    """

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: Fields = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=True, default=str)


class RequestLog:
    """Middleware: a line and the metrics of each request, and its number in the answer.

    What an endpoint puts into the scope's state under "log" (the task, and counts) goes along.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, number = time.perf_counter(), uuid.uuid4().hex
        fields: Fields = {}
        scope.setdefault("state", {})["log"] = fields
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", number.encode())]
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            status = fields.pop("status", status)
            path = scope["path"] if scope["path"] in ROUTES else "other"
            seconds = time.perf_counter() - began
            task = str(fields.get("task", ""))
            self.metrics.requests.labels(path, task, str(status)).inc()
            self.metrics.request_seconds.labels(path).observe(seconds)
            record = {"id": number, "method": _method(scope), "path": path, "status": status,
                      "ms": round(1000 * seconds, 1), **fields}  # fmt: skip
            LOGGER.info("request", extra={"fields": record})


def _method(scope: Any) -> str:
    """The method of a request; one that nobody knows is "other"."""
    known = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")
    return scope["method"] if scope["method"] in known else "other"


def log(event: str, **fields: Any) -> None:
    """Write an event."""
    LOGGER.info(event, extra={"fields": fields})


def write_logs() -> None:
    """Write the lines of this process's server to stderr; other loggers stay as they are."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in WRITTEN:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
