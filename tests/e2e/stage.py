"""A migration to be disturbed: its ends, its files, and what must hold whatever happens."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alternator_migrate.savepoints.format import Savepoint, decode
from tests.servers import faults
from tests.servers.cli import Cli, Result, running
from tests.servers.client import Item, call, create_table, fill
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import Job, job, standin_side, write_config
from tests.support.shapes import same_items

TABLE = "Example"
SEGMENTS = 4
COUNT = 600


def rows(count: int = COUNT) -> list[Item]:
    """Items with distinct keys."""
    return [
        {"pk": {"S": f"item {n}"}, "n": {"N": str(n)}, "t": {"S": "x" * 40}} for n in range(count)
    ]


@dataclass
class Stage:
    """A source with `items`, a target, and a folder for all files.

    `job` is the configuration, written by `write`; savepoints go to `savepoints`.
    """

    folder: Path
    source: StandIn
    target: StandIn
    items: list[Item]
    job: Job = field(default_factory=dict)

    @property
    def savepoints(self) -> Path:
        """The folder of savepoints, as the configuration says."""
        place = self.job.get("savepoints", {}).get("path", "savepoints")
        return self.folder / str(place)

    def half_written(self) -> list[Path]:
        """Savepoints that were begun and not put into their place."""
        return list(self.savepoints.glob(".savepoint*"))

    def write(self, **more: Any) -> Path:
        """Write the configuration: small batches over four connections, and `more` keys; those
        like `target__maxConnections` are set within a section."""
        options = {"maxItemsPerBatch": 10, "maxConnections": 4}
        sides = (
            standin_side(self.source, TABLE, scanSegments=SEGMENTS),
            standin_side(self.target, TABLE, **options),
        )
        self.job = job(*sides)
        for name, value in more.items():
            *sections, last = name.split("__")
            found = self.job
            for section in sections:
                found = found.setdefault(section, {})
            found[last] = value
        return write_config(self.folder, self.job)

    def read_slowly(self, seconds: float = 0.2) -> None:
        """Each page takes that long."""
        self.source.faults.rate("Scan", "slow", 1.0, seconds)

    def hurry(self) -> None:
        """Nothing is slow, and nothing goes wrong any more."""
        self.source.faults.clear()
        self.target.faults.clear()

    def slow_down(self, seconds: float = 0.1) -> None:
        """Each batch takes that long."""
        self.target.faults.rate("BatchWriteItem", "slow", 1.0, seconds)

    def run(self, *args: str, **options: Any) -> AbstractAsyncContextManager[Cli]:
        """`alternator-migrate run config.yaml` in its folder, for as long as the block lasts."""
        return running(self.folder, "run", "config.yaml", *args, **options)

    async def ended(self, *args: str, seconds: float = 60) -> Result:
        """How a command in its folder ended."""
        async with running(self.folder, *args) as cli:
            return await cli.wait(seconds)

    async def written(self, count: int) -> None:
        """Return when the target holds so many items."""
        tables = self.target.store.tables
        await until(lambda: TABLE in tables and len(tables[TABLE].rows) >= count)

    def newest(self) -> Savepoint:
        """The newest savepoint."""
        return decode(self.newest_path().read_bytes())

    def newest_path(self) -> Path:
        """Where the newest savepoint is."""
        return self.saved()[-1]

    def saved(self) -> list[Path]:
        """All savepoints, the oldest first."""
        return sorted(self.savepoints.glob("savepoint_*.yaml"))

    async def completes(self, *args: str) -> Mapping[str, Any]:
        """Run (`config.yaml` unless `args` say what) to the end, which must be a good one: equal
        tables, exact counts. Returns the summary."""
        summary = self.folder / "summary.json"
        words = args or ("config.yaml",)
        result = await self.ended("run", *words, "--summary-json", str(summary))
        assert result.code == 0, result
        whole: dict[str, Any] = json.loads(summary.read_text())
        (table,) = whole["tables"]
        assert whole["status"] == "completed"
        count = len(self.items)
        assert table["items"] == {
            "read": count,
            "written": count,
            "skipped_expired": 0,
            "rejected": 0,
        }
        assert table["segments"] == {"total": SEGMENTS, "done": SEGMENTS}
        self.is_equal()
        assert self.newest().status == "completed"
        return whole

    def is_equal(self) -> None:
        """The target holds the items of the source, and no other."""
        assert same_items(self.target.items(TABLE), self.items)

    async def claims_hold(self) -> Savepoint:
        """What the newest savepoint says is stored is stored; returns that savepoint."""
        point = self.newest()
        table = self.target.store.tables.get(TABLE)
        stored = (
            {item["pk"]["S"] for item in (row.item for row in table.rows.values())}
            if table
            else set()
        )
        claimed = 0
        for segment in range(point.segments):
            keys = await self._keys(segment, point.segments)
            position = point.state.positions.get(segment)
            end = keys.index(json.loads(position)["pk"]["S"]) + 1 if position else 0
            done = keys if segment in point.state.done else keys[:end]
            assert set(done) <= stored
            claimed += len(done)
        assert point.state.items.accounted
        assert point.state.items.read == claimed
        return point

    async def refill(self) -> None:
        """Put `items` into the source once more, as they are now."""
        await fill(self.source.url, TABLE, self.items)

    def rejects(self) -> list[dict[str, Any]]:
        """The lines of all rejects files."""
        files = sorted(self.savepoints.glob("rejects_*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    async def _keys(self, segment: int, total: int) -> list[str]:
        keys: list[str] = []
        request = {"TableName": TABLE, "Segment": segment, "TotalSegments": total}
        while True:
            page = await call(self.source.url, "Scan", request)
            keys += [item["pk"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return keys
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@asynccontextmanager
async def refusing(stage: Stage, *names: str) -> AsyncIterator[set[str]]:
    """While the block lasts the target refuses these items, and so many rejects are allowed; what
    is taken out of the set is refused no more."""
    bad = set(names)

    def refused(exchange: Exchange) -> bool:
        return any(f'"{name}"'.encode() in exchange.body for name in bad)

    async with FaultProxy(stage.target.url) as proxy:
        proxy.always(refused, faults.validation())
        stage.write(target__endpoint={"url": proxy.url}, maxRejects=len(names))
        yield bad


@asynccontextmanager
async def staged(
    folder: Path, items: list[Item] | None = None, kind: type[StandIn] = StandIn
) -> AsyncIterator[Stage]:
    """A stage between two stand-ins of a kind, whose source has pages of some thirty items."""
    items = rows() if items is None else items
    async with kind(page_bytes=3000) as source, kind(record=True) as target:
        await create_table(source.url, TABLE)
        await fill(source.url, TABLE, items)
        stage = Stage(folder, source, target, items)
        stage.write()
        yield stage
