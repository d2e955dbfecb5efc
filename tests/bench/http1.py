"""HTTP/1.1 framing for the canned servers: keep-alive requests with a Content-Length, no more."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

END_OF_HEAD = b"\r\n\r\n"
Operation = Callable[[dict[str, Any]], dict[str, Any]]
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found"}


class App(Protocol):
    """What answers: `method` and `path` as sent, `operation` empty unless X-Amz-Target named one.

    Returns the whole response, head included, as chunks that are sent in order.
    """

    def answer(self, method: bytes, path: bytes, operation: bytes, body: bytes) -> list[bytes]: ...


class ApiError(Exception):
    """A DynamoDB error: answered with status 400 and this `__type`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def head(status: int, length: int, extra: bytes = b"") -> bytes:
    """The head of a response of `length` body bytes; `extra` is whole header lines with CRLF."""
    fixed = b"HTTP/1.1 %d %s\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return fixed % (status, REASONS[status]) + b"%sContent-Length: %d\r\n\r\n" % (extra, length)


def json_response(value: object, status: int = 200, extra: bytes = b"") -> list[bytes]:
    """A response with `value` as its JSON body."""
    body = json.dumps(value).encode()
    return [head(status, len(body), extra) + body]


def error_response(kind: str, message: str) -> list[bytes]:
    """A DynamoDB error response."""
    prefix = "com.amazonaws.dynamodb.v20120810#"
    return json_response({"__type": prefix + kind, "message": message}, 400)


def field(request: Mapping[str, object], name: str) -> str:
    """The string member `name` of a request; ApiError if it is not there."""
    value = request.get(name)
    if not isinstance(value, str):
        raise ApiError("ValidationException", f"{name} is needed")
    return value


class Connection(asyncio.Protocol):
    """One keep-alive connection: cuts requests out of the stream and writes the app's answers,
    `delay` seconds after each request."""

    def __init__(self, app: App, delay: float = 0.0) -> None:
        self._app, self._delay = app, delay
        self._transport: asyncio.Transport | None = None
        self._begun = b""  # a head that has not ended yet
        self._chunks: list[bytes] = []
        self._missing = 0
        self._request = (b"", b"", b"")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream server's is a Transport

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._feed_body(data) if self._missing else self._feed_head(data)

    def _feed_head(self, data: bytes) -> bytes:
        data = self._begun + data
        end = data.find(END_OF_HEAD)
        if end < 0:
            self._begun = data
            return b""
        self._begun = b""
        lines = data[: end + 2]
        lowered = lines.lower()
        method, path, _ = lines.split(b" ", 2)
        target = _header(lines, lowered, b"\r\nx-amz-target:")
        self._request = (method, path, target.rpartition(b".")[2])
        self._missing = int(_header(lines, lowered, b"\r\ncontent-length:") or 0)
        rest = data[end + len(END_OF_HEAD) :]
        if not self._missing:
            self._respond(b"")
        return rest

    def _feed_body(self, data: bytes) -> bytes:
        part, rest = data[: self._missing], data[self._missing :]
        self._chunks.append(part)
        self._missing -= len(part)
        if not self._missing:
            body = b"".join(self._chunks)
            self._chunks.clear()
            self._respond(body)
        return rest

    def _respond(self, body: bytes) -> None:
        assert self._transport is not None
        try:
            answer = self._app.answer(*self._request, body)
        except ApiError as error:
            answer = error_response(error.kind, str(error))
        if self._delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay, self._transport.writelines, answer)
        else:
            self._transport.writelines(answer)


def _header(lines: bytes, lowered: bytes, name: bytes) -> bytes:
    start = lowered.find(name)
    if start < 0:
        return b""
    start += len(name)
    return lines[start : lines.index(b"\r\n", start)].strip()
