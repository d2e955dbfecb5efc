"""An HTTP proxy as companies have them: it makes tunnels, and forwards what names a whole URL.

async with Forwarder(login="me:secret") as proxy:
    ...  # with HTTPS_PROXY=proxy.url
    assert proxy.asked["CONNECT 127.0.0.1:8000"] == 1
"""

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"
DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
UNREACHED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


class Forwarder:
    """A proxy on loopback. `login` is the user:password that it wants; `mute` takes requests and
    never answers them; `hosts` has the URLs of servers that play others, by the name of the other.
    `asked` counts requests by method and target, the latter without its path.
    """

    def __init__(
        self, *, login: str = "", mute: bool = False, hosts: Mapping[str, str] | None = None
    ) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self._mute, self._hosts = mute, hosts or {}
        self._wanted = f"Basic {b64encode(login.encode()).decode()}" if login else ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after another, each to a connection of its own."""
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    await self._one(reader, writer)
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = line.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target if "://" in target else f"//{target}")
        place = parts._replace(path="", query="").geturl().removeprefix("//")
        self.asked[f"{method} {place}"] += 1
        if self._mute:
            await asyncio.Event().wait()
        if self._wanted and headers.get("proxy-authorization") != self._wanted:
            writer.write(DENIED)
            return
        played = self._hosts.get(parts.hostname or "")
        reached = urlsplit(played) if played else parts
        try:
            there = await asyncio.open_connection(reached.hostname, reached.port)
        except OSError:
            writer.write(UNREACHED)
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
            return
        kept = [each for each in lines if not each.lower().startswith(("proxy-", "connection"))]
        path = parts._replace(scheme="", netloc="").geturl()
        own = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "", ""])
        there[1].write(own.encode("latin-1") + body)
        try:
            await _answer(there[0], writer)
        finally:
            there[1].close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on one answer, of which the servers of these tests always tell the length."""
    head = await reader.readuntil(HEAD_END)
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    writer.write(head + await reader.readexactly(int(length)))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
