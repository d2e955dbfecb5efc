"""Many tables in one run: following them, hooks of the run, rejects, parts, and what is shown."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alternator_migrate.cli.tables import Copy, copying, resending
from alternator_migrate.cli.tables_status import tables_lines, tables_standing
from alternator_migrate.config import Loaded, load
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.migration import MigrateOptions, Part, Selection, run_file
from tests.servers.client import call, create_table, fill
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.cli import one_error, until
from tests.support.exports import full, source, write
from tests.support.many import Many, make, refusing, rows, show_nothing
from tests.support.names import unique_name
from tests.support.shapes import same_items

RULE = {"maxLagSeconds": 5, "forSeconds": 0.2}
HOOKS = {
    event: f"echo {event} $ALTERNATOR_MIGRATE_STATUS $ALTERNATOR_MIGRATE_TABLES >> hooks"
    for event in ("onStart", "onSnapshotDone", "onCaughtUp", "onFailure", "onStop")
}


@pytest.fixture
async def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Many]:
    monkeypatch.chdir(tmp_path)
    async with StandIn() as source, StandIn(record=True) as target:
        yield Many(tmp_path, source, target)


@pytest.fixture
def followed(many: Many, moto_server: str) -> Many:
    """The same with moto as the source, whose streams show changes at once; DynamoDB Local counts
    the changes of all tables together, and takes those of one for lost where others have some."""
    return Many(many.folder, SimpleNamespace(url=moto_server), many.target)


def follow(many: Many, section: Mapping[str, object], **more: Any) -> None:
    """Write a configuration that follows, with the hooks that tell."""
    many.write(
        section,
        source_type="dynamodb",
        source_region="us-east-1",
        source_credentials={"accessKey": "local", "secretKey": "local"},
        target_streamChanges=True,
        cutover=RULE,
        hooks=HOOKS,
        **more,
    )


def told(many: Many) -> list[str]:
    """What the hooks were told, in order."""
    path = many.folder / "hooks"
    return path.read_text().splitlines() if path.exists() else []


def stands(loaded: Loaded, part: str = "") -> tuple[str, str]:
    """How `status` says that all tables stand, to a person and as JSON."""
    standing = tables_standing(loaded, part, (), ())
    assert standing
    return tables_lines(loaded, part, (), ())[0], str(standing.status)


async def sent_again(loaded: Loaded, rejects: Path, *only: str) -> list[str]:
    """The tables whose rejects are stored when they are sent again."""
    run = resending(loaded, Selection(only=only), rejects)
    assert await run.run(asyncio.Event(), show_nothing) == "completed"
    return [each.source for each in run.tables()]


async def test_the_run_has_caught_up_when_every_table_has(followed: Many) -> None:
    prefix = unique_name("many")[:40]
    counts = {f"{prefix}-{n}": 20 for n in range(3)}
    await make(followed.source.url, counts)
    one_by_one = {"target_maxItemsPerBatch": 5, "target_maxConnections": 1}
    follow(followed, {"include": [f"{prefix}-*"], "concurrency": 1}, **one_by_one)
    followed.target.faults.rate("BatchWriteItem", "slow", 1.0, 0.4)
    running = asyncio.create_task(followed.run(until=True))
    await until(lambda: followed.target.requests["BatchWriteItem"] > 0)
    for name in counts:
        await fill(followed.source.url, name, rows(3, f"late-{name}-"))
    result = await running
    assert result.status == "completed", result
    await followed.check([*counts])
    assert all(each.changes and each.changes.caught_up for each in result.tables)
    events = told(followed)
    assert events[0] == "onStart running 3"
    assert events[1:4] == ["onSnapshotDone running"] * 3
    assert events[4:] == ["onCaughtUp running 3", "onStop completed 3"]


async def test_a_table_that_failed_keeps_the_switch_from_being_told(followed: Many) -> None:
    prefix = unique_name("many")[:40]
    good, bad = f"{prefix}-1", f"{prefix}-2"
    await make(followed.source.url, {good: 5, bad: 5})
    await create_table(followed.target.url, bad, {"other": "N"})
    follow(followed, {"include": [f"{prefix}-*"]})
    result = await followed.run(until=True)
    assert result.states == {good: "completed", bad: "failed"}
    events = told(followed)
    assert not any("onCaughtUp" in each for each in events)
    assert events[-2:] == ["onFailure failed 2", "onStop failed 2"]


async def test_a_hook_that_fails_at_the_start_keeps_all_from_beginning(many: Many) -> None:
    await make(many.source.url, {"t-1": 5})
    many.write({"include": ["t-*"]}, hooks={"onStart": "exit 4"})
    result = await many.run()
    assert result.error is not None
    assert result.error.exit_code == 2
    assert "CreateTable" not in many.target.requests


async def test_rejects_of_one_table_are_not_sent_to_another_whose_file_has_the_name(
    many: Many,
) -> None:
    """As a file is named that was fetched from S3."""
    fetched, folder = many.folder / "rejects_1.jsonl", many.folder / "savepoints"
    section = {"include": ["t-*"]}
    async with refusing(many, section, {"t-1": 1, "t-2": 1}, maxRejects=1) as refused:
        assert (await many.run()).status == "rejects"
        refused.clear()
        for point in folder.glob("t-?/savepoint_*.yaml"):
            point.write_text(re.sub(r"rejects_\d+", "rejects_1", point.read_text()))
        for path in folder.glob("t-?/rejects_*.jsonl"):
            path.rename(path.with_name(fetched.name))
        fetched.write_bytes((folder / "t-1" / fetched.name).read_bytes())
        loaded = load(many.folder / "config.yaml", {})
        with pytest.raises(UsageError, match=r"have the name rejects_1\.jsonl: t-1, t-2") as raised:
            resending(loaded, Selection(), fetched)
        assert "--only" in raised.value.hint
        assert await sent_again(loaded, fetched, "t-1") == ["t-1"]


async def test_rejects_of_all_tables_or_of_one_are_sent_again(many: Many) -> None:
    await make(many.source.url, {"t-1": 5, "t-2": 5, "t-3": 5})
    for name in ("t-1", "t-2"):
        await fill(many.source.url, name, [{"pk": {"S": "wide"}, "w": {"S": "x" * 60_000}}])
    many.write({"include": ["t-*"]}, maxRejects=1, retryBudgetSeconds=stretched(1))
    many.target.settings.mutation_limit = 50_000
    result = await many.run()
    assert result.states == {"t-1": "rejects", "t-2": "rejects", "t-3": "completed"}
    folder = many.folder / "savepoints"
    files = sorted(folder.glob("t-?/rejects_*.jsonl"))
    assert [path.parent.name for path in files] == ["t-1", "t-2"]
    many.target.settings.mutation_limit = 1_000_000
    run = resending(load(many.folder / "config.yaml", {}), Selection(), files[0])
    assert await run.run(asyncio.Event(), show_nothing) == "completed"
    assert [each.source for each in run.tables()] == ["t-1"]
    left = await many.command("run", "--rejects", str(folder))
    assert (left.code, many.states) == (0, {"t-2": "completed"}), left
    assert "1 table: t-2" in left.err
    await many.check(["t-1", "t-2", "t-3"])
    assert (await many.run()).states == dict.fromkeys(["t-1", "t-2", "t-3"], "completed")


async def test_rejects_of_those_tables_are_sent_that_are_asked_for_and_status_tells_it(
    many: Many,
) -> None:
    section = {"include": ["t-*"]}
    async with refusing(many, section, {"t-1": 1, "t-2": 1, "t-3": 0}, maxRejects=1) as refused:
        assert (await many.run()).status == "rejects"
        loaded, folder = load(many.folder / "config.yaml", {}), many.folder / "savepoints"
        (of_second,) = (folder / "t-2").glob("rejects_*.jsonl")
        for selection, rejects in (
            (Selection(only=("t-1",)), of_second),
            (Selection(only=("t-3",)), folder),
            (Selection(skip=("t-2",)), of_second),
        ):
            with pytest.raises(UsageError, match="leave out all tables whose rejects these are"):
                resending(loaded, selection, rejects)
        assert stands(loaded) == ("3 tables: 1 completed, 2 rejects", "rejects")
        refused.clear()
        for only, left in ((("t-1", "t-3"), "2 completed, 1 rejects"), (("t-?",), "3 completed")):
            assert len(await sent_again(loaded, folder, *only)) == 1
            assert stands(loaded)[0] == f"3 tables: {left}"
    assert stands(loaded)[1] == "completed"
    await many.check(["t-1", "t-2", "t-3"])


async def test_a_table_that_is_done_stands_so_when_the_next_run_is_killed_at_once(
    many: Many,
) -> None:
    await make(many.source.url, {"t-1": 5, "t-2": 5})
    many.write({"include": ["t-*"]})
    assert (await many.run(only=("t-1",))).status == "completed"
    loaded = load(many.folder / "config.yaml", {})
    record = run_file(loaded.settings).read()
    assert record
    waiting = (replace(each, status=Status.WAITING) for each in record.tables)
    run_file(loaded.settings).write(record.having(waiting))
    assert stands(loaded) == ("2 tables: 1 waiting, 1 completed", "waiting")


async def test_a_table_that_is_to_be_done_anew_waits_until_its_turn(many: Many) -> None:
    """Whether the run is stopped before that, or killed while a table is prepared."""
    await copied(many, {"t-1": 5, "t-2": 5})
    loaded = await begun_anew(many)
    assert stands(loaded) == ("2 tables: 2 waiting", "waiting")
    alone = tables_lines(loaded, "", ["t-1"], ())
    assert alone == ["t-1 -> t-1: waiting, nothing was begun"]
    record = run_file(loaded.settings).read()
    assert record
    begun = replace(record.tables[0], status=Status.RUNNING)
    run_file(loaded.settings).write(record.having([begun]))
    assert stands(loaded) == ("2 tables: 1 waiting, 1 stopped", "stopped")
    assert (await many.run(fresh=True, into_existing=True)).status == "completed"
    assert stands(loaded) == ("2 tables: 2 completed", "completed")


@pytest.mark.parametrize("state", [Status.WAITING, Status.RUNNING, Status.FAILED])
async def test_a_table_that_was_to_be_done_anew_is_begun_anew_by_the_next_run(
    many: Many, state: Status
) -> None:
    """Into what the target holds, where that was accepted; it is then done."""
    await copied(many, {"t-1": 5, "t-2": 5})
    for name in ("t-1", "t-2"):
        await fill(many.source.url, name, rows(3, "later"))
    loaded = await begun_anew(many, into_existing=True)
    record = run_file(loaded.settings).read()
    assert record
    left = (replace(each, status=state) for each in record.tables)
    run_file(loaded.settings).write(record.having(left))
    result = await many.run()
    assert (result.status, [each.was_done for each in result.tables]) == ("completed", [False] * 2)
    await many.check(["t-1", "t-2"])
    assert all(each.was_done for each in (await many.run()).tables)


async def test_what_was_to_be_done_anew_into_an_empty_target_wants_it_empty_still(
    many: Many, caplog: pytest.LogCaptureFixture
) -> None:
    await copied(many, {"t-1": 5})
    await fill(many.source.url, "t-1", rows(3, "later"))
    await begun_anew(many)
    for _ in range(2):
        result = await many.run()
        assert result.states == {"t-1": "failed"}
        assert "already holds items" in result.reason("t-1")
    assert caplog.text.count("An earlier run with --fresh was to begin it anew") == 2
    assert (await many.run(into_existing=True)).status == "completed"
    await many.check(["t-1"])


async def test_a_table_whose_target_keeps_it_from_being_begun_anew_goes_on_without_fresh(
    many: Many, caplog: pytest.LogCaptureFixture
) -> None:
    await copied(many, {"t-1": 5})
    assert (await many.run(fresh=True)).states == {"t-1": "failed"}
    assert "Without --fresh the run goes on from" in caplog.text
    result = await many.run()
    assert (result.status, [each.was_done for each in result.tables]) == ("completed", [True])


async def test_a_table_that_was_to_be_done_anew_leaves_the_list_when_it_is_not_chosen_any_more(
    many: Many,
) -> None:
    await copied(many, {"t-1": 5, "t-2": 5})
    await begun_anew(many, into_existing=True)
    many.write({"include": ["t-1"]})
    assert (await many.run(add=True)).states == {"t-1": "completed"}


async def test_parts_that_were_to_be_done_anew_are_not_finished_before(
    many: Many, caplog: pytest.LogCaptureFixture
) -> None:
    await make(many.source.url, {"t-1": 5})
    many.write({"include": ["t-*"]})
    loaded, parts = load(many.folder / "config.yaml", {}), (Part(0, 2), Part(1, 2), Part(None, 2))

    async def done(*asked_for: Part) -> list[str]:
        runs = [copying(loaded, Selection(), Copy(part)) for part in asked_for]
        return [str(await run.run(asyncio.Event(), show_nothing)) for run in runs]

    assert await done(*parts) == ["completed"] * 3
    await begun_anew(many, into_existing=True, part=parts[0])
    with pytest.raises(MigrateError):
        await done(parts[2])
    assert "shard 0/2 is being copied anew, and not done" in caplog.text
    assert await done(parts[0], parts[2]) == ["completed"] * 2


async def copied(many: Many, counts: dict[str, int]) -> None:
    """Tables with so many items each, copied once."""
    await make(many.source.url, counts)
    many.write({"include": ["t-*"]})
    assert (await many.run()).status == "completed"


async def begun_anew(
    many: Many, *, into_existing: bool = False, part: Part | None = None
) -> Loaded:
    """The configuration of a run with --fresh that was stopped before any table's turn."""
    loaded, stop = load(many.folder / "config.yaml", {}), asyncio.Event()
    stop.set()
    options = MigrateOptions(fresh=True, into_existing=into_existing)
    run = copying(loaded, Selection(fresh=True), Copy(part, options=options))
    assert await run.run(stop, show_nothing) == "stopped"
    return loaded


async def test_rejects_of_parts_are_sent_again(many: Many) -> None:
    section, parts = {"include": ["t-*"]}, (Part(0, 2), Part(1, 2))
    counts, given = {"t-1": 8, "t-2": 1}, {"maxRejects": 8, "source_scanSegments": 4}
    async with refusing(many, section, counts, **given) as refused:
        loaded, folder = load(many.folder / "config.yaml", {}), many.folder / "savepoints"
        for part in parts:
            run = copying(loaded, Selection(), Copy(part))
            assert await run.run(asyncio.Event(), show_nothing) == "rejects"
        assert len([*folder.glob("t-1/rejects_*.jsonl")]) == 2
        (of_second,) = folder.glob("t-2/rejects_*.jsonl")
        refused.clear()
        assert await sent_again(loaded, of_second) == ["t-2"]
        assert await sent_again(loaded, folder) == ["t-1"]
        all_done = "2 tables: 2 completed", "completed"
        assert [stands(loaded, part.suffix) for part in parts] == [all_done, all_done]
        finish = copying(loaded, Selection(), Copy(Part(None, 2)))
        assert await finish.run(asyncio.Event(), show_nothing) == "completed"
    await many.check(["t-1", "t-2"])


async def test_parts_of_all_tables_in_runs_of_their_own(many: Many) -> None:
    counts = {"t-1": 30, "t-2": 10}
    await make(many.source.url, counts)
    many.write({"include": ["t-*"]}, source_scanSegments=4)
    for part in ("0/2", "1/2"):
        shard = await many.command("run", "--shard", part)
        assert shard.code == 0, shard
    done = await many.command("run", "--shard", "finish/2")
    assert done.code == 0, done
    await many.check([*counts])


async def test_status_as_json_has_every_table(many: Many) -> None:
    await make(many.source.url, {"t-1": 5, "t-2": 5})
    await create_table(many.target.url, "t-2", {"other": "N"})
    many.write({"include": ["t-*"]})
    await many.run()
    result = await many.command("status", "--json")
    assert result.code == 0, result
    stood = json.loads(result.out)
    tables = {each["source"]: each for each in stood["tables"]}
    assert stood["status"] == "failed"
    assert (tables["t-1"]["status"], tables["t-1"]["items"]["written"]) == ("completed", 5)
    assert (tables["t-2"]["status"], "does not fit" in tables["t-2"]["error"]) == ("failed", True)
    await call(many.target.url, "DeleteTable", {"TableName": "t-2"})


async def test_workers_do_one_table_after_another(many: Many) -> None:
    counts = {"t-1": 60, "t-2": 40}
    await make(many.source.url, counts)
    many.write({"include": ["t-*"]}, source_scanSegments=8)
    result = await many.command("run", "--engine", "processes", "--workers", "2")
    assert result.code == 0, result
    await many.check([*counts])
    assert {t["source"]: t["items"]["written"] for t in many.summary["tables"]} == counts


async def test_exports_are_listed_one_by_one(many: Many) -> None:
    own: dict[str, Any] = {}
    for name in ("first", "second"):
        export = full(rows(20, name), id=f"0171509438411{len(own)}-a1d1d4f5")
        write(many.folder / name, export.objects())
        own[name] = {"source": source(many.folder / name / export.manifest)}
        del own[name]["source"]["type"]
    many.write({"include": ["first", "second"], "rename": {"*": "*-copy"}, "overrides": own})
    config = json.loads((many.folder / "config.yaml").read_text())
    config["source"] = {"type": "dynamodb-s3-export"}
    (many.folder / "config.yaml").write_text(json.dumps(config))
    result = await many.run()
    assert result.states == {"first": "completed", "second": "completed"}, result
    for name in ("first", "second"):
        assert same_items(many.target.items(f"{name}-copy"), rows(20, name))
    config["tables"] = {"include": ["fir*"]}
    (many.folder / "config.yaml").write_text(json.dumps(config))
    assert "must name each export's table" in one_error(await many.command("plan"))
