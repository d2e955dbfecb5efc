"""The command line in tests: two servers, the flags between them, and checks of what is said."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.http1 import Connection
from tests.bench.source import Source
from tests.servers.cli import Result
from tests.servers.client import Item, create_table, fill
from tests.servers.patience import stretched
from tests.standin import StandIn

TABLE = "Example"
KEYS = {"AWS_ACCESS_KEY_ID": "alice", "AWS_SECRET_ACCESS_KEY": "wonder"}
READS = {
    "BatchGetItem",
    "DescribeEndpoints",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTables",
    "ListTagsOfResource",
    "Query",
    "Scan",
}


@dataclass(frozen=True, slots=True)
class Ends:
    """Two recording stand-ins; the source has a table `Example`."""

    source: StandIn
    target: StandIn

    def flags(self, *more: str, table: str = TABLE) -> list[str]:
        """Source, target and table as flags, then `more`."""
        return flags(self.source.url, self.target.url, *more, table=table)

    def slow_down_target(self, seconds: float) -> None:
        """Each BatchWriteItem takes that long; with `ONE_AT_A_TIME` that sets the run's speed."""
        self.target.faults.rate("BatchWriteItem", "slow", 1.0, seconds)


ONE_AT_A_TIME = (
    "--set=target.maxConnections=1",
    "--set=target.maxItemsPerBatch=10",
    "--set=source.scanSegments=1",
)


def flags(source_url: str, target_url: str, *more: str, table: str = TABLE) -> list[str]:
    """The flags of a one-off between two URLs."""
    return [
        *("--table", table, "--source-endpoint", source_url, "--target-endpoint", target_url),
        *more,
    ]


def rows(count: int) -> list[Item]:
    """Items with distinct keys."""
    return [{"pk": {"S": f"item-{n:05}"}, "text": {"S": "x" * 100}} for n in range(count)]


@asynccontextmanager
async def two_ends(items: int = 40, kind: type[StandIn] = StandIn) -> AsyncIterator[Ends]:
    """A stand-in whose table `Example` holds so many items, and an empty stand-in, of a kind."""
    async with kind(record=True) as source, kind(record=True) as target:
        await create_table(source.url, TABLE)
        await fill(source.url, TABLE, rows(items))
        source.log.clear()
        yield Ends(source, target)


@asynccontextmanager
async def counted_source(items: int) -> AsyncIterator[str]:
    """URL of a source that, as DynamoDB does, tells how many items its table `Example` has."""
    app = Source(items)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(app), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@dataclass(frozen=True, slots=True)
class Deaf:
    """A server that takes connections and requests, and never answers."""

    url: str
    asked: asyncio.Event


@asynccontextmanager
async def deaf_server() -> AsyncIterator[Deaf]:
    """A server that never answers; `asked` is set by the first bytes that arrive."""
    asked = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(65536):
            asked.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield Deaf(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked)
    finally:
        for writer in writers:
            writer.close()
        server.close()


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Return once `true()` is. Raises `TimeoutError` after so many seconds."""
    async with asyncio.timeout(stretched(seconds)):
        while not true():  # noqa: ASYNC110 # what is asked has no event to wait for
            await asyncio.sleep(0.005)


def one_error(result: Result, code: int = 2) -> str:
    """What stands on standard error from its only `Error:` on; nothing else may be wrong."""
    assert result.code == code, result
    assert "Traceback" not in result.err, result.err
    assert result.out == "", result.out
    lines = result.err.splitlines()
    (first,) = (number for number, line in enumerate(lines) if line.startswith("Error:"))
    return "\n".join(lines[first:])


def only_read(server: StandIn) -> bool:
    """Whether all requests that a recording stand-in understood were reads."""
    return {operation for operation, _ in server.log} <= READS


def names_in(folder: Path) -> set[str]:
    """What stands in a folder."""
    return {path.name for path in folder.iterdir()}


def text_of(file: Path) -> str:
    """What a file says."""
    return file.read_text(encoding="utf-8")


def read_only_folder(folder: Path) -> Path:
    """`folder` as one in which nothing can be made; root gets /proc, where that holds for it."""
    folder.chmod(0o555)
    return folder if not os.access(folder, os.W_OK) else Path("/proc")


def signed(**more: str) -> Mapping[str, str]:
    """Variables with access keys, and `more`."""
    return {**KEYS, **more}
