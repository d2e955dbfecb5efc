"""The server of the status page, over real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.listen import Listen
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.monitor.history_file import HistoryFile
from alternator_migrate.monitor.style import POLICY
from alternator_migrate.monitor.watch import Wanted, Watch
from alternator_migrate.monitor.web import Answer, Asked, Kept, serving
from tests.support.cli import until
from tests.support.runs import a_run, a_table

ANY = Listen("127.0.0.1", 0)


@dataclass
class Got:
    """An answer: its status, headers with names in lower case, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A page that is served; `snapshots` were taken for it."""

    port: int
    snapshots: list[RunProgress] = field(default_factory=list)

    async def ask(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> Got:
        """One request, with a Host unless `headers` have one."""
        lines = [*headers, f"Content-Length: {len(body)}"]
        if not any(line.startswith("Host:") for line in lines):
            lines.append("Host: localhost")
        head = "".join(f"{line}\r\n" for line in lines)
        return await self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def send(self, request: bytes) -> Got:
        """Send bytes, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(10):
                answer = await reader.read()
        finally:
            writer.close()
        head, _, rest = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        named = dict(line.split(": ", 1) for line in lines)
        return Got(int(status.split()[1]), {k.lower(): v for k, v in named.items()}, rest)


async def posted(asked: Asked) -> Answer:
    return Answer(b"got " + asked.body)


@asynccontextmanager
async def site(make: Callable[[], RunProgress] = lambda: a_run(a_table())) -> AsyncIterator[Site]:
    """A page of a run, with one more handler, at any free port."""
    found = Site(0)

    def snapshot() -> RunProgress:
        found.snapshots.append(make())
        return found.snapshots[-1]

    watch = Watch(Wanted(ANY), snapshot, None, lambda: False)
    routes = {**watch.routes(), ("POST", "/control"): posted}
    async with serving(ANY, ("db1.internal",), routes) as url:
        found.port = int(url.rstrip("/").rpartition(":")[2])
        yield found


async def test_page_json_metrics_and_health() -> None:
    async with site() as opened:
        page = await opened.ask("/")
        assert (page.status, b"Orders" in page.body) == (200, True)
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in page.headers
        status = await opened.ask("/api/v1/status")
        assert json.loads(status.body)["tables"][0]["source"] == "Orders"
        metrics = await opened.ask("/metrics")
        assert b"alternator_migrate_items_read_total" in metrics.body
        assert (await opened.ask("/healthz")).body == b"ok\n"
        assert (await opened.ask("/?window=whole")).status == 200


async def test_what_is_not_there_or_not_asked_that_way() -> None:
    async with site() as opened:
        assert (await opened.ask("/etc/passwd")).status == 404
        wrong = await opened.ask("/", method="POST")
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET")
        head = await opened.ask("/healthz", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert (await opened.ask("/control", method="POST", body=b"x")).body == b"got x"
        large = await opened.ask("/control", method="POST", body=b"x" * 70_000)
        assert large.status == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 403), ("db1.internal:80", 200), ("127.0.0.1", 200), ("[::1]:1", 200)],
)
async def test_only_known_names_are_answered(host: str, status: int) -> None:
    async with site() as opened:
        for path in ("/", "/metrics"):
            assert (await opened.ask(path, f"Host: {host}")).status == status


async def test_what_is_asked_within_a_second_is_made_once() -> None:
    async with site() as opened:
        for _ in range(5):
            await opened.ask("/api/v1/status")
        assert len(opened.snapshots) <= 2


def test_what_takes_long_to_make_is_kept_for_longer() -> None:
    clock, work = [0.0], [0.0]
    made: list[float] = []

    def make() -> Answer:
        work[0] += 0.05
        made.append(clock[0])
        return Answer(b"")

    kept = Kept(make, lambda: clock[0], lambda: work[0])
    for now in (0.0, 1.0, 4.9, 5.1):
        clock[0] = now
        kept.answer()
    assert made == [0.0, 5.1]


async def test_a_page_that_cannot_be_made_is_told_and_ends_nothing() -> None:
    def broken() -> RunProgress:
        raise RuntimeError("boom")

    async with site(broken) as opened:
        assert (await opened.ask("/")).status == 500
        assert (await opened.ask("/healthz")).status == 200


async def test_garbage_and_half_requests_get_no_further() -> None:
    async with site() as opened:
        assert (await opened.send(b"\x16\x03\x01 what\r\n\r\n")).status == 400
        long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
        assert (await opened.send(long)).status == 400
        assert (await opened.ask("/healthz")).status == 200


async def test_silent_clients_are_left_and_others_get_their_turn() -> None:
    async with site() as opened:
        silent = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(40)]
        began = time.monotonic()
        assert (await opened.ask("/healthz")).status == 200
        assert time.monotonic() - began < 8
        async with asyncio.timeout(10):
            assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()


async def test_a_flood_is_served_no_faster_than_a_few_a_second() -> None:
    async with site() as opened:
        served: list[int] = []

        async def ask() -> None:
            with suppress(OSError, IndexError):
                served.append((await opened.ask("/healthz")).status)

        began = time.monotonic()
        asking = [asyncio.create_task(ask()) for _ in range(150)]
        await until(lambda: bool(served))
        await asyncio.sleep(1)
        seconds = time.monotonic() - began
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        assert len(served) <= 40 + 20 * seconds


async def test_a_port_that_is_taken_is_a_mistake() -> None:
    async with site() as opened:
        with pytest.raises(UsageError, match="cannot listen at 127"):
            async with serving(Listen("127.0.0.1", opened.port), (), {}):
                pass
    with pytest.raises(UsageError, match="cannot listen at"):
        async with serving(Listen("no such host.invalid", 1), (), {}):
            pass


async def watched(wanted: Wanted, folder: Path, body: Callable[[], Awaitable[None]]) -> Watch:
    """A watch over `body`, whose history is kept in a folder."""
    watch = Watch(wanted, lambda: a_run(a_table()), HistoryFile(folder, "x"), lambda: True)
    async with watch.watching():
        await body()
    return watch


async def test_history_and_metrics_are_written_at_the_end(tmp_path: Path) -> None:
    wanted = Wanted(metrics_file=tmp_path / "x.prom")
    for runs in (1, 2):
        watch = await watched(wanted, tmp_path, lambda: asyncio.sleep(0))
        assert len(watch.history.whole) == runs
        assert HistoryFile(tmp_path, "x").read().whole == watch.history.whole
    assert b"items_read_total" in (tmp_path / "x.prom").read_bytes()


async def test_the_failure_of_the_run_comes_through_as_it_is(tmp_path: Path) -> None:
    async def fail() -> None:
        raise MigrateError("the run failed")

    with pytest.raises(MigrateError, match="the run failed"):
        await watched(Wanted(ANY), tmp_path, fail)


async def test_a_file_that_cannot_be_written_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = Wanted(metrics_file=tmp_path / "no" / "x.prom")
    await watched(wanted, tmp_path, lambda: asyncio.sleep(0))
    assert "the metrics cannot be written" in caplog.text


def test_a_metrics_file_of_another_name_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"does not end in \.prom"):
        Wanted(metrics_file=Path("x.txt")).check()
