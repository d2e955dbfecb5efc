"""python -m tests.bench.crowd PORT SECONDS polite|hostile: clients of a status page.

Polite: one browser that looks every two seconds, one scraper every fifteen. Hostile: a hundred
connections that send nothing and are made again whenever they are closed, and a thousand attempts a
second to get the page, each on a connection of its own.
"""

import asyncio
import contextlib
import sys
import time

IDLE = 100
A_SECOND = 1000
_REQUEST = "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def ask(port: int, path: str, seconds: float = 5.0) -> int:
    """Ask for one page; the bytes that came."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(_REQUEST.format(path=path).encode())
                return len(await reader.read())
            finally:
                writer.close()
    return 0


async def sit(port: int) -> None:
    """Connect and say nothing, again and again."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
        await asyncio.sleep(0.2)


async def flood(port: int, until: float) -> None:
    """A thousand attempts a second; at most so many are under way."""
    free = asyncio.Semaphore(A_SECOND)

    async def one() -> None:
        async with free:
            await ask(port, "/", 1.0)

    async with asyncio.TaskGroup() as group:
        while time.monotonic() < until:
            for _ in range(A_SECOND // 20):
                if not free.locked():
                    group.create_task(one())
            await asyncio.sleep(0.05)


async def look(port: int, path: str, every: float, until: float) -> None:
    """Ask for a page by the clock."""
    while time.monotonic() < until:
        await ask(port, path)
        await asyncio.sleep(every)


async def main(port: int, seconds: float, kind: str) -> None:
    """Be the crowd for so many seconds."""
    until = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            if kind == "polite":
                group.create_task(look(port, "/", 2.0, until))
                group.create_task(look(port, "/metrics", 15.0, until))
            else:
                group.create_task(flood(port, until))
                for _ in range(IDLE):
                    group.create_task(sit(port))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
