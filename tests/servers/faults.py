"""Faults for the fault proxy. Each function makes one `Fault`, named like the function."""

import asyncio
import json
import random
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.servers.exchange import Exchange, Fault, Reply

DYNAMODB = "com.amazonaws.dynamodb.v20120810"
CORAL = "com.amazon.coral"
JSON_TYPE = "application/x-amz-json-1.0"
HTML = b"<html><body><h1>Service Unavailable</h1></body></html>"
RESET = struct.pack("ii", 1, 0)


def throttle() -> Fault:
    """400 ProvisionedThroughputExceededException."""
    words = "The level of configured provisioned throughput for the table was exceeded."
    return _error("throttle", 400, f"{DYNAMODB}#ProvisionedThroughputExceededException", words)


def throttling_exception() -> Fault:
    """400 ThrottlingException."""
    words = "Throughput exceeds the current capacity of your table or index."
    return _error("throttling_exception", 400, f"{CORAL}.availability#ThrottlingException", words)


def request_limit() -> Fault:
    """400 RequestLimitExceeded."""
    words = "Throughput exceeds the current throughput limit for your account."
    return _error("request_limit", 400, f"{DYNAMODB}#RequestLimitExceeded", words)


def internal_500() -> Fault:
    """500 InternalServerError."""
    return _error("internal_500", 500, f"{DYNAMODB}#InternalServerError", "Internal server error")


def signature_expired() -> Fault:
    """400 InvalidSignatureException, as for a request that was long on its way."""
    early, now = "20200101T000000Z", "20200101T001500Z"
    words = f"Signature expired: {early} is now earlier than {now} (20200101T003000Z - 15 min.)"
    return _error("signature_expired", 400, f"{CORAL}.service#InvalidSignatureException", words)


def replicated_write_conflict() -> Fault:
    """400 ReplicatedWriteConflictException."""
    words = "One or more items in this request are being modified by a request in another Region."
    kind = f"{DYNAMODB}#ReplicatedWriteConflictException"
    return _error("replicated_write_conflict", 400, kind, words)


def transaction_in_progress() -> Fault:
    """400 TransactionInProgressException."""
    words = "The transaction with the given request token is already in progress."
    kind = f"{DYNAMODB}#TransactionInProgressException"
    return _error("transaction_in_progress", 400, kind, words)


def validation(message: str = "One or more parameter values were invalid") -> Fault:
    """400 ValidationException with `message`."""
    return _error("validation", 400, f"{CORAL}.validate#ValidationException", message)


def in_use(message: str) -> Fault:
    """The table is busy, or something of that name is there."""
    return _error("in_use", 400, "ResourceInUseException", message)


def expired_token() -> Fault:
    """400 ExpiredTokenException."""
    words = "The security token included in the request is expired"
    return _error("expired_token", 400, f"{CORAL}.service#ExpiredTokenException", words)


def service_unavailable_503() -> Fault:
    """503 with a page of HTML, as a load balancer gives it."""
    return _fixed("service_unavailable_503", Reply(503, HTML, {"Content-Type": "text/html"}))


def request_timeout_408() -> Fault:
    """408 with nothing else, as a load balancer gives it on a connection that it closes."""
    return _fixed("request_timeout_408", Reply(408, b"", {"Connection": "close"}))


def html_200() -> Fault:
    """200 with a page of HTML, as a captive portal or a wrong port gives it."""
    return _fixed("html_200", Reply(200, HTML, {"Content-Type": "text/html"}))


def redirect_301(location: str = "/elsewhere") -> Fault:
    """301 to `location`. A client that follows it shows up in `requests` of the proxy."""
    return _fixed("redirect_301", Reply(301, b"", {"Location": location}))


def wrong_json(body: bytes = b'{"Items": [{"pk": "a"]}') -> Fault:
    """200 with `body`, which is whole, but not what the API promises."""
    return _fixed("wrong_json", Reply(200, body, {"Content-Type": JSON_TYPE}))


def unprocessed(share: float = 0.5, seed: int = 0) -> Fault:
    """Forward a BatchWriteItem without a random `share` of its writes, and return those."""
    dice = random.Random(seed)

    async def act(exchange: Exchange) -> web.StreamResponse:
        kept, left = _split(exchange.json()["RequestItems"], lambda: dice.random() < share)
        body = {**exchange.json(), "RequestItems": kept}
        reply = await exchange.forward(json.dumps(body).encode()) if kept else _ok({})
        if reply.status != 200:
            return reply.response()
        answer = reply.json()
        returned = _joined(left, answer.get("UnprocessedItems") or {})
        return reply.with_json({**answer, "UnprocessedItems": returned}).response()

    return Fault("unprocessed", act)


def unprocessed_all() -> Fault:
    """Return all writes of a BatchWriteItem as unprocessed, without forwarding it."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        return _ok({"UnprocessedItems": exchange.json()["RequestItems"]}).response()

    return Fault("unprocessed_all", act)


def reset_before() -> Fault:
    """Reset the connection without forwarding."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        return _reset(exchange.request)

    return Fault("reset_before", act)


def reset_after() -> Fault:
    """Forward, then reset the connection: done, but nobody told."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        await exchange.forward(exchange.body)
        return _reset(exchange.request)

    return Fault("reset_after", act)


def truncate(chunked: bool = False) -> Fault:
    """Forward, answer half of the body, and close. The head promises all of it, or is chunked."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(reply.body)
        await response.prepare(exchange.request)
        await response.write(reply.body[: len(reply.body) // 2])
        if exchange.request.transport is not None:
            exchange.request.transport.close()
        return response

    return Fault("truncate", act)


def cut_off() -> Fault:
    """Forward, and answer half of the body as if it were all of it."""
    return _changed("cut_off", lambda it: replace(it, body=it.body[: len(it.body) // 2]))


def cut_off_error() -> Fault:
    """400 with the beginning of an error."""
    return _fixed("cut_off_error", Reply(400, b'{"__type": "com.ama', {"Content-Type": JSON_TYPE}))


def bad_crc() -> Fault:
    """Forward, and answer with a wrong x-amz-crc32."""
    return _changed("bad_crc", lambda reply: reply.with_checksum(zlib.crc32(reply.body) ^ 1))


def good_crc() -> Fault:
    """Forward, and answer with the right x-amz-crc32."""
    return _changed("good_crc", lambda reply: reply.with_checksum(zlib.crc32(reply.body)))


def slow(seconds: float) -> Fault:
    """Forward at once, and answer `seconds` later."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        await asyncio.sleep(seconds)
        return reply.response()

    return Fault("slow", act)


def hang() -> Fault:
    """Never forward and never answer, until the client leaves or the proxy ends."""

    async def act(_: Exchange) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    return Fault("hang", act)


def endless() -> Fault:
    """Answer a Scan with one item and the LastEvaluatedKey that it started from, if it had one."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        request = exchange.json()
        reply = await _one_item(exchange)
        again = request.get("ExclusiveStartKey") or reply.json().get("LastEvaluatedKey")
        return reply.with_json({**reply.json(), "LastEvaluatedKey": again}).response()

    return Fault("endless", act)


def empty_page() -> Fault:
    """Answer a Scan with no items and the LastEvaluatedKey behind its first item.

    Nothing is lost: the next request that starts there gets the item first. A page that is the
    last one is answered as it is.
    """

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await _one_item(exchange)
        page = reply.json()
        if "LastEvaluatedKey" not in page:
            return reply.response()
        exchange.held.hold(exchange.json(), page)
        return reply.with_json(page).response()

    return Fault("empty_page", act)


def _error(name: str, status: int, kind: str, words: str) -> Fault:
    body = json.dumps({"__type": kind, "message": words}).encode()
    reply = Reply(status, body, {"Content-Type": JSON_TYPE})
    return _fixed(name, reply.with_checksum(zlib.crc32(body)))


def _fixed(name: str, reply: Reply) -> Fault:
    async def act(_: Exchange) -> web.StreamResponse:
        return reply.response()

    return Fault(name, act)


def _changed(name: str, change: Callable[[Reply], Reply]) -> Fault:
    async def act(exchange: Exchange) -> web.StreamResponse:
        return change(await exchange.forward(exchange.body)).response()

    return Fault(name, act)


def _ok(content: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(content).encode(), {"Content-Type": JSON_TYPE})


def _one_item(exchange: Exchange) -> Awaitable[Reply]:
    return exchange.forward(json.dumps({**exchange.json(), "Limit": 1}).encode())


def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        # A lingering time of zero makes closing a reset.
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()


def _split(
    requests: dict[str, list[Any]], leave: Callable[[], bool]
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    kept: dict[str, list[Any]] = {}
    left: dict[str, list[Any]] = {}
    for table, writes in requests.items():
        for write in writes:
            (left if leave() else kept).setdefault(table, []).append(write)
    return kept, left


def _joined(a: dict[str, list[Any]], b: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {table: [*a.get(table, []), *b.get(table, [])] for table in {**a, **b}}
