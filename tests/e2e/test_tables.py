"""Many tables in one run: chosen, created, copied, failing one by one, gone on with."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.servers.client import call, create_table, scan_all
from tests.servers.guarded import either, kind_of
from tests.support.cli import one_error, only_read, until
from tests.support.many import Many, make, refusing, rows
from tests.support.names import unique_name
from tests.support.shapes import same_items

SLOWLY = {"target_maxItemsPerBatch": 10, "target_maxConnections": 1}


@pytest.fixture
async def many(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Many]:
    kind = kind_of(request)
    async with kind(record=True) as source, kind(record=True) as target:
        yield Many(tmp_path, source, target)


@either("many")
async def test_tables_are_chosen_renamed_copied_compared_and_told(many: Many) -> None:
    counts = {"prod-a": 30, "prod-b": 7, "prod-c": 0, "prod-tmp": 5, "Users": 3}
    await make(many.source.url, counts)
    many.write(
        {"include": ["prod-*", "Users"], "exclude": ["*-tmp"], "rename": {"prod-*": "live-*"}}
    )
    many.source.log.clear()

    plan = await many.command("plan")
    assert plan.code == 0, plan
    for line in (
        "prod-a -> live-a  size not known; new",
        "excluded by *-tmp: prod-tmp",
        "4: 4 new",
    ):
        assert line in plan.out, plan.out
    assert only_read(many.source)
    assert only_read(many.target)
    assert not (many.folder / "savepoints").exists()

    result = await many.command("run", "--validate")
    assert result.code == 0, result
    names = ["prod-a", "prod-b", "prod-c", "Users"]
    to = {name: name.replace("prod", "live") for name in names}
    await many.check(names, to)
    assert many.states == dict.fromkeys(names, "completed")
    assert {t["source"]: t["items"]["written"] for t in many.summary["tables"]} == {
        name: counts[name] for name in names
    }
    assert {t["source"]: t["validation"]["compared"] for t in many.summary["tables"]} == {
        name: counts[name] for name in names
    }
    assert "read 40 = written 40 + skipped 0 + rejected 0" in result.err
    assert "prod-a: completed: read 30 = written 30" in result.err
    assert {(each["source"], each["target"]) for each in many.run_file["tables"]} == {*to.items()}
    assert {path.name for path in (many.folder / "savepoints").iterdir() if path.is_dir()} == {
        *names
    }

    writes = many.target.requests["BatchWriteItem"]
    assert (await many.run()).states == many.states
    assert many.target.requests["BatchWriteItem"] == writes

    status = await many.command("status")
    assert status.out.startswith("4 tables: 4 completed\n")
    assert "prod-b -> live-b  completed  2/2 segments, 7 items" in status.out
    assert "40 read = 40 written" in status.out
    one = await many.command("status", "--only", "prod-b")
    assert one.out.startswith("prod-b -> live-b: completed\n")


async def test_one_that_fails_leaves_the_others_alone_and_is_done_later(many: Many) -> None:
    await make(many.source.url, {"good-1": 20, "good-2": 10, "bad-1": 5, "bad-2": 5})
    await create_table(many.target.url, "bad-1", {"other": "N"})
    await make(many.target.url, {"bad-2": 1})
    many.write({"include": ["*"]})
    result = await many.command("run")
    assert result.code == 1, result
    good = dict.fromkeys(["good-1", "good-2"], "completed")
    assert many.states == {**good, "bad-1": "failed", "bad-2": "failed"}
    reasons = {each["source"]: each["reason"] for each in many.summary["tables"]}
    assert "exists and does not fit" in reasons["bad-1"]
    assert "already holds items" in reasons["bad-2"]
    assert reasons["good-1"] is None
    told = result.err[result.err.index("Error: ") :]
    assert told.startswith("Error: 2 of 4 tables failed:\n  bad-1: ")
    assert "--retry-failed" in told
    await many.check(["good-1", "good-2"])

    await call(many.target.url, "DeleteTable", {"TableName": "bad-1"})
    again = await many.run(retry_failed=True)
    assert again.states == {"bad-1": "completed", "bad-2": "failed"}
    assert again.failure.startswith("1 of 2 tables failed")
    last = await many.run(only=("bad-?",), skip=("bad-1",), into_existing=True)
    assert (last.status, last.states) == ("completed", {"bad-2": "completed"})
    assert {each["state"] for each in many.run_file["tables"]} == {"completed"}
    done = await many.command("run", "--only", "bad-2")
    assert (done.code, "bad-2: warning: the target held" in done.err) == (0, True), done
    assert "no table of this run has failed" in (await many.run(retry_failed=True)).failure


async def test_a_run_of_which_every_table_is_refused_is_refused(many: Many) -> None:
    await make(many.source.url, {"bad-1": 5})
    await make(many.target.url, {"bad-1": 1})
    many.write({"include": ["bad-*"]})
    refused = await many.run()
    assert refused.error is not None
    assert refused.error.exit_code == 2
    assert "already holds items" in refused.reason("bad-1")


async def test_on_error_stop_stops_the_others_in_good_order(many: Many) -> None:
    await make(many.source.url, {"a-bad": 5, "b-good": 200, "c-good": 5})
    await create_table(many.target.url, "a-bad", {"other": "N"})
    many.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.1)
    many.write({"include": ["*"], "concurrency": 2, "onError": "stop"}, **SLOWLY)
    result = await many.run()
    assert result.states["a-bad"] == "failed"
    assert result.states["b-good"] in ("stopped", "waiting")
    many.target.faults.clear()
    await call(many.target.url, "DeleteTable", {"TableName": "a-bad"})
    assert (await many.run()).status == "completed"
    await many.check(["a-bad", "b-good", "c-good"])


async def test_the_list_is_fixed_and_grows_on_demand_only(
    many: Many, caplog: pytest.LogCaptureFixture
) -> None:
    await make(many.source.url, {"prod-a": 3, "other": 2})
    many.write({"include": ["prod-*"]})
    assert (await many.run()).states == {"prod-a": "completed"}
    await make(many.source.url, {"prod-b": 4})
    with caplog.at_level("INFO"):
        assert (await many.run()).states == {"prod-a": "completed"}
    assert "new at the source, and not of this run: prod-b; --add takes them in" in caplog.text
    assert [each["source"] for each in many.run_file["tables"]] == ["prod-a"]
    many.write({"include": ["prod-*", "other"]})
    assert "chooses otherwise than when this run began" in (await many.run()).failure
    added = await many.run(add=True)
    assert added.states == dict.fromkeys(["prod-a", "prod-b", "other"], "completed")
    assert (await many.run()).states == added.states
    many.write({"include": ["prod-*", "other"], "rename": {"prod-a": "live-a"}})
    renamed = (await many.run(add=True)).failure
    assert "prod-a goes to prod-a, and would go to live-a" in renamed
    fresh = await many.run(fresh=True, into_existing=True)
    assert fresh.states == added.states
    assert {each["target"] for each in many.run_file["tables"]} == {"live-a", "prod-b", "other"}


async def test_tables_that_are_not_chosen_any_more_leave_the_list_if_they_are_not_begun(
    many: Many, caplog: pytest.LogCaptureFixture
) -> None:
    await make(many.source.url, {"t-1": 5, "t-2": 5, "t-3": 5})
    many.write({"include": ["t-1", "t-2"]})
    assert (await many.run(only=("t-1",))).states == {"t-1": "completed"}
    many.write({"include": ["t-3"]})
    assert "leaves out those that are not chosen any more" in (await many.run()).failure
    with caplog.at_level("INFO"):
        added = await many.run(add=True)
    assert added.states == {"t-1": "completed", "t-3": "completed"}
    assert "1 left out of this run, not chosen any more and not begun: t-2\n" in caplog.text
    assert "note: not chosen any more, and done: t-1; --skip leaves them alone\n" in caplog.text
    assert {*many.target.store.tables} == {"t-1", "t-3"}
    assert (await many.run()).states == added.states
    assert [each["source"] for each in many.run_file["tables"]] == ["t-1", "t-3"]


async def test_a_table_that_is_begun_and_not_chosen_any_more_is_left_to_a_person(
    many: Many,
) -> None:
    before = {"include": ["t-1", "t-2", "t-3"]}
    async with refusing(many, before, {"t-1": 0, "t-2": 1, "t-3": 1}) as refused:
        assert (await many.run()).states == {"t-1": "completed", "t-2": "failed", "t-3": "failed"}
        known, config = many.run_file, many.folder / "config.yaml"
        all_chosen = config.read_text()
        one_chosen = json.dumps({**json.loads(all_chosen), "tables": {"include": ["t-1"]}})
        config.write_text(one_chosen)
        assert "begun and not done: t-2, t-3\n" in (await many.run(add=True)).failure
        shutil.rmtree(many.folder / "savepoints" / "t-3")
        told = await many.run(add=True)
        assert told.error is not None
        assert (told.error.exit_code, many.run_file) == (2, known)
        assert "begun and not done: t-2\n" in told.failure

        refused.clear()
        config.write_text(all_chosen)
        assert (await many.run(only=("t-2",))).status == "completed"
        config.write_text(one_chosen)
        assert (await many.run(add=True)).states == dict.fromkeys(["t-1", "t-2"], "completed")
    await many.check(["t-1", "t-2"])


async def test_nothing_is_done_by_accident(many: Many, run_cli: RunCli) -> None:
    await make(many.source.url, {"prod-a": 3, "prod-b": 2})
    many.write({"include": ["prod-*", "Userz"], "rename": {"prod-*": "x-*", "nope": "no-1"}})
    assert "has 2 mistakes" in one_error(await many.command("plan"))
    many.write({"include": ["prod-*"], "rename": {"prod-a": "same", "prod-b": "same"}})
    assert "prod-a and prod-b would both go to same" in (await many.run()).failure
    assert only_read(many.target)
    assert not (many.folder / "savepoints").exists()

    ends = ("--source-endpoint", many.source.url, "--target-endpoint", many.target.url)
    source = ("--source-type", "alternator")
    one = await run_cli("run", "--table", "prod-a", *source, *ends, "--only", "prod-a")
    assert "go with many tables" in one_error(one)
    two = await run_cli("plan", "--table", "prod-a", "--table", "/b$/", *source, *ends)
    assert (two.code, two.out.count("; new\n")) == (0, 2), two


async def test_a_killed_run_goes_on_and_two_at_once_are_kept_apart(many: Many) -> None:
    counts = {f"t-{n}": 60 for n in range(4)}
    await make(many.source.url, counts)
    many.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.1)
    kept = {"path": str(many.folder / "savepoints"), "intervalSeconds": 0.2}
    many.write({"include": ["*"], "concurrency": 2}, **SLOWLY, savepoints=kept)
    async with many.running("run") as cli:
        await until(lambda: many.target.requests["BatchWriteItem"] > 8)
        many.target.faults.clear()
        many.target.faults.rate("BatchWriteItem", "slow", 1.0, 4.0)
        assert "is running already" in (await many.run()).failure
        cli.send_signal(signal.SIGKILL)
        await cli.wait(60)
    status = await many.command("status")
    assert "stopped" in status.out.splitlines()[0]
    many.target.faults.clear()
    result = await many.run()
    assert result.status == "completed"
    await many.check([*counts])
    assert {each.source: each.items.read for each in result.tables} == counts
    assert {each["state"] for each in many.run_file["tables"]} == {"completed"}


async def test_a_stopped_run_names_its_run_file_and_the_same_command_goes_on(many: Many) -> None:
    counts = {"t-1": 80, "t-2": 80, "t-3": 10}
    await make(many.source.url, counts)
    many.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.1)
    many.write({"include": ["*"], "concurrency": 1}, **SLOWLY)
    async with many.running("run", "--summary-json", "summary.json") as cli:
        await until(lambda: many.target.requests["BatchWriteItem"] > 3)
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(60)
    assert result.code == 143, result
    last = Path(result.err.splitlines()[-1])
    assert last == next((many.folder / "savepoints").glob("tables_*.json"))
    assert {*many.states.values()} <= {"stopped", "waiting"}
    assert many.summary["status"] == "stopped"
    many.target.faults.clear()
    assert (await many.run()).status == "completed"
    await many.check([*counts])


async def test_caps_hold_for_the_whole_run(many: Many) -> None:
    counts = {f"t-{n}": 40 for n in range(4)}
    await make(many.source.url, counts)
    many.write({"include": ["*"]}, target_writeThroughput=50)
    began = asyncio.get_running_loop().time()
    assert (await many.run()).status == "completed"
    # 160 units at 50 a second: a second's worth is there at once, and the last batch may overdraw
    assert asyncio.get_running_loop().time() - began >= (160 - 50 - 25) / 50


@pytest.mark.timeout(900)
async def test_sixty_tables_from_dynamodb_local(many: Many, dynamodb_local: str) -> None:
    prefix = unique_name("many")[:40]
    counts = {f"{prefix}-{n:02}": 0 if n % 7 == 0 else n for n in range(59)}
    counts[f"{prefix}-59"] = 800
    await make(dynamodb_local, counts)
    gone, refusing = f"{prefix}-01", f"{prefix}-02"
    await create_table(many.target.url, refusing, {"other": "N"})
    config = {
        "source": {
            "type": "dynamodb",
            "region": "us-east-1",
            "endpoint": {"url": dynamodb_local},
            "credentials": {"accessKey": "local", "secretKey": "local"},
        },
        "target": {"type": "alternator", "endpoint": {"url": many.target.url}},
        "tables": {"include": [f"{prefix}-*"], "concurrency": 4},
    }
    (many.folder / "config.yaml").write_text(json.dumps(config))
    many.target.faults.latency = 0.01
    async with many.running("run", "--summary-json", "summary.json") as cli:
        await until(lambda: many.target.requests["BatchWriteItem"] > 0)
        await call(dynamodb_local, "DeleteTable", {"TableName": gone})
        result = await cli.wait(200)
    assert result.code == 1, result
    failed = {name for name, state in many.states.items() if state == "failed"}
    assert failed == {gone, refusing}, result
    tables = {each["source"]: each for each in many.summary["tables"]}
    assert "does not exist" in tables[gone]["reason"]
    for name in counts.keys() - failed:
        items = tables[name]["items"]
        assert items["read"] == items["written"] == counts[name]
        there = await scan_all(many.target.url, name)
        assert same_items(there, rows(counts[name], name))
    written = [{*body["RequestItems"]} for name, body in many.target.log if "Batch" in name]
    assert written[0] <= {f"{prefix}-{n}" for n in (59, 58, 57, 55)}, "the largest come first"
    assert "2 of 60 tables failed" in result.err
