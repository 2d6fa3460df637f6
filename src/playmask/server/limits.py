"""What a request needs to get in: a key, a body of some size; and how one is refused."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playmask.data.lines import read_whole
from playmask.errors import ConfigError
from playmask.server.options import ServerOptions
from playmask.server.served import Fields

OPEN = ("/", "/docs", "/health", "/ready", "/openapi.json")
"""Paths that need no key: they tell nothing but what the server can do."""
TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    408: "timeout_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""What kind of error a status is, for clients that look at the kind."""


class Refusal(Exception):
    """Why a request is not answered: a status and one sentence."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})

    @property
    def body(self) -> Fields:
        """The sentence, in the form that clients of OpenAI's interface read."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "error")
        return {"error": {"message": self.sentence, "type": kind, "param": None, "code": None}}

    @property
    def response(self) -> JSONResponse:
        """What is answered."""
        return JSONResponse(self.body, self.status, self.headers)


class ApiKeys(NamedTuple):
    """The keys that open a server, as SHA-256; none opens it to all."""

    digests: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, file: Path | None, environment: str = "") -> "ApiKeys":
        """Those of a file, one a line, and of a variable, with commas.

        Raises: ConfigError for a file without a key; DataError for one that cannot be read
        """
        lines = [] if file is None else read_whole(file).splitlines()
        keys = [line.strip() for line in (*lines, *environment.split(",")) if line.strip()]
        if file is not None and not any(map(str.strip, lines)):
            raise ConfigError(f"{file} holds no key; one a line is due.")
        return cls(tuple(map(_digest, keys)))

    def open(self, key: str) -> bool:
        """Whether a key is one of them; takes as long for each that is not."""
        digest = _digest(key)
        return any([hmac.compare_digest(digest, own) for own in self.digests])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


class Gate:
    """Middleware: lets requests in that have a key, and a body that is not too large or too slow.

    A body is counted as it arrives, whatever its header says.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions, keys: ApiKeys) -> None:
        self.app, self.options, self.keys = app, options, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check(scope["path"], headers)
            message = await self._body(receive)
        except Refusal as refusal:
            await refusal.response(scope, receive, send)
            return
        first: list[Message] = [message]

        async def replayed() -> Message:
            return first.pop() if first else await receive()

        await self.app(scope, replayed, send)

    def _check(self, path: str, headers: dict[bytes, str]) -> None:
        if self.keys.digests and path not in OPEN:
            scheme, _, key = headers.get(b"authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self.keys.open(key.strip()):
                raise Refusal(
                    401,
                    "This server needs a key, sent as the header Authorization: Bearer KEY.",
                    {"WWW-Authenticate": "Bearer"},
                )
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length[:20]) > self.options.max_body:
            raise self._too_large()

    async def _body(self, receive: Receive) -> Message:
        """The whole body as one message."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.options.timeout):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return message
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.options.max_body:
                        raise self._too_large()
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise Refusal(
                408, f"The request did not arrive within {self.options.timeout:g} seconds."
            ) from None
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    def _too_large(self) -> Refusal:
        most = self.options.max_body
        return Refusal(
            413,
            f"The request has more than {most:,} bytes; send fewer texts at once.",
            {"Connection": "close"},
        )
