"""Where following begins, and what of an older stream is needed."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from alternator_migrate.connectors.stream import StreamSource
from alternator_migrate.core.model import Change
from alternator_migrate.core.state import FollowPhase, FollowState
from alternator_migrate.follow.applier import SinceFilter
from alternator_migrate.follow.follower import Follower
from tests.following.pursuit import TABLE, pursuit
from tests.servers.client import create_table
from tests.servers.scripted_streams import (
    ALTERNATOR_ARN,
    ARN,
    MISSING,
    Item,
    Refusal,
    StreamScript,
    scripted_streams,
)
from tests.standin import StandIn
from tests.support.cli import until

HOUR = 3600.0


def key(number: int) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"i{number}"}, "sk": {"N": "1"}}


def script_of(arn: str) -> StreamScript:
    """A stream with three changes of hours ago and two of now."""
    script = StreamScript(arn=arn)
    script.add("shard")
    for number in range(3):
        script.put("shard", key(number))
    script.age("shard", 5 * HOUR)
    for number in range(3, 5):
        script.put("shard", key(number))
    return script


async def kept(follower: Follower, count: int) -> FollowState:
    """What a savepoint has when the spool has taken so many changes."""
    await follower.begin(_nothing)
    async with follower.spooling(lambda: 0.5):
        await until(lambda: follower.progress.counts.read + follower.progress.waiting == 5)
    state = await follower.state()
    assert state is not None
    assert state.spool is not None
    assert state.spool.changes == count
    return state


async def _nothing() -> None:
    pass


def test_what_follows_a_needed_change_is_needed_whatever_its_time() -> None:
    """Times are not exact: the later of two changes must not be left out beside the other."""
    since = SinceFilter(100.0)

    def needed(shard: str, parent: str | None, *times: float) -> tuple[int, int]:
        changes = [Change(b"{}", None, "1", time) for time in times]
        kept, counts = since(shard, parent, changes)
        assert counts.read == counts.superseded
        return len(kept), counts.read

    assert needed("a", None) == (0, 0)
    assert needed("a", None, 97, 98) == (0, 2)
    assert needed("b", None, 98, 100.1, 99.9) == (2, 1)
    assert needed("b", None, 99.9) == (1, 0)
    assert needed("c", "b", 99.8, 99.9) == (2, 0)
    assert needed("d", "c", 99) == (1, 0)
    assert needed("a", None, 99) == (0, 1)


@pytest.mark.parametrize(
    ("arn", "whole", "needed"), [(ARN, True, 2), (ARN, False, 5), (ALTERNATOR_ARN, True, 5)]
)
async def test_what_was_made_before_the_copy_is_in_the_copy(
    tmp_path: Path, arn: str, whole: bool, needed: int
) -> None:
    """All of it is kept where the target has more than this copy, and where clocks cannot be
    trusted."""
    async with StandIn() as target, scripted_streams(script_of(arn)) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        options = {"snapshot": True, "whole": whole}
        async with pursuit(url, arn, target, tmp_path, **options) as follower:  # type: ignore[arg-type] # booleans
            state = await kept(follower, needed)
        assert bool(state.watermark >= state.placed_at) is whole
        counts = state.counts
        assert (counts.read, counts.superseded) == (5 - needed, 5 - needed)
        assert counts.accounted


async def test_a_spool_that_was_replayed_is_not_asked_for(tmp_path: Path) -> None:
    """It is removed when following is live, and a savepoint may still name it."""
    async with StandIn() as target, scripted_streams(script_of(ARN)) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        async with pursuit(url, ARN, target, tmp_path, snapshot=True) as follower:
            state = await kept(follower, 2)
            assert await follower.replay(asyncio.Event())
        assert len(target.items(TABLE)) == 2
        again = replace(state, phase=FollowPhase.LIVE)
        async with pursuit(url, ARN, target, tmp_path, state=again) as follower:
            await follower.begin(_nothing)
            assert (await follower.state()).spool is None  # type: ignore[union-attr] # it has begun


async def read(follower: Follower, count: int) -> None:
    """Return when so many changes were read."""
    async with follower.spooling(lambda: 0.5):
        await until(lambda: follower.progress.counts.read + follower.progress.waiting == count)


async def test_changes_of_a_new_shard_that_is_not_there_at_first(tmp_path: Path) -> None:
    """A server that does not know of it yet says that it is not there, and lists lack it."""
    script = StreamScript(arn=ARN)
    script.add("parent")
    asked = script._iterator

    def comes(body: Item) -> Item:
        if body["ShardId"] == "child" and not script.hidden:
            script.hidden.add("child")
            raise Refusal(MISSING)
        return asked(body)

    script._iterator = comes  # type: ignore[method-assign] # as the script says
    async with (
        StandIn() as target,
        scripted_streams(script) as url,
        pursuit(url, ARN, target, tmp_path, snapshot=True) as follower,
    ):
        await follower.begin(_nothing)
        script.split("parent", "child")
        script.put("child", key(1))
        await read(follower, 1)


async def test_a_shard_that_is_dropped_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was closed for a day: following goes on with its child."""
    monkeypatch.setattr(StreamSource.__init__, "__defaults__", (1.0, 0.3))
    script = StreamScript(arn=ARN)
    script.add("old")
    script.split("old", "child")
    script.put("child", key(1))
    async with (
        StandIn() as target,
        scripted_streams(script) as url,
        pursuit(url, ARN, target, tmp_path, snapshot=True) as follower,
    ):
        await follower.begin(_nothing)
        del script.shards["old"]
        await read(follower, 1)
