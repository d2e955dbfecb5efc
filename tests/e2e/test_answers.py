"""What comes over a connection, piece by piece, and what is made of it."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alternator_migrate.core.errors import AnswerTooLarge, MigrateError, Unavailable
from alternator_migrate.core.runtime import loop_factory
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http.receiver import Receiver
from alternator_migrate.dynamodb.http_client import HttpClient, open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from tests.servers.patience import stretched
from tests.servers.tls import self_signed

PAGE = b"0123456789abcdef" * 40_000
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: "
PLAIN = LENGTH + b"5\r\nDate: now\r\n\r\nhello"
HELLO = (200, b"hello")
SHORT = {"read_timeout": 0.5}

SAME = {
    "in one piece": [PLAIN],
    "no words": [b"HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello"],
    "nothing": [LENGTH + b"0\r\n\r\n"],
    "an error": [b"HTTP/1.1 400 Bad Request\r\nContent-Length:  5 \r\nX-Empty:\r\n\r\nhello"],
    "body later": [LENGTH + b"5\r\n\r\n", b"hel", b"lo"],
    "head in two": [b"HTTP/1.1 200 O", b"K\r\nContent-Length: 5\r\n\r", b"\nhello"],
    "a page": [LENGTH + b"%d\r\n\r\n" % len(PAGE) + PAGE],
    "a page in pieces": [
        LENGTH + b"%d\r\n\r\n" % len(PAGE),
        *(PAGE[at : at + 99_991] for at in range(0, len(PAGE), 99_991)),
    ],
    "a long head": [LENGTH + b"5\r\nX-Long: " + b"x" * 7000 + b"\r\n\r\nhello"],
    "a head beyond the buffer": [
        LENGTH + b"5\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 990) for n in range(17)),
        b"\r\nhello",
    ],
    "chunks": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
        b"3\r\nllo\r\n0\r\n\r\n",
    ],
    "until the end": [b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", b""],
    "the last one": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"",
    ],
    "kept alive": [b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello"],
    "an older server": [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b""],
    "go on first": [b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN],
    "no content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "a folded line": [b"HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"],
    "two lengths": [LENGTH + b"5\r\nContent-Length: 6\r\n\r\nhello!"],
    "length and chunks": [
        LENGTH + b"15\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ],
    "a length that is none": [LENGTH + b"+5\r\n\r\nhello"],
    "a space before the colon": [b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"],
    "bare line ends": [b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"],
    "a name of nothing": [b"HTTP/1.1 200 OK\r\n: 7\r\nContent-Length: 5\r\n\r\nhello"],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    "cut off": [LENGTH + b"9\r\n\r\nhello", b""],
    "cut off in its head": [b"HTTP/1.1 200 OK\r\nConte", b""],
    "cut off in its chunks": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        b"",
    ],
    "nothing at all": [b""],
}


BOTH_LOOPS = pytest.mark.parametrize(
    "factory", [loop_factory(), asyncio.new_event_loop], ids=["ours", "asyncio's"]
)


class Server:
    """Gives every request the next of its answers, in its pieces; an empty piece hangs up."""

    def __init__(self, answers: Sequence[Sequence[bytes]], pause: float = 0.01) -> None:
        self.connections = 0
        self._answers = list(answers)
        self._pause = pause
        self.asked, self.heard, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.set()
                for number, piece in enumerate(self._answers.pop(0)):
                    if number and self._pause:
                        await asyncio.sleep(self._pause)
                    if not piece:
                        return
                    writer.write(piece)
                    await writer.drain()
                length = re.search(rb"Content-Length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.heard.set()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self.ended.set()
            writer.close()


@asynccontextmanager
async def serving(
    answers: Sequence[Sequence[bytes]], tls: ssl.SSLContext | None = None, pause: float = 0.01
) -> AsyncIterator[tuple[Server, str]]:
    """A server of these answers, and its URL."""
    server = Server(answers, pause)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield server, f"{'https' if tls else 'http'}://127.0.0.1:{port}"


@asynccontextmanager
async def client_to(url: str, **options: object) -> AsyncIterator[HttpClient]:
    """A client with one connection."""
    transport = Transport(**{"connections": 1, **options})  # type: ignore[arg-type] # of several types
    async with open_http_client(Nodes((url,)), transport, region="r") as http:
        yield http


async def of_client(http: HttpClient, url: str) -> tuple[int, bytes] | None:
    """What the client makes of an answer; None for an error."""
    try:
        status, body, _ = await http.get(url, "/")
    except Unavailable:
        return None
    return status, body


async def of_aiohttp(url: str) -> tuple[int, bytes] | None:
    """What a client session of aiohttp makes of an answer; None for an error."""
    timeout = aiohttp.ClientTimeout(sock_read=5)
    async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
        try:
            async with session.get(url) as response:
                return response.status, await response.read()
        except aiohttp.ClientError:
            return None


@BOTH_LOOPS
@pytest.mark.parametrize("pieces", SAME.values(), ids=SAME)
def test_an_answer_is_what_aiohttp_makes_of_it(
    pieces: list[bytes], factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene() -> None:
        async with serving([pieces]) as (_, url), client_to(url) as http:
            ours = await of_client(http, url)
        async with serving([pieces]) as (_, url):
            assert ours == await of_aiohttp(url)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scene())


@BOTH_LOOPS
@pytest.mark.parametrize("secure", [False, True])
def test_answers_of_all_kinds_come_over_one_connection(
    factory: Callable[[], asyncio.AbstractEventLoop], secure: bool, tmp_path: Path
) -> None:
    names = ("in one piece", "a page", "chunks", "a page in pieces", "chunks", "body later")

    async def scene() -> None:
        context = (await self_signed(tmp_path))[0] if secure else None
        answers = [SAME[name] for name in names]
        async with (
            serving(answers, context) as (server, url),
            client_to(url, insecure=True) as http,
        ):
            bodies = [await of_client(http, url) for _ in names]
            page = (200, PAGE)
            assert bodies == [HELLO, page, HELLO, page, HELLO, HELLO]
            assert server.connections == 1

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scene())


@BOTH_LOOPS
def test_a_head_and_a_body_in_records_of_their_own(
    factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    """What came before in the same buffer is no part of them."""

    async def scene() -> None:
        context, _ = await self_signed(tmp_path)
        later = [[LENGTH + b"5\r\n\r\n", word] for word in (b"other", b"third")]
        answers = [[PLAIN], *later]
        serves = serving(answers, context, pause=0.0)
        async with serves as (_, url), client_to(url, insecure=True) as http:
            bodies = [await of_client(http, url) for _ in answers]
        assert bodies == [HELLO, (200, b"other"), (200, b"third")]

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scene())


async def test_an_answer_that_is_always_to_come_is_given_up() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    serves = serving([[interim, interim, b"never"]], pause=2.0)
    async with serves as (_, url), client_to(url, **SHORT) as http:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(http.get(url, "/"), stretched(60))


@BOTH_LOOPS
@pytest.mark.parametrize("name", ["chunks", "in one piece"])
def test_an_answer_may_come_before_the_request_is_sent(
    name: str, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, why: told.append(why))
        async with serving([SAME[name]], pause=0.1) as (server, url), client_to(url) as http:
            assert await http.call("Scan", b" " * 8_000_000) == b"hello"
            await asyncio.wait_for(server.heard.wait(), stretched(60))
        assert not told

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scene())


async def test_what_windows_gives_in_one_read_goes_to_one_receiver() -> None:
    """Its loop feeds a protocol all of a read, whatever that protocol has decided meanwhile."""
    received = Taking()
    transport = Unmoved()
    receiver = Receiver(transport, received, lambda: None, 5)
    asking = asyncio.create_task(receiver.ask(b""))
    await asyncio.sleep(0)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"x" * 50_000
    asyncio.protocols._feed_data_to_buffered_proto(receiver, answer)  # type: ignore[attr-defined] # private, and what it does matters
    assert await asking is None
    assert received.taken == answer
    assert not transport.aborted


class Taking(asyncio.Protocol):
    """Takes what it is given."""

    taken = b""

    def data_received(self, data: bytes) -> None:
        """Take more."""
        self.taken += data


class Unmoved(asyncio.Transport):
    """A transport of nothing."""

    aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send nothing."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell nobody."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


@pytest.mark.parametrize("more", ["at once", "later"])
async def test_what_was_not_asked_for_is_never_an_answer(more: str) -> None:
    foreign = PLAIN.replace(b"hello", b"other")
    first = [PLAIN + foreign] if more == "at once" else [PLAIN, foreign]
    async with serving([first, [PLAIN]]) as (server, url), client_to(url) as http:
        assert await of_client(http, url) == HELLO
        await asyncio.wait_for(server.ended.wait(), stretched(60))
        assert await of_client(http, url) == HELLO
        assert server.connections == 2


async def test_an_answer_may_pause_for_the_time_allowed() -> None:
    pieces = [LENGTH + b"4\r\n\r\n", b"a", b"b", b"c", b"d"]
    async with serving([pieces], pause=0.3) as (_, url), client_to(url, read_timeout=1.0) as http:
        assert await of_client(http, url) == (200, b"abcd")


@pytest.mark.parametrize("answer", [[], [LENGTH + b"5\r\n\r\nhel", b"lo"]])
async def test_silence_is_given_up(answer: list[bytes]) -> None:
    async with serving([answer], pause=2.0) as (_, url), client_to(url, **SHORT) as http:
        with pytest.raises(Unavailable, match="nothing came for too long"):
            await http.get(url, "/")


async def test_an_answer_that_drips_is_given_up() -> None:
    drops = [LENGTH + b"500\r\n\r\n", *[b"x"] * 500]
    async with serving([drops], pause=0.02) as (_, url), client_to(url, **SHORT) as http:
        with pytest.raises(Unavailable, match="bytes came, and not all of the answer"):
            await http.get(url, "/")


async def test_an_answer_that_ends_early_is_told_by_its_bytes() -> None:
    async with serving([SAME["cut off"]]) as (_, url), client_to(url) as http:
        with pytest.raises(Unavailable, match="the answer was cut off: 5 of 9 bytes came"):
            await http.get(url, "/")


async def test_an_answer_that_is_too_large_is_refused_by_its_head() -> None:
    async with serving([[LENGTH + b"67108865\r\n\r\nhello"]]) as (_, url), client_to(url) as http:
        with pytest.raises(AnswerTooLarge, match="more than 64 MiB"):
            await http.get(url, "/")


async def test_a_request_given_up_leaves_nothing_to_the_next() -> None:
    slow = [LENGTH + b"5\r\n\r\nhe", b"llo"]
    async with serving([slow, [PLAIN]], pause=0.2) as (server, url), client_to(url) as http:
        asking = asyncio.create_task(http.get(url, "/"))
        await asyncio.wait_for(server.asked.wait(), stretched(60))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await of_client(http, url) == HELLO
        assert server.connections == 2


async def test_headers_are_found_by_any_spelling() -> None:
    damaged = b"HTTP/1.1 200 OK\r\nX-AMZ-CRC32: 7\r\ncontent-LENGTH: 2\r\n\r\n{}"
    async with serving([[damaged]]) as (_, url), client_to(url) as http:
        with pytest.raises(MigrateError, match="CRC32 differs"):
            await http.call("Scan", b"{}")
