"""The HTTP face of one node: from a request's bytes to an answer's, failing as it is told to."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from tests.standin import auth, payload
from tests.standin.dialect import Dialect
from tests.standin.errors import OVERLOADED, UNAVAILABLE, ApiError, Dropped, internal, validation
from tests.standin.faults import Fault, Faults
from tests.standin.operations import operation
from tests.standin.store import Call, Store
from tests.standin.values import Item

log = logging.getLogger(__name__)

JSON = "application/x-amz-json-1.0"
STREAMED_ITEMS = 256
STREAMED_BYTES = 100_000
PIECE = 32_768
RESET = struct.pack("ii", 1, 0)

Handler = Callable[[Call], Item | None]
Heard = Callable[[int, str, Item | None], None]
"""Told (node, operation, None) of every request, and (node, operation, body) once parsed."""


@dataclass
class Front:
    """Answers POST / of one node.

    heard: is told of every request before it is answered.
    auth: role to secret; None lets every request pass.
    """

    node: int
    store: Store
    faults: Faults
    auth: dict[str, str] | None
    heard: Heard

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One API request, whatever becomes of it."""
        name = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.heard(self.node, name, None)
        fault = self.faults.pick(name)
        try:
            await self._delay(fault)
            if fault and fault.kind == "overload_close":
                return await self._refuse_and_close(request)
            body = await self._work(request, name, fault)
        except ApiError as error:
            return await self._refuse(request, error)
        except Dropped:
            return reset(request)
        return await send(request, body, fault)

    async def _delay(self, fault: Fault | None) -> None:
        seconds = self.faults.latency + (fault.seconds if fault else 0.0)
        if seconds:
            await asyncio.sleep(seconds)

    async def _work(self, request: web.Request, name: str, fault: Fault | None) -> Item | None:
        limit = self.store.settings.body_limit
        if (request.content_length or 0) > limit:
            raise payload.too_large(limit)
        raw = await request.read()
        if len(raw) > limit:
            raise payload.too_large(limit)
        _fail_early(fault)
        if self.auth is not None:
            auth.check(request.headers, raw, self.auth)
        handler = operation(name)
        encoding = request.headers.get("Content-Encoding")
        if self.store.dialect.compression:
            raw = payload.unpacked(raw, encoding, limit)
        body = payload.parsed(raw, self.store.dialect)
        self.heard(self.node, name, body)
        answer = _handled(
            handler,
            Call(self.store, self.faults, name, body, self.node, request.headers["Host"], fault),
        )
        if fault and fault.kind == "reset_after_write":
            raise Dropped
        return answer

    async def _refuse(self, request: web.Request, error: ApiError) -> web.StreamResponse:
        response = web.Response(body=error.body(), status=error.status, content_type=JSON)
        if error.status != 413 or request.content.at_eof():
            return response
        if not self.store.dialect.json_413:
            limit, size = self.store.settings.body_limit, request.content_length
            text = f"Content length limit ({limit}) exceeded: {size}"
            response = web.Response(text=text, status=413)
        return await _write_and_close(request, response)

    async def _refuse_and_close(self, request: web.Request) -> web.StreamResponse:
        body = overloaded().body()
        response = web.Response(body=body, status=400, content_type=JSON)
        return await _write_and_close(request, response)


def _handled(handler: Handler, call: Call) -> Item | None:
    """What an operation answers. A request of a shape that nobody thought of trips ScyllaDB over
    the JSON, which it refuses; it is logged, as it may be a mistake of this house."""
    try:
        return handler(call)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        log.exception("%s of an unexpected shape", call.operation)
        raise validation(call.dialect.odd_shape) from error


def overloaded() -> ApiError:
    """The refusal of a server with too much to do."""
    return ApiError("RequestLimitExceeded", OVERLOADED.format(count=1000))


def _fail_early(fault: Fault | None) -> None:
    """Faults that come before the request is even looked at."""
    if fault is None:
        return
    if fault.kind == "overload":
        raise overloaded()
    if fault.kind == "error_500":
        raise internal(UNAVAILABLE)
    if fault.kind == "reset_before_write":
        raise Dropped


async def _write_and_close(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the answer with the request's body unread, and close without announcing it."""
    await response.prepare(request)
    await response.write_eof()
    if request.transport is not None:
        request.transport.close()
    return response


def reset(request: web.Request) -> web.StreamResponse:
    """Reset the connection instead of answering."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()
    return web.Response()


async def send(request: web.Request, body: Item | None, fault: Fault | None) -> web.StreamResponse:
    """A 200; big item lists are streamed in chunks, and cut off if the fault says so."""
    dialect = request.app[DIALECT]
    raw = dialect.nothing if body is None else msgspec.json.encode(body)
    items = body.get("Items") if body else None
    cut_off = fault is not None and fault.kind == "truncated"
    many = dialect.many_are_chunked and items is not None and len(items) >= STREAMED_ITEMS
    big = many or (items is not None and len(raw) > STREAMED_BYTES)
    headers = {"Content-Type": JSON}
    if dialect.compression:
        accepted = request.headers.get("Accept-Encoding", "")
        raw, encoding = payload.packed(raw, accepted, big)
        headers |= {"Content-Encoding": encoding} if encoding else {}
    if not big and not cut_off:
        return web.Response(body=raw, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    for start in range(0, len(raw) // 2 if cut_off else len(raw), PIECE):
        await response.write(raw[start : start + PIECE])
    if cut_off and request.transport is not None:
        request.transport.close()
    return response


DIALECT = web.AppKey("dialect", Dialect)
