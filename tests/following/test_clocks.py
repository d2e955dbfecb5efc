"""A clock that differs from the source's: what is unread is not taken for caught up."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.following.pursuit import TABLE, pursuit
from tests.servers.client import create_table
from tests.servers.scripted_streams import ARN, StreamScript, scripted_streams
from tests.standin import StandIn
from tests.support.cli import until

FAR = 60.0


@pytest.mark.parametrize("ahead", [FAR, -FAR])
async def test_changes_that_are_behind_are_behind_by_any_clock(
    ahead: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A busy stream of a server whose clock is so far ahead: the tip is never seen, and the changes
    that are read are 45 s old; then they are new ones."""
    caplog.set_level(logging.WARNING)
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
            await until(lambda: follower.progress.counts.applied > 100, 30)
            assert 40 <= (follower.progress.lag or 0) <= 50
            assert not follower.progress.caught_up
            assert not following.done()
            script.behind = 0
            async with asyncio.timeout(30):
                assert await following
            writing.cancel()
    (told,) = (each.getMessage() for each in caplog.records if "clock" in each.getMessage())
    assert ("behind the source's" if ahead > 0 else "ahead of the source's") in told


async def no_save() -> None:
    pass


async def no_hook() -> bool:
    return False
