"""Play one schedule: servers, faults, the tool killed and started again, and the proof after it."""

import asyncio
import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.state import CopyState
from alternator_migrate.monitor import ask, socket_of
from alternator_migrate.savepoints import store as savepoints
from tests.chaos.schedule import Attempt, NodeEvent, Schedule
from tests.servers import faults
from tests.servers.cli import Cli, Result, running
from tests.servers.client import call, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.reread import Reread
from tests.support.shapes import same_items

TABLE = "Chaos"
RUN_SECONDS = 60.0
LAST_RUNS = 6
POLL_SECONDS = 0.005
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
ALLOWED = {"kill": {-9}, "term": {143, -15}, "int": {130, -2}, "full disk": {1, 2}}
"""By ending; before the tool has begun to listen, a signal ends it as it ends any process."""

SHIM = Path(__file__).parent / "shim"


class LostError(AssertionError):
    """The proof failed: something was lost, doubled, or told wrongly."""


@dataclass(slots=True)
class Outcome:
    """What came of a schedule; `copied_again` has for each resumed run the pages that it read a
    second time."""

    seed: int
    runs: int = 0
    copied_again: list[int] = field(default_factory=list)


async def play(schedule: Schedule, folder: Path) -> Outcome:
    """Raises `LostError` unless after all that goes wrong the target equals the source."""
    async with StandIn(page_bytes=schedule.page_bytes) as source, StandIn(nodes=3) as target:
        items = sample(schedule)
        await make_source(source, schedule, items)
        async with FaultProxy(source.url, record=True) as proxy:
            break_things(schedule, proxy, target)
            reread = Reread(source.table(TABLE))
            stage = Stage(schedule, folder, proxy, target, reread)
            stage.write_config()
            await stage.play_out()
        stage.prove(items)
        return stage.outcome


def sample(schedule: Schedule) -> list[dict[str, Any]]:
    """The items of a schedule."""
    chance = random.Random(schedule.seed)
    past, future = int(time.time()) - 30 * 86_400, int(time.time()) + 30 * 86_400
    items = []
    for number in range(schedule.items):
        key: dict[str, Any] = {
            "pk": {"S": f"item-{number if not schedule.composite else number % 7}"}
        }
        if schedule.composite:
            key["sk"] = {"N": str(number)}
        expires = past if number < schedule.expired else future
        items.append(
            {
                **key,
                "ttl": {"N": str(expires)},
                "text": {"S": chance.choice(("", "é\u2028", "x" * 90, '{"S":"}}'))},
                "deep": {"L": [{"M": {"S": {"N": "1E+2"}}}, {"NS": ["3", "1.50"]}]},
            }
        )
    return items


async def make_source(
    source: StandIn, schedule: Schedule, items: list[dict[str, Any]], name: str = TABLE
) -> None:
    """Create and fill a source table, TTL last."""
    keys = {"pk": "S", "sk": "N"} if schedule.composite else {"pk": "S"}
    await create_table(source.url, name, keys)
    await fill(source.url, name, items)
    ttl = {"Enabled": True, "AttributeName": "ttl"}
    await call(source.url, "UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": ttl})


def break_things(schedule: Schedule, proxy: FaultProxy, target: StandIn) -> None:
    """Set the rates of faults."""
    for place, (name, rate) in enumerate(schedule.scan_faults):
        fault = getattr(faults, name)()
        proxy.sometimes("Scan", fault, probability=rate, seed=schedule.seed * 100 + place)
    for name, rate in schedule.write_faults:
        target.faults.rate("BatchWriteItem", name, rate)


class Stage:
    """A schedule while it is played."""

    def __init__(
        self,
        schedule: Schedule,
        folder: Path,
        proxy: FaultProxy,
        target: StandIn,
        reread: Reread | None = None,
    ) -> None:
        self.outcome = Outcome(schedule.seed)
        self._schedule, self._folder = schedule, folder
        self._proxy, self._target, self._reread = proxy, target, reread
        self._heard = 0
        self._dead: set[int] = set()
        self._summary: dict[str, Any] = {}

    @property
    def _writes(self) -> int:
        return self._target.requests["BatchWriteItem"]

    def write_config(self) -> None:
        """The configuration of every run."""
        schedule = self._schedule
        content = {
            "source": {
                "type": "alternator",
                "table": TABLE,
                "endpoint": {"url": self._proxy.url},
                "scanSegments": schedule.segments,
                "maxMapTasks": schedule.readers,
            },
            "target": {
                "type": "alternator",
                "table": TABLE,
                "endpoint": {"urls": self._target.urls},
                "maxItemsPerBatch": schedule.batch,
                "maxConnections": schedule.writers,
                "copyTtl": False,
            },
            "savepoints": {"path": "savepoints", "intervalSeconds": schedule.interval},
            "retryBudgetSeconds": 30,
        }
        (self._folder / "config.yaml").write_text(json.dumps(content))

    async def let_nodes_die(self) -> None:
        """Kill and revive nodes at their counts of writes."""
        for event in self._schedule.nodes:
            while self._writes < event.at:  # noqa: ASYNC110 # counts of another's requests
                await asyncio.sleep(POLL_SECONDS)
            await self._happen(event)

    async def play_out(self) -> None:
        """Act, while nodes die."""
        async with asyncio.TaskGroup() as group:
            deaths = group.create_task(self.let_nodes_die())
            await self.act()
            deaths.cancel()

    async def act(self) -> None:
        """All attempts, and then runs until one is through."""
        for attempt in self._schedule.attempts:
            result = await self._run(attempt)
            if result.code == 0:
                break
            if result.code not in ALLOWED[attempt.ending] | {1}:
                raise LostError(f"{attempt} ended with {result.code}: {result.err}")
        for node in range(3):
            await self._happen(NodeEvent(0, node, alive=True))
        for _ in range(LAST_RUNS):
            result = await self._run(None)
            if result.code == 0:
                return
        raise LostError(f"no run came through: {result.code}: {result.err}")

    def prove(self, items: list[dict[str, Any]]) -> None:
        """The target equals the source, and the accounts are right."""
        expired = self._schedule.expired
        if not same_items(self._target.items(TABLE), items[expired:]):
            raise LostError("the target differs from the source")
        (table,) = self._summary["tables"]
        counts = {"read": len(items), "written": len(items) - expired}
        counts |= {"skipped_expired": expired, "rejected": 0}
        if table["items"] != counts:
            raise LostError(f"the accounts say {table['items']}, and should {counts}")
        self.prove_rest()

    def prove_rest(self) -> None:
        """The newest savepoint says that all is done, and no file is left of another."""
        _, newest = next(savepoints.found(self._folder / "savepoints"))
        if newest.status != "completed":
            raise LostError(f"the newest savepoint is {newest.status}")
        if left := list((self._folder / "savepoints").glob("*.tmp")):
            raise LostError(f"left behind: {left}")

    async def _happen(self, event: NodeEvent) -> None:
        if event.alive and event.node in self._dead:
            self._dead.discard(event.node)
            await self._target.revive(event.node)
        elif not event.alive and event.node not in self._dead:
            self._dead.add(event.node)
            await self._target.kill(event.node)

    async def _run(self, attempt: Attempt | None) -> Result:
        point = next(savepoints.found(self._folder / "savepoints"), None)
        clock, fsync = (attempt.clock, attempt.fsync) if attempt else (0.0, 0.0)
        env = {
            "CHAOS_CLOCK": str(clock),
            "CHAOS_FSYNC": str(fsync),
            "PYTHONPATH": os.pathsep.join((str(SHIM), str(Path(__file__).parents[2]))),
        }
        options = ("--progress", "none", "--summary-json", "summary.json")
        began = self._writes
        async with running(self._folder, "run", "config.yaml", *options, env=env) as cli:
            if attempt:
                await self._end(cli, attempt, began)
            result = await cli.wait(RUN_SECONDS)
        if "Traceback" in result.err:
            raise LostError(f"a traceback: {result.err}")
        self._note_pages(point[1].state if point else CopyState())
        if result.code == 0:
            self._summary = json.loads((self._folder / "summary.json").read_text())
        return result

    async def _end(self, cli: Cli, attempt: Attempt, began: int) -> None:
        """Wait for the attempt's count of writes, pause the run where that is to be, and end it,
        unless it is over before."""
        await self._written(cli, began + attempt.after)
        if attempt.pause:
            await self._steer("pause")
            await _until(lambda: cli.ended, attempt.pause.seconds)
            if attempt.pause.resumed:
                await self._steer("resume")
                await self._written(cli, self._writes + attempt.after)
        with suppress(ProcessLookupError):
            if attempt.ending == "full disk":
                resource.prlimit(cli.pid, resource.RLIMIT_FSIZE, (64, 64))
            elif not cli.ended:
                cli.send_signal(SIGNALS[attempt.ending])

    async def _written(self, cli: Cli, count: int) -> None:
        """Return at so many writes, or when the run is over, or takes too long."""
        await _until(lambda: cli.ended or self._writes >= count, RUN_SECONDS)

    async def _steer(self, word: str) -> None:
        """Give the run a command, if it listens."""
        folder = self._folder / "savepoints"
        for file in folder.glob("control_*.sock"):
            if socket := socket_of(folder, file.stem):
                with suppress(MigrateError):  # it is over meanwhile
                    await asyncio.to_thread(ask, socket, [word])

    def _note_pages(self, state: CopyState) -> None:
        """Look at the Scans of a run that went on from a state."""
        scans = [each.json() for each in self._proxy.log if each.operation == "Scan"]
        new, self._heard = scans[self._heard :], len(scans)
        if self._reread:
            again = self._reread.again(new, state)
            self.outcome.copied_again += [again] if self.outcome.runs else []
        self.outcome.runs += 1


async def _until(true: Callable[[], bool], seconds: float) -> None:
    """Return once `true()` is, or after so many seconds."""
    give_up = time.monotonic() + seconds
    while not true() and time.monotonic() < give_up:  # noqa: ASYNC110 # of another process
        await asyncio.sleep(POLL_SECONDS)
