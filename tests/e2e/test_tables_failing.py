"""Many tables: what keeps a run of them from beginning or going on is one error, told once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.test_rights import denied
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.cli import one_error, only_read, until
from tests.support.many import Many, make


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[Many]:
    async with StandIn() as source, StandIn(record=True) as target:
        yield Many(tmp_path, source, target)


async def test_a_run_file_that_cannot_be_written_stops_the_tables_in_good_order(
    many: Many,
) -> None:
    counts = {"aaa": 300, "bbb": 20, "ccc": 20}
    await make(many.source.url, counts)
    many.write(
        {"include": ["*"], "concurrency": 1}, target_maxItemsPerBatch=10, target_writeThroughput=80
    )
    folder = many.folder / "savepoints"
    async with many.running("run", "--summary-json", "summary.json") as cli:
        await until(lambda: "running" in "".join(f.read_text() for f in folder.glob("tables_*")))
        (file,) = folder.glob("tables_*.json")
        blocked = folder / f".{file.name}.tmp"
        blocked.mkdir()
        many.source.faults.rate("Scan", "slow", 1.0, 0.2)
        result = await cli.wait(60)
    told = one_error(result, code=1)
    assert "cannot write the run file" in told
    assert "savepoints.path" in told
    assert many.summary["status"] == "failed"
    assert many.summary["error"].startswith("cannot write the run file")
    assert {*many.states.values()} <= {"completed", "stopped", "waiting"}
    for table in many.summary["tables"]:
        there = many.target.store.tables.get(table["target"])
        assert table["items"]["written"] == (len(there.rows) if there else 0), table
    blocked.rmdir()
    many.source.faults.clear()
    many.write({"include": ["*"]})
    assert (await many.command("run")).code == 0
    await many.check([*counts])


async def test_a_run_file_that_cannot_be_written_at_all_is_refused(many: Many) -> None:
    await make(many.source.url, {"aaa": 3})
    many.write({"include": ["*"]})
    (many.folder / "savepoints").mkdir()
    assert (await many.command("run", "--only", "aaa")).code == 0
    (file,) = (many.folder / "savepoints").glob("tables_*.json")
    (file.parent / f".{file.name}.tmp").mkdir()
    many.target.log.clear()
    told = one_error(await many.command("run", "--fresh"), code=2)
    assert "cannot write the run file" in told
    assert only_read(many.target)


async def test_sizes_that_are_not_told_in_time_are_one_error_before_anything_is_written(
    many: Many,
) -> None:
    await make(many.source.url, {"aaa": 3, "bbb": 3})
    many.write({"include": ["*"]}, retryBudgetSeconds=1)
    many.source.faults.rate("DescribeTable", "error_500", 1.0)
    told = one_error(await many.command("run"), code=2)
    assert "DescribeTable" in told
    assert many.summary["status"] == "failed"
    assert only_read(many.target)


async def test_tags_that_may_not_be_read_are_named_with_the_right_that_is_lacking(
    many: Many,
) -> None:
    await make(many.source.url, {"aaa": 3, "bbb": 3})
    async with FaultProxy(many.source.url) as proxy:
        proxy.always("ListTagsOfResource", denied("ListTagsOfResource"))
        many.write(
            {"include": ["*"], "includeTags": {"env": "prod"}},
            source_endpoint={"url": proxy.url},
        )
        for word in ("plan", "run"):
            told = one_error(await many.command(word), code=2)
            assert "tables.includeTags cannot be looked at" in told
            assert "dynamodb:ListTagsOfResource" in told
    assert only_read(many.target)
