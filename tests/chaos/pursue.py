"""Play one seed of following: a writer, the tool killed and started again, and the proof."""

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

from alternator_migrate.savepoints import store as savepoints
from tests.chaos.play import ALLOWED, POLL_SECONDS, SIGNALS, LostError, Outcome
from tests.chaos.pursuits import Attempt, Death, Pursuit
from tests.chaos.writer import Writer
from tests.servers import faults
from tests.servers.cli import Cli, Result, running
from tests.servers.client import REGION, create_table, scan_all
from tests.servers.exporting import Exporting
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.names import unique_name
from tests.support.orders import OrderCheck
from tests.support.shapes import same_items

RUN_SECONDS = 90.0
LAST_RUNS = 4
COPIED = "copied"
READS = (
    *("Scan", "GetRecords", "DescribeStream", "GetShardIterator"),
    *("DescribeContinuousBackups", "ExportTableToPointInTime", "DescribeExport"),
)


async def pursue(pursuit: Pursuit, source: str, folder: Path, s3: str | None = None) -> Outcome:
    """Raises `LostError` unless the target equals the source when all has come to rest, and every
    key's changes arrived in order. `source` is the URL of a DynamoDB Local; with the URL of an
    `s3` the table is copied from an export into that, and not scanned."""
    table = unique_name(f"Chaos_{pursuit.seed}")
    check = OrderCheck(folder / COPIED)
    skew = dict(enumerate(pursuit.skew))
    async with (
        StandIn(nodes=len(pursuit.skew), skew=skew) as target,
        Exporting(source, s3) if s3 else FaultProxy(source) as proxy,
        Writer(source, table, pursuit.seed, check) as writer,
    ):
        await create_table(source, table, {"pk": "S", "sk": "N"})
        await writer.fill(pursuit.items)
        stage = Stage(pursuit, table, folder, proxy, target, check)
        stage.prepare(s3)
        async with asyncio.TaskGroup() as group:
            for death in pursuit.deaths:
                group.create_task(_die(target, death))
            writing = group.create_task(writer.work(pursuit.changes, pursuit.pause))
            if isinstance(proxy, Exporting):
                group.create_task(_end(proxy, pursuit.pause * pursuit.changes / 2))
            await stage.act()
            await writing
        await stage.to_the_end()
        check.check()
        if not same_items(target.items(table), await scan_all(source, table)):
            raise LostError("the target differs from the source")
        stage.prove_accounts()
        if s3 and proxy.requests["Scan"]:
            raise LostError(f"{proxy.requests['Scan']} Scans of a table that is exported")
        return stage.outcome


async def _end(aws: Exporting, seconds: float) -> None:
    await asyncio.sleep(seconds)
    aws.may_end.set()


async def _die(target: StandIn, death: Death) -> None:
    await asyncio.sleep(death.after)
    with suppress(KeyError):
        await target.kill(death.node)
        await asyncio.sleep(death.back)
        await target.revive(death.node)


class Stage:
    """A seed while it is played."""

    def __init__(
        self,
        pursuit: Pursuit,
        table: str,
        folder: Path,
        proxy: FaultProxy,
        target: StandIn,
        check: OrderCheck,
    ) -> None:
        self.outcome = Outcome(pursuit.seed)
        self._pursuit, self._table, self._folder = pursuit, table, folder
        self._proxy, self._target, self._check = proxy, target, check

    def prepare(self, s3: str | None) -> None:
        """Write the configuration, set the faults."""
        pursuit, keys = self._pursuit, {"accessKey": "local", "secretKey": "local"}
        content: dict[str, Any] = {
            "source": {
                "type": "dynamodb",
                "table": self._table,
                "region": REGION,
                "endpoint": {"url": self._proxy.url},
                "credentials": keys,
                "scanSegments": pursuit.segments,
            },
            "target": {
                "type": "alternator",
                "table": self._table,
                "endpoint": {"urls": self._target.urls},
                "maxItemsPerBatch": pursuit.batch,
                "streamChanges": True,
                "activeRefreshIntervalMs": 200,
            },
            "savepoints": {"path": "savepoints", "intervalSeconds": pursuit.interval},
            "spool": {"maxBytes": pursuit.spool_bytes},
            "cutover": {"maxLagSeconds": 5, "forSeconds": 1.5},
            "hooks": {"onSnapshotDone": f"touch {COPIED}"},
            "retryBudgetSeconds": 30,
        }
        if s3:
            del content["source"]["scanSegments"]
            bucket = self._table.lower().replace("_", "-")
            given = {"bucket": bucket, "endpoint": {"url": s3}, "marginSeconds": 0}
            content["source"]["export"] = given
        (self._folder / "config.yaml").write_text(json.dumps(content))
        for place, (name, rate) in enumerate(pursuit.read_faults):
            for read in READS:
                fault, seed = getattr(faults, name)(), pursuit.seed * 100 + place
                self._proxy.sometimes(read, fault, probability=rate, seed=seed)
        for name, rate in pursuit.write_faults:
            self._target.faults.rate("BatchWriteItem", name, rate)
        if pursuit.slow:
            self._target.faults.rate("BatchWriteItem", "slow", 1.0, pursuit.slow)
        self._target.store.applied = self._check

    async def act(self) -> None:
        """All attempts, each ended in its way."""
        for attempt in self._pursuit.attempts:
            async with self._started() as cli:
                began = self._reads
                give_up = time.monotonic() + RUN_SECONDS
                while self._reads - began < attempt.after and not cli.ended:
                    if time.monotonic() > give_up:
                        raise LostError(f"{attempt}: it does not read: {cli.result}")
                    await asyncio.sleep(POLL_SECONDS)
                if not cli.ended:
                    cli.send_signal(SIGNALS[attempt.ending])
                result = await cli.wait(RUN_SECONDS)
            self._comparer(result, attempt)

    async def to_the_end(self) -> None:
        """Runs until one has caught up."""
        for _ in range(LAST_RUNS):
            async with self._started("--until-caught-up", "--disable-stream-after") as cli:
                result = await cli.wait(RUN_SECONDS)
            self._comparer(result, None)
            if result.code == 0:
                return
        raise LostError(f"no run has caught up: {result.code}: {result.err}")

    def prove_accounts(self) -> None:
        """The summary's counts add up, and nothing is left behind."""
        (table,) = json.loads((self._folder / "summary.json").read_text())["tables"]
        items, changes = table["items"], table["changes"]
        if items["read"] != items["written"] + items["skipped_expired"]:
            raise LostError(f"the accounts of items: {items}")
        if changes["read"] != changes["applied"] + changes["superseded"] or changes["waiting"]:
            raise LostError(f"the accounts of changes: {changes}")
        folder = self._folder / "savepoints"
        _, newest = next(savepoints.found(folder))
        if newest.status != "completed":
            raise LostError(f"the newest savepoint is {newest.status}")
        if left := [*folder.glob("*.tmp"), *folder.glob("spool_*")]:
            raise LostError(f"left behind: {left}")

    @property
    def _reads(self) -> int:
        return sum(self._proxy.requests[operation] for operation in READS)

    def _started(self, *options: str) -> AbstractAsyncContextManager[Cli]:
        self._check.restarted()
        self.outcome.runs += 1
        common = ("--progress", "none", "--summary-json", "summary.json")
        return running(self._folder, "run", "config.yaml", *common, *options)

    def _comparer(self, result: Result, attempt: Attempt | None) -> None:
        if "Traceback" in result.err:
            raise LostError(f"a traceback: {result.err}")
        allowed = ALLOWED[attempt.ending] | {1} if attempt else {0, 1}
        if result.code not in allowed:
            raise LostError(f"{attempt} ended with {result.code}: {result.err}")
