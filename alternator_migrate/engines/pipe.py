"""A pipe between two processes: whole pickled messages, and the news that the other end is gone."""

import asyncio
import pickle
import socket
from typing import Any, Final

_LENGTH_BYTES: Final = 8


class Pipe:
    """One end of a socket pair. Only for processes of one run: what comes in is unpickled."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Pipe":
        """A pipe over one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def post(self, message: object) -> None:
        """Send one message, without waiting for room in the pipe.

        Raises `ConnectionResetError` where the pipe is known to be closed.
        """
        if self._writer.is_closing():  # uvloop's error for it would be a RuntimeError
            raise ConnectionResetError("the other process is gone")
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._writer.write(len(body).to_bytes(_LENGTH_BYTES) + body)

    async def send(self, message: object) -> None:
        """Send one message. Raises `OSError` where the other end is gone."""
        self.post(message)
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next message. Raises `EOFError` or `OSError` where the other end is gone."""
        length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES))
        return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 # our own process

    def say_no_more(self) -> None:
        """Tell the other end that nothing will follow; it may still send."""
        if not self._writer.is_closing():
            self._writer.write_eof()

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
