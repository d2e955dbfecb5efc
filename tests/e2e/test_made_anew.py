"""A table that is deleted or made anew during a run: it is noticed, and nothing is said to be
completed."""

import json
import uuid
from collections.abc import Callable

import pytest

from tests.e2e.stage import TABLE, Stage
from tests.e2e.test_control import told
from tests.servers.client import call, create_table
from tests.standin import StandIn
from tests.support.cli import one_error, until


def made_anew(server: StandIn) -> None:
    """Another table has the name and, as far as it goes, the content."""
    server.table(TABLE).id = str(uuid.uuid4())


def deleted(server: StandIn) -> None:
    del server.store.tables[TABLE]


async def test_a_target_made_anew_while_the_run_is_paused_is_noticed_when_it_goes_on(
    stage: Stage,
) -> None:
    hold = stage.folder / "hold"
    stage.write(throttle={"file": str(hold)}, target__writeThroughput=100)
    async with stage.run("--summary-json", "summary.json") as cli:
        await stage.written(100)
        hold.touch()
        await told(stage, "State paused (")
        await call(stage.target.url, "DeleteTable", {"TableName": TABLE})
        await create_table(stage.target.url, TABLE)
        hold.unlink()
        error = one_error(await cli.wait(30), code=1)
    assert f"the target table {TABLE} was made anew during this run" in error
    assert "--fresh" in error
    assert json.loads((stage.folder / "summary.json").read_text())["status"] == "failed"
    assert stage.newest().status == "failed"
    again = await stage.ended("run", "config.yaml")
    assert "was made anew since then" in one_error(again, code=2)


@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize(
    ("change", "words"), [(made_anew, "was made anew"), (deleted, "is gone: it was deleted")]
)
async def test_nothing_is_said_to_be_completed_of_other_tables(
    stage: Stage, role: str, change: Callable[[StandIn], None], words: str
) -> None:
    server: StandIn = getattr(stage, role)
    stage.write(target__writeThroughput=300)
    async with stage.run() as cli:
        await stage.written(len(stage.items) // 2)
        looks = server.requests["DescribeTable"]
        server.faults.rate("DescribeTable", "slow", 1.0, 1.0)
        await until(lambda: server.requests["DescribeTable"] > looks)
        change(server)
        server.faults.clear()
        error = one_error(await cli.wait(30), code=1)
    assert f"the {role} table {TABLE} {words}" in error
    assert stage.newest().status == "failed"


async def test_a_server_that_fails_for_a_moment_at_the_end_is_asked_again(stage: Stage) -> None:
    stage.write(target__writeThroughput=300)
    async with stage.run() as cli:
        await stage.written(len(stage.items) // 2)
        for server in (stage.source, stage.target):
            server.faults.next("DescribeTable", "error_500", times=2)
        assert (await cli.wait(30)).code == 0
    stage.is_equal()
    assert stage.newest().status == "completed"
    for server in (stage.source, stage.target):
        assert server.faults.pick("DescribeTable") is None
