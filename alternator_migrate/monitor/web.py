"""A small server for a few clients, none of which can slow down the run that it tells of.

A connection carries one request. Connections are accepted one after another at a bounded rate while
fewer than a bounded number are open, and closed when they take too long: what comes faster waits in
the system's queue, and costs nothing here. What a request is answered with is made once for all who
ask within a second, or longer where it takes long to make.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.listen import Listen, is_answered

log = logging.getLogger(__name__)
_MOST_OPEN: Final = 32
_A_SECOND: Final = 20
_IDLE_SECONDS: Final = 3.0
_LONGEST_SECONDS: Final = 10.0
_LARGEST_BODY: Final = 65_536
_FRESH_SECONDS: Final = 1.0
_FRESH_TIMES: Final = 100
"""What took 20 ms of work to make serves for 2 s: making it takes no more than a hundredth."""
_STALE_SECONDS: Final = 20.0
_QUIET: Final = logging.getLogger(f"{__name__}.clients")
_QUIET.disabled = True  # what clients do wrong is told to them
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "alternator-migrate",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its path and query, its headers, names in lower case, and its body."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its body and type, status, and further headers."""

    body: bytes
    kind: str = "text/plain; charset=utf-8"
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Asked], Awaitable[Answer]]
"""Answers one request."""
Routes: TypeAlias = Mapping[tuple[str, str], Handler]
"""Handlers by method and path; HEAD is answered as GET is."""


class Kept:
    """An answer that is made anew when it is old. `make` runs within the loop; if it cannot make
    one, that is told once, and is no reason for the run to end. `clock` and `worked`, which tells
    how much this thread has computed, are in seconds."""

    def __init__(
        self,
        make: Callable[[], Answer],
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self._make, self._clock, self._worked = make, clock, worked
        self._until = 0.0
        self._answer: Answer | None = None
        self._is_told = False

    def answer(self) -> Answer:
        """The answer of the last second, or a new one."""
        now = self._clock()
        if self._answer is None or now >= self._until:
            before = self._worked()
            self._answer = self._made()
            took = self._worked() - before
            self._until = now + min(max(_FRESH_SECONDS, _FRESH_TIMES * took), _STALE_SECONDS)
        return self._answer

    def _made(self) -> Answer:
        try:
            return self._make()
        except Exception as error:
            if not self._is_told:
                log.exception("the status page cannot be made")
            self._is_told = True
            words = f"this cannot be made: {error!r}\n".encode()
            return Answer(words, status=HTTPStatus.INTERNAL_SERVER_ERROR)


@asynccontextmanager
async def serving(listen: Listen, allowed: tuple[str, ...], routes: Routes) -> AsyncIterator[str]:
    """Serve `routes` while the block lasts, to clients that know a name that is `allowed`, or the
    address; the URL of the root. Raises `UsageError` where it cannot listen there."""
    listener = _listener(listen)
    names = allowed if listen.is_local else (*allowed, listen.host, socket.gethostname())
    server = _Server(_Site(routes, names))
    try:
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(server.accept_all(listener))
            yield listen.url(listener.getsockname()[1])
            accepting.cancel()
    finally:
        listener.close()
        server.close_all()


def _listener(listen: Listen) -> socket.socket:
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(64)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise UsageError(
            f"the status page cannot listen at {listen.host}:{listen.port}: {error.strerror}",
            "Give --status (status.listen) another port; 0 is any that is free.",
        ) from error
    return listener


class _Site:
    """Answers requests as the routes say."""

    def __init__(self, routes: Routes, names: tuple[str, ...]) -> None:
        self._routes, self._names = routes, names

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        answer = await self._answered(request)
        headers = {**_HEADERS, **answer.headers, "Content-Type": answer.kind}
        response = web.Response(body=answer.body, status=answer.status, headers=headers)
        response.force_close()
        return response

    async def _answered(self, request: web.BaseRequest) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        handler = self._routes.get((method, request.path))
        if not is_answered(request.headers.get("Host", ""), self._names):
            words = b"this name is not answered: add it to status.allowedHosts\n"
            return Answer(words, status=HTTPStatus.FORBIDDEN)
        if handler is None:
            return self._unknown(request.path)
        if (request.content_length or 0) > _LARGEST_BODY:
            return Answer(b"too large\n", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = await request.read() if method == "POST" else b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        return await handler(Asked(request.path, dict(request.query), headers, body))

    def _unknown(self, path: str) -> Answer:
        methods = [method for method, known in self._routes if known == path]
        if not methods:
            return Answer(b"there is nothing here\n", status=HTTPStatus.NOT_FOUND)
        allow = {"Allow": ", ".join(methods)}
        return Answer(b"not this way\n", status=HTTPStatus.METHOD_NOT_ALLOWED, headers=allow)


class _Server(web.Server):
    """Accepts connections, a few at a time."""

    def __init__(self, site: _Site) -> None:
        super().__init__(
            self._handle,
            access_log=None,
            logger=_QUIET,
            lingering_time=0.0,
            keepalive_timeout=0.0,
            auto_decompress=False,
            read_bufsize=_LARGEST_BODY,
        )
        self._site = site
        self._free = asyncio.Semaphore(_MOST_OPEN)
        self._asking: set[RequestHandler] = set()
        self._open: dict[RequestHandler, tuple[asyncio.TimerHandle, ...]] = {}

    async def accept_all(self, listener: socket.socket) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() - 1.0
        while True:
            await self._free.acquire()
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # it was gone already, or no descriptor is left
                self._free.release()
                await asyncio.sleep(1 / _A_SECOND)
                continue
            await self._take(client)
            due = max(due + 1 / _A_SECOND, loop.time() - 1.0)
            await asyncio.sleep(max(due - loop.time(), 0.0))

    def close_all(self) -> None:
        """End all connections."""
        for handler in [*self._open]:
            self._end(handler)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """A connection is over: another one may come."""
        super().connection_lost(handler, exc)
        self._asking.discard(handler)
        for timer in self._open.pop(handler, ()):
            timer.cancel()
        self._free.release()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self._asking.add(request.protocol)
        return await self._site(request)

    async def _take(self, client: socket.socket) -> None:
        """Serve a connection, within its time."""
        loop = asyncio.get_running_loop()
        handler = self()
        try:
            client.setblocking(False)
            await loop.connect_accepted_socket(lambda: handler, client)
        except OSError:
            client.close()
            self._free.release()
            return
        if handler.transport is not None:
            self._open[handler] = (
                loop.call_later(_IDLE_SECONDS, self._end_idle, handler),
                loop.call_later(_LONGEST_SECONDS, self._end, handler),
            )

    def _end_idle(self, handler: RequestHandler) -> None:
        """End a connection that has not sent a whole request."""
        if handler not in self._asking:
            self._end(handler)

    def _end(self, handler: RequestHandler) -> None:
        if handler.transport is not None:
            handler.transport.abort()
