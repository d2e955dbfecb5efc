"""The data plane's transport: signed HTTP requests with keep-alive, and no retry of its own."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Final
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from alternator_migrate.core import errors
from alternator_migrate.core.requests import Requests
from alternator_migrate.core.server_clock import ServerClock, bounds
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.failures import failure, is_server_error
from alternator_migrate.dynamodb.http import (
    LARGEST,
    SLOWEST,
    Answer,
    Node,
    Receiver,
    Transport,
    connector_to,
    too_large,
    too_slow,
)
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.signing import CONTENT_TYPE, Credentials, Signer

CredentialSource = Callable[[], Awaitable[Credentials]]
API: Final = "DynamoDB_20120810"
STREAMS_API: Final = "DynamoDBStreams_20120810"
_READ_BUFFER: Final = 2**21
_TELLING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})
"""What a load balancer or a server says by its status alone."""


class HttpClient:
    """`call(operation, body)` against one service, at one or several nodes in turn; bodies are
    compressed as long as it `packs`, which ends with the first node that cannot read them. `side`
    is what messages call the service, `server` what it calls itself, `region` the one that requests
    are signed for, "" where they are not.

    Requests are written and answers read on connections of aiohttp's pool directly: its client
    session costs more processor time a request than all the rest of a copy. Whoever repeats them
    counts them in `requests`.
    """

    def __init__(
        self,
        connector: aiohttp.TCPConnector,
        nodes: Nodes,
        transport: Transport,
        *,
        signer: Signer | None,
        credentials: CredentialSource | None,
        api: str = API,
        side: str = "",
    ) -> None:
        self.nodes, self.side = nodes, side
        self._api = api
        self._connector = connector
        self._transport = transport
        self.packs = transport.compress
        self._known: dict[str, Node] = {}
        self._opened: WeakKeyDictionary[ResponseHandler, float] = WeakKeyDictionary()
        self._signer = signer
        self._credentials = credentials
        self.region, self.server = signer.region if signer else "", ""
        self.requests, self.clock = Requests(), ServerClock()

    async def call(self, operation: str, body: bytes, avoid: str = "", at: str = "") -> bytes:
        """The body of a successful answer to `operation`, from the node `at`, else from any node
        but `avoid` if possible.

        Raises `Throttled` and `Unavailable` for what may succeed when repeated, and
        `ServerRefused` (`ItemsRefused`, `BatchTooLong`) with the server's words for the rest.
        """
        if not self.packs:
            return await self._call(operation, body, avoid, at)
        try:
            packed = gzip.compress(body, compresslevel=1)
            return await self._call(operation, packed, avoid, at, packed=True)
        except errors.AnswerTooLarge:
            raise
        except (errors.ItemsRefused, errors.BadAnswer):
            # a server that cannot read gzip (ScyllaDB before 2026.1) says that the JSON is invalid
            return await self._unpacked(operation, body, avoid, at)

    async def _unpacked(self, operation: str, body: bytes, avoid: str, at: str) -> bytes:
        """Ask again without compression; it is given up unless that is refused in the same way."""
        try:
            answer = await self._call(operation, body, avoid, at)
        except (errors.ItemsRefused, errors.BadAnswer, errors.Retryable):
            raise
        except errors.ServerRefused:
            self.packs = False
            raise
        self.packs = False
        return answer

    async def _call(
        self, operation: str, body: bytes, avoid: str, at: str, *, packed: bool = False
    ) -> bytes:
        node = self._node(self.nodes.visit(at) if at else self.nodes.pick(avoid))
        target = f"{self._api}.{operation}"
        if self._signer and self._credentials:
            credentials = await self._credentials()
            headers = self._signer.headers(credentials, node.host, target, body, time.time())
        elif self._transport.few_headers:
            headers = {"X-Amz-Target": target}
        else:
            headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
        if packed:
            headers["Content-Encoding"] = "gzip"
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{node.post}Content-Length: {len(body)}\r\n{lines}\r\n".encode("latin-1")
        sent = time.time()
        status, answered, answer = await self._exchange(operation, node, head + body)
        if status == HTTPStatus.OK:
            self.clock.heard(node.host, answered.get("date"), sent, time.time())
        self.server = answered.get("server", "")
        checksum = answered.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(answer)):
            raise errors.Unavailable(
                f"the answer to {operation} was damaged (CRC32 differs)", node.url
            )
        if status != HTTPStatus.OK:
            raise _failure(operation, status, answer, node.url)
        return answer

    async def get(self, url: str, path: str) -> tuple[int, bytes, float | None]:
        """Status, body, and the most by which this clock is ahead of the server's (seconds, None
        where its Date does not tell), of a plain GET at a node.

        Raises `Unavailable` where there is no answer.
        """
        node = self._node(url)
        head = f"GET {node.root}{path} HTTP/1.1\r\n{node.common}\r\n".encode()
        sent = time.time()
        status, headers, body = await self._exchange("GET", node, head)
        date, received = headers.get("date"), time.time()
        if status == HTTPStatus.OK:
            self.clock.heard(node.host, date, sent, received)
        found = bounds(date, sent, received)
        return status, body, None if found is None else -found[0]

    async def ask(self, url: str, path: str) -> bytes:
        """The body of a GET that a node answers with 200. Raises `MigrateError`."""
        status, body, _ = await self.get(url, path)
        if status != HTTPStatus.OK:
            raise errors.BadAnswer(f"{url}{path} answers with HTTP {status}")
        return body

    def _node(self, url: str) -> Node:
        node = self._known.get(url)
        if node is None:
            node = self._known[url] = Node(url, self._transport)
        return node

    async def _exchange(self, operation: str, node: Node, request: bytes) -> Answer:
        """Send one request; its answer. Raises `Unavailable`."""
        try:
            connection = await self._connector.connect(node.request, [], node.timeout)
            try:
                answer = await self._talk(connection, request)
            except BaseException:
                connection.close()
                raise
            if self._is_old(connection):
                connection.close()
            connection.release()
            return answer
        except aiohttp.ClientConnectorCertificateError as error:
            raise node.untrusted(error) from error
        except aiohttp.ClientConnectorSSLError as error:
            raise node.no_tls(error) from error
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError) as error:
            self.nodes.failed(node.url)
            raise node.unavailable(operation, error) from error

    def _is_old(self, connection: Connection) -> bool:
        """Whether a connection has outlived its time; its first use counts as its birth."""
        protocol, most = connection.protocol, self._transport.live_seconds
        if most is None or protocol is None:
            return False
        now = time.monotonic()
        return now - self._opened.setdefault(protocol, now) > most

    async def _talk(self, connection: Connection, request: bytes) -> Answer:
        handler = connection.protocol
        if handler is None or handler.transport is None:
            raise aiohttp.ServerDisconnectedError
        transport = handler.transport
        receiver = transport.get_protocol()
        if not isinstance(receiver, Receiver):
            prepare = partial(self._prepare, handler)
            receiver = Receiver(transport, handler, prepare, self._transport.read_timeout)
        answer = await receiver.ask(request)
        return answer or await self._receive(handler)

    def _prepare(self, handler: ResponseHandler) -> None:
        """Make aiohttp ready to receive an answer."""
        handler.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=self._transport.read_timeout,
            read_bufsize=_READ_BUFFER,
        )

    async def _receive(self, handler: ResponseHandler) -> Answer:
        """An answer that aiohttp receives."""
        message, payload = await handler.read()
        if message.code < HTTPStatus.OK:
            async with asyncio.timeout(self._transport.read_timeout):
                while message.code < HTTPStatus.OK:
                    message, payload = await handler.read()
        chunks = []
        size = 0
        give_up = time.monotonic() + SLOWEST * self._transport.read_timeout
        while chunk := await payload.readany():
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > give_up:
                raise too_slow(size)
            if size > LARGEST:
                raise too_large()
        return message.code, message.headers, b"".join(chunks)


@asynccontextmanager
async def open_http_client(
    nodes: Nodes,
    transport: Transport,
    *,
    region: str,
    credentials: CredentialSource | None = None,
    api: str = API,
    side: str = "",
) -> AsyncIterator[HttpClient]:
    """A client of `nodes` with its own connections, for the operations of `api`; unsigned where
    `credentials` is None. `side` is what messages call the service.

    Raises `UsageError` for a CA bundle that cannot be read.
    """
    connector = connector_to(nodes.contacts, transport)
    signer = Signer(region, with_type=not transport.few_headers) if credentials else None
    async with connector:
        yield HttpClient(
            connector,
            nodes,
            transport,
            signer=signer,
            credentials=credentials,
            api=api,
            side=side,
        )


def _failure(operation: str, status: int, body: bytes, url: str) -> errors.MigrateError:
    """The error that a non-200 answer stands for."""
    code, words = wire.read_error(body)
    words = words or body[:200].decode("utf-8", "replace").strip()
    if code or is_server_error(status, code) or status in _TELLING:
        error = failure(operation, status, code, words, url)
        if isinstance(error, errors.Throttled):
            error.scope = wire.throttled_scope(body)
        return error
    return _stranger(f"{operation} at {url}: HTTP {status}", body, words, url)


def _stranger(what: str, body: bytes, words: str, url: str) -> errors.MigrateError:
    """The error for an answer that names no error type: half of one, or of another server."""
    if body and wire.is_cut_off(body):
        return errors.Unavailable(f"{what}, cut off: {words!r}", url)
    return errors.BadAnswer(f"{what}, not a DynamoDB answer: {words!r}", errors.WRONG_SERVER)
