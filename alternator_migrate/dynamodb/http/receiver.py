"""HTTP answers of the common kind, read straight into one buffer of their size.

Of a connection that carries one request at a time this is the receiving protocol. An answer that
is anything but a plain status, a Content-Length and a body is left to another protocol, as is
one whose head does not come in one piece.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final

from alternator_migrate.core.errors import WRONG_SERVER, AnswerTooLarge

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers by their names in small letters, body."""
# DynamoDB answers with 16 MB at the most; emulators may add spaces and escapes.
LARGEST: Final = 64 * 2**20
SLOWEST: Final = 4.0
"""Read timeouts, each the longest wait for some bytes, that all of an answer may take."""
_HEAD_BYTES: Final = 2**14
_END_OF_HEAD: Final = b"\r\n\r\n"
_HEAD = re.compile(
    r"HTTP/1\.1 ([2-5][0-9]{2})(?: [^\r\n]*)?((?:\r\n[!#-'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*)*)"
)
_FIELD = re.compile(r"\r\n([^:]+):[ \t]*((?:[^\r\n]*[^\r\n \t])?)")
_LENGTH = re.compile(r"[0-9]{1,12}")
_NO_BODY: Final = frozenset({204, 304})
_CODED: Final = frozenset({"transfer-encoding", "content-encoding", "upgrade"})


def too_large() -> AnswerTooLarge:
    """The error for an answer of more than `LARGEST` bytes."""
    return AnswerTooLarge(
        f"an answer of more than {LARGEST // 2**20} MiB is no DynamoDB answer", WRONG_SERVER
    )


def too_slow(size: int) -> TimeoutError:
    """The error for an answer of which `size` bytes came in `SLOWEST` read timeouts."""
    return TimeoutError(f"{size} bytes came, and not all of the answer")


def _switch(transport: asyncio.Transport, protocol: asyncio.BaseProtocol) -> None:
    transport.pause_reading()  # uvloop looks at the kind of a protocol when reading begins
    transport.set_protocol(protocol)
    transport.resume_reading()


class Receiver(asyncio.BufferedProtocol):
    """Receives the answers that come over `transport`, whose protocol it becomes.

    An answer of another kind is received by the protocol `other`, which `prepare` is to make
    ready; the transport is then the other's. That one is also told of the connection's end, and
    when writing pauses. `quiet` is the longest wait for some bytes, in seconds.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        other: asyncio.Protocol,
        prepare: Callable[[], None],
        quiet: float,
    ) -> None:
        self._transport, self._quiet = transport, quiet
        self._other, self._prepare = other, prepare
        self._handed_over = False
        self._loop = asyncio.get_running_loop()
        self._head = bytearray(_HEAD_BYTES)
        self._room = memoryview(self._head)
        self._waiting: asyncio.Future[Answer | None] | None = None
        self._status = 0
        self._fields: dict[str, str] = {}
        self._body: bytearray | None = None
        self._got = 0
        self._began = self._heard = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        _switch(transport, self)

    async def ask(self, request: bytes) -> Answer | None:
        """Send one request; its answer, or None where the other protocol receives it.

        Raises `TimeoutError` after too long a time without a byte, `ConnectionError` where the
        connection ends early, and `AnswerTooLarge`. Whatever it raises, the connection is of no
        further use.
        """
        waiting: asyncio.Future[Answer | None] = self._loop.create_future()
        self._waiting = waiting
        self._began = self._heard = self._loop.time()
        self._alarm = self._loop.call_later(self._quiet, self._look)
        try:
            self._transport.write(request)
            return await waiting
        finally:
            self._alarm.cancel()
            self._done()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: a view, of which asyncio's TLS fills slices."""
        return self._room if self._body is None else memoryview(self._body)[self._got :]

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        if self._handed_over:  # the rest of what one read on Windows gave
            self._other.data_received(bytes(self._room[:nbytes]))
        elif self._waiting is None:
            self._transport.abort()
        elif self._body is None:
            self._start(nbytes)
        else:
            self._got += nbytes
            self._heard = self._loop.time()
            if self._got == len(self._body):
                self._settle((self._status, self._fields, bytes(self._body)))
            elif self._heard > self._began + SLOWEST * self._quiet:
                self._fail(too_slow(self._got))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is waited for."""
        if isinstance(exc, OSError):
            self._fail(exc)
        elif self._body is None:
            self._fail(ConnectionResetError("the server closed the connection"))
        else:
            words = f"the answer was cut off: {self._got} of {len(self._body)} bytes came"
            self._fail(ConnectionResetError(words))
        self._other.connection_lost(exc)

    def pause_writing(self) -> None:
        """The transport holds enough of a request."""
        self._other.pause_writing()

    def resume_writing(self) -> None:
        """The transport has sent most of it."""
        self._other.resume_writing()

    def _start(self, count: int) -> None:
        """Take the head of an answer, and as much of its body as came with it."""
        end = self._head.find(_END_OF_HEAD, 0, count)
        length = self._read_head(end) if end >= 0 else None
        start = end + len(_END_OF_HEAD)
        if length is None or start + length < count:
            self._handed_over = True
            self._settle(None)
            self._prepare()
            _switch(self._transport, self._other)
            self._other.data_received(bytes(self._room[:count]))
        elif start + length == count:
            self._settle((self._status, self._fields, bytes(self._room[start:count])))
        elif length > LARGEST:
            self._fail(too_large())
        else:
            self._heard = self._loop.time()
            self._body, self._got = bytearray(length), count - start
            self._body[: self._got] = self._room[start:count]

    def _read_head(self, end: int) -> int | None:
        """The length of the body that the head announces; None for a head of another kind."""
        head = _HEAD.fullmatch(str(self._room[:end], "latin-1"))
        if head is None:
            return None
        status, found = int(head[1]), _FIELD.findall(head[2])
        fields = {name.lower(): value for name, value in found}
        length = fields.get("content-length", "")
        if (
            len(fields) < len(found)
            or not _LENGTH.fullmatch(length)
            or status in _NO_BODY
            or not _CODED.isdisjoint(fields)
            or fields.get("connection", "keep-alive").lower() != "keep-alive"
        ):
            return None
        self._status, self._fields = status, fields
        return int(length)

    def _look(self) -> None:
        """Give up where nothing came for too long; look again later where something did."""
        quiet_until = self._heard + self._quiet
        if self._loop.time() >= quiet_until:
            self._fail(TimeoutError("nothing came for too long"))
        else:
            self._alarm = self._loop.call_at(quiet_until, self._look)

    def _settle(self, answer: Answer | None) -> None:
        if waiting := self._done():
            waiting.set_result(answer)

    def _fail(self, error: Exception) -> None:
        if waiting := self._done():
            waiting.set_exception(error)

    def _done(self) -> asyncio.Future[Answer | None] | None:
        """Wait no more; whom to tell, if anyone still is there."""
        waiting, self._waiting, self._body = self._waiting, None, None
        return waiting if waiting and not waiting.done() else None
