"""The data plane's transport: one signed HTTP request with keep-alive, and no retry of its own."""

import asyncio
import gzip
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import cycle
from typing import Final

import aiohttp
from yarl import URL

from alternator_migrate import errors, wire
from alternator_migrate.sigv4 import CONTENT_TYPE, Credentials, Signer

CredentialSource = Callable[[], Awaitable[Credentials]]

API: Final = "DynamoDB_20120810"
THROTTLING: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
INVALID_ITEMS: Final = frozenset(
    {
        "ValidationException",
        "SerializationException",
        "ItemCollectionSizeLimitExceededException",
    }
)
_TOO_LONG = re.compile(r"Invalid length of BatchWriteItem command, got \d+ items, maximum is (\d+)")
_SKEW = re.compile(r"signature expired|not yet current", re.IGNORECASE)
_HINTS = {
    "UnrecognizedClientException": "Check the credentials: the server does not know them.",
    "InvalidSignatureException": "Check the secret key, and the clock of this machine.",
    "MissingAuthenticationTokenException": "Give credentials: the server checks signatures.",
    "IncompleteSignature": "Give credentials: the server checks signatures.",
    "ExpiredTokenException": "The session token has expired: get a new one and run again.",
    "AccessDeniedException": "The credentials lack a permission; the server's words name it.",
    "ResourceNotFoundException": "Check the table's name, the region and the endpoint.",
}


@dataclass(frozen=True, slots=True)
class Transport:
    """How to connect: `insecure` skips the certificate check, `ca_bundle` is a PEM file's path;
    times are in seconds; `compress` sends request bodies with gzip."""

    connections: int = 64
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    idle_timeout: float = 50.0
    ca_bundle: str | None = None
    insecure: bool = False
    compress: bool = False


class Lane:
    """`call(operation, body)` against one service, at one or several nodes in turn."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[str],
        *,
        signer: Signer | None,
        credentials: CredentialSource | None,
        compress: bool,
    ) -> None:
        self._session = session
        self.url = urls[0]
        nodes = [URL(url).with_path("/") for url in urls]
        self._nodes = cycle([(node, _host_header(node)) for node in nodes])
        self._signer = signer
        self._credentials = credentials
        self._compress = compress

    async def call(self, operation: str, body: bytes) -> bytes:
        """The body of a successful answer to `operation`.

        Raises `Throttled` and `Unavailable` for what may succeed when repeated, and
        `ServerRefused` (`ItemsRefused`, `BatchTooLong`) with the server's words for the rest.
        """
        url, host = next(self._nodes)
        target = f"{API}.{operation}"
        if self._compress:
            body = gzip.compress(body, compresslevel=1)
        if self._signer and self._credentials:
            credentials = await self._credentials()
            headers = self._signer.headers(credentials, host, target, body, time.time())
        else:
            headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
        if self._compress:
            headers["Content-Encoding"] = "gzip"
        status, answer, checksum = await self._post(operation, url, headers, body)
        if checksum is not None and int(checksum) != zlib.crc32(answer):
            raise errors.Unavailable(f"the answer to {operation} was damaged (CRC32 differs)")
        if status != HTTPStatus.OK:
            raise _failure(operation, status, answer, url)
        return answer

    async def get(self, path: str) -> tuple[int, bytes, float | None]:
        """Status, body, and how far this clock is ahead of the server's Date (seconds, None
        without that header), of a plain GET at the first node.

        Raises `Unavailable` where there is no answer.
        """
        try:
            async with self._session.get(URL(self.url).join(URL(path))) as response:
                date = response.headers.get("Date")
                ahead = time.time() - parsedate_to_datetime(date).timestamp() if date else None
                return response.status, await response.read(), ahead
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable("GET", self.url, error) from error

    async def _post(
        self, operation: str, url: URL, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, str | None]:
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.read()
                return response.status, answer, response.headers.get("x-amz-crc32")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise errors.MigrateError(
                f"{url} does not prove who it is: {error}",
                "Set endpoint.caBundle to the CA's PEM file, or endpoint.insecureSkipVerify.",
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(operation, str(url), error) from error


@asynccontextmanager
async def open_lane(
    urls: Sequence[str],
    transport: Transport,
    *,
    region: str,
    credentials: CredentialSource | None = None,
) -> AsyncIterator[Lane]:
    """A lane to `urls` with its own connections; unsigned where `credentials` is None.

    Raises `UsageError` for a CA bundle that cannot be read.
    """
    connector = aiohttp.TCPConnector(
        limit=transport.connections,
        keepalive_timeout=transport.idle_timeout,
        ssl=_ssl_context(transport),
    )
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=transport.connect_timeout, sock_read=transport.read_timeout
    )
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        skip_auto_headers=("User-Agent", "Accept"),
        read_bufsize=2**21,
        trust_env=False,
    )
    signer = Signer(region) if credentials else None
    async with session:
        yield Lane(
            session, urls, signer=signer, credentials=credentials, compress=transport.compress
        )


def _ssl_context(transport: Transport) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=transport.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise errors.UsageError(
            f"endpoint.caBundle: {transport.ca_bundle} cannot be used: {error}",
            "It must be a PEM file with the certificate of the CA.",
        ) from error
    if transport.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _host_header(url: URL) -> str:
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host or ""
    return host if url.is_default_port() else f"{host}:{url.port}"


def _unavailable(operation: str, url: str, error: Exception) -> errors.Unavailable:
    what = str(error) or type(error).__name__
    if isinstance(error, asyncio.TimeoutError):
        what = f"no answer in time ({what})"
    return errors.Unavailable(f"{operation} at {url}: {what}")


def _failure(operation: str, status: int, body: bytes, url: URL) -> errors.MigrateError:
    """The error that a non-200 answer stands for."""
    code, words = wire.read_error(body)
    words = words or body[:200].decode("utf-8", "replace").strip()
    if code in THROTTLING or status == HTTPStatus.TOO_MANY_REQUESTS:
        return errors.Throttled(f"{operation} at {url}: {code}: {words}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "InternalServerError":
        return errors.Unavailable(f"{operation} at {url}: {code or f'HTTP {status}'}: {words}")
    if too_long := _TOO_LONG.search(words):
        return errors.BatchTooLong(operation, code, words, int(too_long[1]))
    if code in INVALID_ITEMS:
        return errors.ItemsRefused(operation, code, words)
    if not code:
        return errors.BadAnswer(
            f"{operation} at {url}: HTTP {status}, not a DynamoDB answer: {words!r}",
            "Is this the right endpoint, or is there a proxy in between?",
        )
    if _SKEW.search(words):
        return errors.ServerRefused(operation, code, words, "Set the clock of this machine.")
    return errors.ServerRefused(operation, code, words, _HINTS.get(code, ""))
