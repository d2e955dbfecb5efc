"""The control server: one command a line, in words or as JSON, one after another."""

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

log = logging.getLogger(__name__)
_LINE_BYTES: Final = 8192
_MOST_CLIENTS: Final = 32
_IDLE_SECONDS: Final = 30.0
_WRITE_SECONDS: Final = 5.0
_PEER: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command: whether it was done, a text for a person, and values for a
    program."""

    ok: bool
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


Do: TypeAlias = Callable[[Sequence[str], str], Awaitable[Reply]]
"""`do(words, channel)`: does one command that came by `channel`."""


class BadCommand(ValueError):
    """A line that is no command."""


class ControlServer:
    """Serves commands on a unix socket. A bare word is answered in words, and the connection is
    closed then; an object of JSON is answered with one, and others may follow.

    No more clients are served at once than 32, and each is left that is silent for half a minute,
    or sends a line of more than 8 KB, or does not read its answer.
    """

    def __init__(self, do: Do) -> None:
        self._do, self._turn = do, asyncio.Lock()
        self._clients: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket) -> None:
        """Serve clients until cancelled."""
        server = await asyncio.start_unix_server(self._client, sock=listening, limit=_LINE_BYTES)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def command(self, words: Sequence[str], channel: str) -> Reply:
        """Do one command, after those that came before it."""
        async with self._turn:
            return await self._do(words, channel)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 # a coroutine runs in a task
        self._clients.add(task)
        try:
            if len(self._clients) <= _MOST_CLIENTS:
                await self._talk(reader, writer)
        except (OSError, TimeoutError, ValueError):
            log.debug("a client of the control socket was left")
        except asyncio.CancelledError:
            pass  # at the end of the run; Python 3.11 logs one that is passed on as an error
        finally:
            self._clients.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer lines, to the end of the connection or to the first bare word."""
        channel, is_json = _channel(writer), True
        while is_json:
            async with asyncio.timeout(_IDLE_SECONDS):
                line = (await reader.readline()).strip()
            if not line:
                return
            is_json = line.startswith(b"{")
            answer = await self._answer(line, channel, is_json=is_json)
            writer.write(answer.encode() + b"\n")
            async with asyncio.timeout(_WRITE_SECONDS):
                await writer.drain()

    async def _answer(self, line: bytes, channel: str, *, is_json: bool) -> str:
        values: dict[str, Any] = {}
        try:
            words, values = _parsed(line) if is_json else (line.decode().split(), values)
            reply = await self.command(words, channel)
        except (BadCommand, UnicodeDecodeError) as error:
            reply = Reply(ok=False, text=f"not a command: {error}")
        if not is_json:
            return reply.text
        return json.dumps({**values, "ok": reply.ok, "text": reply.text, **reply.values})


def _parsed(line: bytes) -> tuple[list[str], dict[str, Any]]:
    """The words of a request in JSON, and what its answer repeats of it."""
    try:
        request = json.loads(line)
    except ValueError as error:
        raise BadCommand(str(error)) from error
    return words_of(request), {"id": request["id"]} if "id" in request else {}


def words_of(request: Any) -> list[str]:
    """The words of {"command": "set", "arguments": {"readThroughput": 2000}}, where the arguments
    may also be a list of words. Raises `BadCommand`."""
    command = request.get("command") if isinstance(request, dict) else None
    given = request.get("arguments", []) if command else []
    if isinstance(given, dict):
        given = [f"{name}={'none' if value is None else value}" for name, value in given.items()]
    if not isinstance(command, str) or not isinstance(given, list):
        raise BadCommand('expected {"command": "...", "arguments": [...]}')
    return [command, *map(str, given)]


def _channel(writer: asyncio.StreamWriter) -> str:
    """Who is at the other end, for the log."""
    with suppress(OSError, AttributeError):
        peer = writer.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size
        )
        return f"control socket, process {_PEER.unpack(peer)[0]}"
    return "control socket"
