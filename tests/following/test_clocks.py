"""A clock that differs from the source's: what is unread is not taken for caught up."""

import asyncio
import time
from pathlib import Path

import pytest

from alternator_migrate.core.errors import TrimmedData
from alternator_migrate.core.state import FollowPhase, FollowState
from tests.following.pursuit import TABLE, pursuit
from tests.servers.client import create_table
from tests.servers.patience import stretched
from tests.servers.scripted_streams import ARN, LOCAL_ARN, StreamScript, scripted_streams
from tests.standin import StandIn
from tests.support.cli import until

FAR, HOUR = 60.0, 3600.0


@pytest.mark.parametrize("ahead", [FAR, -FAR])
async def test_changes_that_are_behind_are_behind_by_any_clock(
    ahead: float, tmp_path: Path
) -> None:
    """A busy stream of a server whose clock is so far ahead: the tip is never seen, and the changes
    that are read are 45 s old; then they are new ones."""
    script = StreamScript(arn=ARN, ahead=ahead, behind=45)
    script.add("shard")

    async def write() -> None:
        for number in range(10**6):
            key = {"pk": {"S": f"i{number}"}, "sk": {"N": "1"}}
            script.put("shard", key)
            await asyncio.sleep(0.02)

    async with StandIn() as target, scripted_streams(script) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        async with pursuit(url, script.arn, target, tmp_path, whole=False) as follower:
            writing = asyncio.create_task(write())
            await follower.begin(no_save)
            following = asyncio.create_task(follower.live(asyncio.Event(), no_hook))
            await until(lambda: follower.progress.counts.applied > 100)
            assert 40 <= (follower.progress.lag or 0) <= 45 + stretched(5)
            assert not follower.progress.caught_up
            assert not following.done()
            script.behind = 0
            async with asyncio.timeout(stretched(60)):
                assert await following
            writing.cancel()


@pytest.mark.parametrize("busy", [True, False])
async def test_of_servers_that_differ_the_earliest_counts_for_what_is_there(
    busy: bool, tmp_path: Path
) -> None:
    """Two at one address, of which one is 6 s ahead: what it has dated before it is told is
    there."""
    script = StreamScript(arn=ARN, apart=6.0)
    script.add("shard")
    told: list[float] = []

    async def write() -> None:
        for number in range(10**6):
            key = {"pk": {"S": f"i{number}"}, "sk": {"N": "1"}}
            script.put("shard", key)
            await asyncio.sleep(0.02)

    async def tell() -> bool:
        told.append(time.time())
        return False

    async with StandIn() as target, scripted_streams(script) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        async with pursuit(url, script.arn, target, tmp_path, whole=False) as follower:
            writing = asyncio.create_task(write() if busy else no_save())
            await follower.begin(no_save)
            async with asyncio.timeout(stretched(60)):
                assert await follower.live(asyncio.Event(), tell)
            writing.cancel()
            state, (at,) = await follower.state(), told
            assert state
            assert at + 6 <= state.watermark <= time.time() + 1
            assert time.time() - at < stretched(20)


@pytest.mark.parametrize(("ahead", "hours", "fails"), [(2, 25, True), (-2, 23, False)])
async def test_a_day_is_one_by_the_clock_of_the_source(
    ahead: float, hours: float, fails: bool, tmp_path: Path
) -> None:
    """A run goes on, left alone for so many hours, on a machine that is slow or fast: by its own
    clock it was 23 or 25."""
    script = StreamScript(arn=LOCAL_ARN, ahead=ahead * HOUR)
    script.add("shard")
    left = script.now - hours * HOUR
    state = FollowState(
        script.arn, phase=FollowPhase.LIVE, shards={"shard": None}, placed_at=left, watermark=left
    )
    async with StandIn() as target, scripted_streams(script) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        async with pursuit(url, script.arn, target, tmp_path, state=state, whole=False) as follower:
            await follower.begin(no_save)
            async with asyncio.timeout(stretched(60)):
                if fails:
                    with pytest.RaisesGroup(TrimmedData, flatten_subgroups=True):
                        await follower.live(asyncio.Event(), no_hook)
                else:
                    assert await follower.live(asyncio.Event(), no_hook)


async def no_save() -> None:
    pass


async def no_hook() -> bool:
    return False
