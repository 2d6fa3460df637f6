"""What the endpoints share: tasks by name, their queues, and the wait for answers."""

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from playmask.errors import BusyError, NotFiniteError, PlaymaskError
from playmask.runtime.planning import BATCH_TOKENS
from playmask.server.limits import Refusal
from playmask.server.logs import LOGGER, log
from playmask.server.metrics import Metrics, QueueWatch
from playmask.server.options import ServerOptions
from playmask.server.queue import BatchQueue, Call, QueueFull
from playmask.server.served import Completion, Decoding, Fields, Prompt, Row, Served, Vector

GONE = 499  # what logs and metrics have for a client that left
NUMBERED = re.compile(r"\b([Tt]ext|[Rr]ow|[Ee]xample) 0\b")


@dataclass(frozen=True)
class Predict:
    """Answers to rows that are all texts, or all pairs."""

    served: Served
    pairs: bool
    schema: str | None = None

    def __call__(self, items: Sequence[Row]) -> list[Fields]:
        """The answers."""
        return self.served.predict(items, self.schema)


@dataclass(frozen=True)
class Vectors:
    """Vectors of one size."""

    served: Served
    size: int | None

    def __call__(self, items: Sequence[Row]) -> list[Vector]:
        """The vectors."""
        return self.served.vectors(items, self.size)


@dataclass(frozen=True)
class Write:
    """Completions that are decoded alike."""

    served: Served
    decoding: Decoding

    def __call__(self, items: Sequence[Prompt]) -> list[Completion]:
        """The completions."""
        return self.served.write(items, self.decoding)


class Stream:
    """A completion that is handed on piece by piece, by a thread to the event loop."""

    def __init__(self, served: Served, decoding: Decoding) -> None:
        self.served, self.decoding = served, decoding
        self.pieces: asyncio.Queue[Completion] = asyncio.Queue()
        self.stopped = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, items: Sequence[Prompt]) -> list[None]:
        """Write, until the end or until nobody waits."""
        (prompt,) = items
        for piece in self.served.stream(prompt, self.decoding, self.stopped.is_set):
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)
        return [None]


class Service:
    """The tasks that a process serves, each with a queue of its own."""

    def __init__(self, served: Iterable[Served], options: ServerOptions, metrics: Metrics) -> None:
        self.served = {each.name: each for each in served}
        self.options, self.metrics = options, metrics
        self.ready, self.reason = False, "The tasks are being made ready."
        self.queues = {
            name: BatchQueue(
                max_batch=options.max_batch or BATCH_TOKENS,
                max_queue=options.max_queue,
                max_wait=options.max_wait_ms / 1000,
                threads=each.threads,
                watch=QueueWatch(metrics, name),
            )
            for name, each in self.served.items()
        }

    async def warm(self) -> None:
        """Run the shapes of all tasks; `ready` from then on, or `reason` says why not."""
        try:
            for name, each in self.served.items():
                began = asyncio.get_running_loop().time()
                await asyncio.to_thread(each.warm)
                seconds = asyncio.get_running_loop().time() - began
                log("warm", task=name, seconds=round(seconds, 1))
        except Exception as error:
            LOGGER.exception("A task cannot be made ready.")
            self.reason = f"The task {name!r} cannot be made ready: {_said(error)}"
            raise
        self.ready, self.reason = True, ""
        self.metrics.ready.set(1)
        log("ready", tasks=[*self.served])

    async def close(self) -> None:
        """Finish what was taken."""
        self.ready, self.reason = False, "The server is ending."
        self.metrics.ready.set(0)
        await asyncio.gather(*(queue.close() for queue in self.queues.values()))

    def find(self, name: str | None, ability: str, scope: Any) -> Served:
        """The task that a request names, or the only one that can do what it asks for.

        Raises: Refusal 404 naming the tasks; 422 where it cannot
        """
        able = {each.name: each for each in self.served.values() if ability in each.abilities}
        if name is None:
            if len(able) != 1:
                raise Refusal(422, f"The request names no task.{_listed(able, ability)}")
            (name,) = able
        if name not in self.served:
            names = ", ".join(map(repr, self.served))
            raise Refusal(404, f"There is no task {name!r:.80}; there are {names}.")
        scope["state"]["log"]["task"] = name
        if name not in able:
            kind = self.served[name].kind
            raise Refusal(
                422, f"The task {name!r} is of the kind {kind!r}.{_listed(able, ability)}"
            )
        return able[name]

    def check(self, served: Served, name: str, rows: Sequence[Row], *, empty: bool = False) -> None:
        """See that rows are such as the task takes, within the limits.

        name: of the field that they came in; empty: whether a text may be
        Raises: Refusal 422
        """
        options = self.options
        if not 1 <= len(rows) <= options.texts:
            raise Refusal(
                422, f"{name} holds {len(rows)} texts; from 1 to {options.texts} are taken."
            )
        for i, row in enumerate(rows):
            place, pair = f"{name}[{i}]", not isinstance(row, str)
            if served.pairs is not None and pair is not served.pairs:
                due = "pairs, as [text, text]" if served.pairs else "single texts"
                raise Refusal(422, f"{place}: the task {served.name!r} takes {due}.")
            for part in (row,) if isinstance(row, str) else row:
                self.check_text(place, part, empty=empty)

    def check_text(self, place: str, text: str, *, empty: bool = False) -> None:
        """See that one text is within the limits; raises Refusal 422, which names its place."""
        most = self.options.max_characters
        if not empty and not text.strip():
            raise Refusal(422, f"{place} is empty; there is nothing to answer to.")
        if len(text) > most:
            raise Refusal(422, f"{place} has {len(text):,} characters; {most:,} are taken at most.")

    async def count(self, request: Request, served: Served, rows: Sequence[Row]) -> list[int]:
        """The tokens of rows, by a thread; noted for the log."""
        counts = await self.thread(served.tokens, rows)
        request.scope["state"]["log"] |= {"texts": len(rows), "tokens": sum(counts)}
        return list(counts)

    async def thread(self, function: Any, *arguments: Any) -> Any:
        """What a function returns, by a thread; raises Refusal for what it cannot take."""
        try:
            return await asyncio.to_thread(function, *arguments)
        except PlaymaskError as error:
            raise refusal_of(error) from error

    async def answer(
        self, request: Request, served: Served, call: Call, items: Sequence[Any],
        tokens: Sequence[int],
    ) -> list[Any]:  # fmt: skip
        """The result of each item, when all are there.

        Raises: Refusal 503 where the queue is full, 504 where the wait is too long, 422 for an item
                that cannot be answered
        """
        queue = self.queues[served.name]
        futures = self.submit(served, call, items, tokens)
        results = asyncio.gather(*futures, return_exceptions=True)
        gone = asyncio.ensure_future(until_gone(request))
        try:
            await self._first(results, gone)
            if not results.done():
                if gone.done():
                    request.scope["state"]["log"]["status"] = GONE
                raise self._too_long()
        finally:
            gone.cancel()
            queue.abandon(futures)
        for place, result in enumerate(results.result()):
            if isinstance(result, BaseException):
                raise refusal_of(result, place, len(items)) from result
        return list(results.result())

    def submit(
        self, served: Served, call: Call, items: Sequence[Any], tokens: Sequence[int]
    ) -> "list[asyncio.Future[Any]]":
        """Put items into the queue of a task; raises Refusal 503 where they cannot be taken."""
        if not self.ready:
            raise Refusal(503, self.reason, {"Retry-After": "1"})
        try:
            return self.queues[served.name].submit(call, items, tokens)
        except QueueFull as full:
            raise Refusal(
                503,
                f"The task {served.name!r} has too much to do; ask again in {full.retry} s.",
                {"Retry-After": str(full.retry)},
            ) from None

    async def stream(
        self, served: Served, prompt: Prompt, decoding: Decoding, tokens: int
    ) -> AsyncGenerator[Completion, None]:
        """The pieces of a completion; who stops reading ends it.

        Raises: as `answer`
        """
        stream = Stream(served, decoding)
        (future,) = self.submit(served, stream, [prompt], [tokens])
        try:
            while True:
                piece = await self._next(stream, future)
                if piece is not None:
                    yield piece
                if piece is None or piece.finish is not None:
                    return
        finally:
            stream.stopped.set()
            self.queues[served.name].abandon([future])

    async def first(self, request: Request, pieces: AsyncGenerator[Completion, None]) -> Completion:
        """The first piece of a completion, unless its client leaves before; raises as `stream`."""
        piece = asyncio.ensure_future(anext(pieces))
        gone = asyncio.ensure_future(until_gone(request))
        try:
            await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
            if piece.done():
                return piece.result()
        finally:
            gone.cancel()
            piece.cancel()
        request.scope["state"]["log"]["status"] = GONE
        raise self._too_long()

    async def _next(self, stream: Stream, future: "asyncio.Future[Any]") -> Completion | None:
        """The next piece, or None behind the last one."""
        getting = asyncio.ensure_future(stream.pieces.get())
        try:
            await self._first(getting, future)
            if getting.done():
                return getting.result()
            if not future.done():
                raise self._too_long()
            if not stream.pieces.empty():
                return stream.pieces.get_nowait()
            error = future.exception()
            if error is not None:
                raise refusal_of(error) from error
            return None
        finally:
            getting.cancel()

    async def _first(self, *futures: "asyncio.Future[Any]") -> None:
        """Wait for one of some futures, and no longer than a request may."""
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(futures, timeout=self.options.timeout, return_when=first)

    def _too_long(self) -> Refusal:
        return Refusal(504, f"There was no answer within {self.options.timeout:g} seconds.")


async def until_gone(request: Request) -> None:
    """Wait until a client has left whose request was read."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


def refusal_of(error: BaseException, place: int = 0, count: int = 1) -> Refusal:
    """What is answered where an item of a request could not be; errors count within the request."""
    if isinstance(error, BusyError):
        return Refusal(503, str(error), {"Retry-After": "5"})
    if isinstance(error, NotFiniteError):
        return Refusal(500, str(error))
    if isinstance(error, PlaymaskError):
        sentence = NUMBERED.sub(rf"\g<1> {place}", str(error), count=1)
        return Refusal(422, sentence)
    LOGGER.error("internal error", exc_info=error)
    return Refusal(500, "An internal error; the server's log says where.")


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, PlaymaskError) else "an internal error"


def _listed(able: Iterable[str], ability: str) -> str:
    names = ", ".join(map(repr, able))
    return f" Those that can {ability}: {names}." if names else f" None here can {ability}."
