"""How following begins and ends when things happen in between."""

import asyncio
import signal
from pathlib import Path
from typing import Any

from tests.conftest import RunCli
from tests.following.conftest import OFTEN, RULE, WRITERS_STOP, Table
from tests.following.pursuit import pursuit
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill
from tests.servers.patience import stretched
from tests.servers.scripted_streams import LOCAL_ARN, StreamScript, scripted_streams
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import alternator, job, write_config
from tests.support.shapes import same_items

TABLE = "Example"
UNTIL = "--until-caught-up"
DISABLE = "--disable-stream-after"


def configure(folder: Path, source: StandIn, target: StandIn, **more: Any) -> None:
    ends = alternator(source.url, TABLE), alternator(target.url, TABLE, streamChanges=True)
    kept = {"path": str(folder / "savepoints"), "intervalSeconds": OFTEN}
    write_config(folder, job(*ends, savepoints=kept, cutover=RULE, **more))


async def made(source: StandIn, count: int = 20) -> None:
    """A table of so many items."""
    await create_table(source.url, TABLE)
    await fill(source.url, TABLE, [{"pk": {"S": f"i{n}"}} for n in range(count)])


def is_enabled(source: StandIn) -> bool:
    stream = source.table(TABLE).stream
    return stream is not None and stream.enabled


async def test_a_hook_may_stop_the_writers(table: Table) -> None:
    """What they write until the hook is over is on the target when the run has ended."""
    table.configure(hooks={"onCaughtUp": f"touch stopping; {WRITERS_STOP['onCaughtUp']}"})
    async with running(table.folder, "run", "config.yaml", UNTIL) as cli:
        await until((table.folder / "stopping").exists)
        for version in range(1, 26):
            await table.put(1, version)
        table.writers_have_stopped()
        result = await cli.wait(60)
    assert result.code == 0, result
    assert await table.equal()


async def test_what_alternator_does_not_show_yet_is_waited_for(tmp_path: Path) -> None:
    """Its streams are ten seconds late; these changes are shown after six."""
    async with StandIn(stream_delay=6, stream_shards=4) as source, StandIn() as target:
        await made(source)
        configure(tmp_path, source, target)
        async with running(tmp_path, "run", "config.yaml", "--progress", "none") as cli:
            await until(lambda: TABLE in target.store.tables and len(target.items(TABLE)) == 20)
            cli.send_signal(signal.SIGINT)
            await cli.wait(60)
        await fill(source.url, TABLE, [{"pk": {"S": f"late{n}"}} for n in range(20)])
        async with running(tmp_path, "run", "config.yaml", UNTIL) as cli:
            result = await cli.wait(60)
        assert result.code == 0, result
        assert "up to 10 s late" in result.err
        assert same_items(target.items(TABLE), source.items(TABLE))


async def test_a_stream_that_was_being_enabled_at_a_stop_is_disabled_at_the_end(
    tmp_path: Path, run_cli: RunCli
) -> None:
    async with StandIn(stream_delay=0, enabling_polls=12) as source, StandIn() as target:
        await made(source)
        configure(tmp_path, source, target)
        async with running(tmp_path, "run", "config.yaml") as cli:
            await until(lambda: source.requests["DescribeStream"] > 2)
            cli.send_signal(signal.SIGINT)
            assert (await cli.wait(60)).code == 130
        code, _, err = await run_cli("run", "config.yaml", UNTIL, DISABLE, seconds=90)
        assert code == 0, err
        assert "was disabled again" in err
        assert not is_enabled(source)


async def test_a_target_that_has_caught_up_still_has_when_the_stream_is_disabled(
    tmp_path: Path,
) -> None:
    """Clients may be switched only then."""
    script = StreamScript(arn=LOCAL_ARN)
    script.add("shardId-1")
    async with StandIn() as target, scripted_streams(script) as url:
        await create_table(target.url, TABLE, {"pk": "S", "sk": "N"})
        async with pursuit(url, script.arn, target, tmp_path, disable_after=True) as follower:
            seen: list[bool] = []

            async def save() -> None:
                seen.append(follower.progress.caught_up)

            await follower.begin(save)
            async with asyncio.timeout(stretched(30)):
                assert await follower.live(asyncio.Event(), no_hook)
            seen.clear()
            await follower.finish(save)
            assert follower.over
            assert seen == [True]
            assert follower.progress.caught_up
            state = await follower.state()
        async with pursuit(
            url, script.arn, target, tmp_path, disable_after=True, state=state
        ) as follower:
            assert follower.over
            assert follower.progress.caught_up


async def no_hook() -> bool:
    return False


async def test_a_new_start_remembers_whose_the_stream_is(tmp_path: Path, run_cli: RunCli) -> None:
    async with StandIn(stream_delay=0) as source, StandIn() as target:
        await made(source)
        configure(tmp_path, source, target)
        async with running(tmp_path, "run", "config.yaml") as cli:
            await cli.wait_for("was enabled", 60)
            cli.send_signal(signal.SIGTERM)
            await cli.wait(60)
        anew = ("--fresh", "--into-existing", UNTIL, DISABLE)
        code, _, err = await run_cli("run", "config.yaml", *anew, seconds=90)
        assert code == 0, err
        assert not is_enabled(source)


async def test_killed_when_the_stream_had_just_been_disabled(
    tmp_path: Path, run_cli: RunCli
) -> None:
    """All is done then, and nothing is missing: the run is killed as it asks, and gets its way."""
    async with StandIn(stream_delay=0) as source, StandIn() as target:
        await made(source)
        configure(tmp_path, source, target)
        async with running(tmp_path, "run", "config.yaml", UNTIL, DISABLE) as cli:
            await cli.wait_for("was enabled", 60)
            source.faults.next("UpdateTable", "slow", seconds=5)
            await until(lambda: source.requests["UpdateTable"] == 2, 90)
            await cli.kill()
        off = {"StreamSpecification": {"StreamEnabled": False}}
        await call(source.url, "UpdateTable", {"TableName": TABLE, **off})
        code, _, err = await run_cli("run", "config.yaml", UNTIL, DISABLE)
        assert code == 0, err
        assert same_items(target.items(TABLE), source.items(TABLE))
        assert "over, the stream was disabled" in (await run_cli("status", "config.yaml")).out
