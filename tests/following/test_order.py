"""The changes of each key arrive in their order, whatever the tree of shards and the nodes do."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.following.pursuit import TABLE, pursuit
from tests.servers.client import Item, call, create_table
from tests.servers.patience import stretched
from tests.servers.scripted_streams import (
    ALTERNATOR_ARN,
    ARN,
    LOCAL_ARN,
    Listing,
    StreamScript,
    scripted_streams,
)
from tests.standin import StandIn
from tests.support.orders import OrderCheck, versions

SECONDS = 60
LISTINGS: tuple[Listing, ...] = ("made", "reversed", "zigzag")


class Author:
    """Makes changes to keys that live in a tree of shards, and lets the tree grow."""

    def __init__(self, script: StreamScript, check: OrderCheck, seed: int) -> None:
        self.script, self.check = script, check
        self.chance = random.Random(seed)
        self.homes: dict[int, str] = {}
        self.there: set[int] = set()
        self._shards = 0
        self._version = 0
        self.open = [self._shard(None) for _ in range(self.chance.randint(1, 3))]

    def _shard(self, parent: str | None) -> str:
        self._shards += 1
        name = f"shardId-{self._shards:020}"
        self.script.add(name, parent)
        return name

    def change(self, keys: int = 30) -> None:
        """Change one of so many keys, hot ones more often."""
        number = min(self.chance.randrange(keys), self.chance.randrange(keys))
        shard = self.homes.setdefault(number, self.chance.choice(self.open))
        key: Item = {"pk": {"S": f"p{number % 5}"}, "sk": {"N": str(number)}}
        if number in self.there and self.chance.random() < 0.2:
            self.there.discard(number)
            self.script.remove(shard, key)
            self.check.removed(key)
            return
        self.there.add(number)
        self._version += 1
        self.script.put(shard, key, v={"N": str(self._version)})
        self.check.put(key, self._version)

    def split(self) -> None:
        """Close a shard; one or two others go on with its keys."""
        old = self.open.pop(self.chance.randrange(len(self.open)))
        self.script.shards[old].closed = True
        new = [self._shard(old) for _ in range(self.chance.randint(1, 2))]
        self.open += new
        for number, shard in self.homes.items():
            if shard == old:
                self.homes[number] = self.chance.choice(new)

    def work(self, changes: int, splits: int) -> None:
        """So many changes, and splits among them."""
        for _ in range(splits):
            for _ in range(changes // (splits + 1)):
                self.change()
            self.split()
        for _ in range(changes // (splits + 1)):
            self.change()


@pytest.fixture
async def target() -> AsyncIterator[StandIn]:
    async with StandIn(nodes=3) as server:
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"})
        yield server


async def follow_to_the_end(
    script: StreamScript, target: StandIn, folder: Path, author: Author, batch: int = 100
) -> None:
    """Follow until caught up, while the author goes on for a while; then everything is right."""
    target.store.applied = author.check
    async with (
        asyncio.timeout(stretched(SECONDS)),
        scripted_streams(script) as url,
        pursuit(url, script.arn, target, folder, batch=batch) as follower,
    ):
        await follower.begin(_nothing)
        ready = asyncio.Event()
        following = asyncio.create_task(follower.live(asyncio.Event(), _hook(ready)))
        for _ in range(10):
            await asyncio.sleep(0.05)
            author.work(40, author.chance.randint(0, 1))
        ready.set()
        assert await following
        await follower.finish(_nothing)
    author.check.check()
    assert versions(target.items(TABLE)) == author.check.final()
    counts = follower.progress.counts
    made = sum(map(len, author.check.made.values()))
    assert (counts.read, counts.rejected) == (made, 0)
    assert follower.progress.waiting == 0


async def _nothing() -> None:
    pass


def _hook(ready: asyncio.Event) -> Callable[[], Awaitable[bool]]:
    """What is done when the target has caught up: the end waits for those who write."""

    async def told() -> bool:
        waited = not ready.is_set()
        await ready.wait()
        return waited

    return told


@pytest.mark.parametrize("seed", range(6))
async def test_many_generations_of_shards_in_any_order_of_listing(
    seed: int, target: StandIn, tmp_path: Path
) -> None:
    listing = LISTINGS[seed % 3]
    script = StreamScript(arn=LOCAL_ARN, listing=listing, page=1 + seed % 4)
    author = Author(script, OrderCheck(), seed)
    author.work(600, 12)
    await follow_to_the_end(script, target, tmp_path, author, batch=(1, 7, 100)[seed % 3])


@pytest.mark.parametrize("seed", range(3))
async def test_faults_of_both_sides_do_not_change_the_order(
    seed: int, target: StandIn, tmp_path: Path
) -> None:
    script = StreamScript(arn=ALTERNATOR_ARN, still=True, empty=1, lifetime=30)
    author = Author(script, OrderCheck(), 100 + seed)
    author.work(400, 6)
    for code in ("LimitExceededException", "InternalServerError", "reset"):
        script.fail("GetRecords", *[code] * 5)
        script.fail("DescribeStream", code)
    target.faults.seed = seed
    for kind in ("partial_500", "overload", "reset_after_write", "error_500"):
        target.faults.rate("BatchWriteItem", kind, 0.05)
    target.faults.rate("BatchWriteItem", "slow", 0.3, 0.02)
    await follow_to_the_end(script, target, tmp_path, author, batch=5)


async def test_dynamodb_with_its_limits_and_empty_answers(target: StandIn, tmp_path: Path) -> None:
    script = StreamScript(arn=ARN, limited=True, empty=2)
    author = Author(script, OrderCheck(), 7)
    author.work(300, 2)
    await follow_to_the_end(script, target, tmp_path, author)


@pytest.mark.parametrize("seed", range(2))
async def test_nodes_that_die_with_clocks_that_differ(
    seed: int, target: StandIn, tmp_path: Path
) -> None:
    """The last write wins by the clock of its node: a node ahead of the next would win."""
    target.settings.skew = {0: 0.9, 1: -0.5, 2: 0.2}
    script = StreamScript(arn=LOCAL_ARN)
    author = Author(script, OrderCheck(), 200 + seed)

    async def deaths() -> None:
        for node in (0, 1):
            await asyncio.sleep(0.4)
            await target.kill(node)
            await asyncio.sleep(0.3)
            await target.revive(node)

    author.work(100, 1)
    async with asyncio.TaskGroup() as group:
        group.create_task(deaths())
        await follow_to_the_end(script, target, tmp_path, author, batch=5)


async def test_without_the_pause_a_clock_that_is_ahead_wins(
    target: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the pause is for: the same scene without it loses changes."""
    monkeypatch.setattr(
        "alternator_migrate.dynamodb.key_routing.KeyRouter.__init__.__defaults__", (0.0, _clock)
    )
    with pytest.raises(ExceptionGroup) as lost:
        for seed in range(5):
            await test_nodes_that_die_with_clocks_that_differ(seed, target, tmp_path)
            await call(target.url, "DeleteTable", {"TableName": TABLE})
            await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
    assert lost.group_contains(AssertionError)


def _clock() -> float:
    return asyncio.get_running_loop().time()
