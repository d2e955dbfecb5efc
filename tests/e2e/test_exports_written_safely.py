"""An export as the target: hooks that fail, a source that is another one, limits from outside, a
journal that is damaged, and what a killed run has left."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alternator_migrate.monitor import ask
from tests.e2e.test_control import listening
from tests.e2e.test_exports_written import ROWS, TABLE, content, files
from tests.e2e.test_exports_written_again import bucket_target, ended, half_written, s3, whole
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support import exports
from tests.support.cli import one_error, until
from tests.support.jobs import Command, Job, alternator, job, write_config
from tests.support.shapes import same_items

FAILING = {"onStart": "exit 3"}


@pytest.fixture
async def table() -> AsyncIterator[StandIn]:
    """A stand-in with a table to be exported, which has many pages."""
    async with StandIn(page_bytes=3000) as server:
        await create_table(server.url, TABLE)
        await fill(server.url, TABLE, ROWS)
        yield server


def state(folder: Path) -> dict[str, bytes]:
    """What an export and its run have written."""
    kept = [each for each in files(folder) if each.startswith(("out/", "savepoints/"))]
    found = {name: (folder / name).read_bytes() for name in kept}
    return {name: body for name, body in found.items() if not name.endswith((".lock", ".sock"))}


def journal_of(folder: Path) -> Path:
    (journal,) = (folder / "savepoints").glob("export_*.jsonl")
    return journal


async def asked(folder: Path, *words: str) -> dict[str, object]:
    """The answer of the run to a command."""
    return await asyncio.to_thread(ask, await listening(folder / "savepoints"), words)


async def test_nothing_is_begun_where_the_first_hook_fails(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    given = content(table, {"path": "out"})
    failed = await command({**given, "hooks": FAILING})
    assert failed.code == 2
    assert "Nothing was begun" in failed.err
    assert state(tmp_path) == {}
    assert (await command(given)).code == 0
    before = state(tmp_path)
    assert (await command({**given, "hooks": FAILING}, "--fresh")).code == 2
    assert state(tmp_path) == before
    again = await command(given)
    assert (again.code, "complete already" in again.err) == (0, True), again.err


async def test_an_export_that_was_begun_anew_is_gone_on_with_where_no_savepoint_tells_of_it(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    given = content(table, {"path": "out"})
    assert (await command(given)).code == 0
    older = [*(tmp_path / "out").rglob("manifest-summary.json")]
    head = json.loads(journal_of(tmp_path).read_text().splitlines()[0])
    other = {**head, "export": "01000000000000-abcdef01"}
    journal_of(tmp_path).write_text(json.dumps(other) + "\n")
    report = await command(given)
    assert report.code == 0, report.err
    (made,) = {*(tmp_path / "out").rglob("manifest-summary.json")} - {*older}
    assert made.parent.name == other["export"]
    assert json.loads(made.read_text())["itemCount"] == len(ROWS)
    assert "complete already" in (await command(given)).err


@pytest.mark.parametrize("is_paused", [True, False])
async def test_a_source_made_anew_is_noticed_and_no_summary_is_written(
    tmp_path: Path, table: StandIn, *, is_paused: bool
) -> None:
    hold = tmp_path / "hold"
    write_config(tmp_path, content(table, {"path": "out"}, throttle={"file": str(hold)}))
    table.faults.rate("Scan", "slow", 1.0, 0.2)
    async with running(tmp_path, "run", "config.yaml") as cli:
        await until(lambda: any("data" in each for each in files(tmp_path)), 30)
        if is_paused:
            hold.touch()
            async with asyncio.timeout(stretched(30)):
                while "State paus" not in str((await asked(tmp_path, "status"))["text"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        table.table(TABLE).id = str(uuid.uuid4())
        scans = table.requests["Scan"]
        hold.unlink(missing_ok=True)
        if not is_paused:
            table.faults.clear()
        error = one_error(await cli.wait(30), code=1)
        if is_paused:
            assert table.requests["Scan"] - scans <= 8
    assert f"the source table {TABLE} was made anew during this run" in error
    assert not [*(tmp_path / "out").rglob("manifest-*")]
    again = await ended(tmp_path)
    assert "was made anew since then" in one_error(again, code=2)


async def test_limits_are_lowered_while_an_export_lasts(tmp_path: Path, table: StandIn) -> None:
    write_config(tmp_path, content(table, {"path": "out"}))
    table.faults.rate("Scan", "slow", 1.0, 0.5)
    async with running(tmp_path, "run", "config.yaml") as cli:
        await until(lambda: table.requests["Scan"] >= 4, 30)
        answer = await asked(tmp_path, "set", "readThroughput=0.1", "maxMapTasks=1")
        assert answer["ok"], answer
        assert "readThroughput: 0.1 units/s, was no limit" in str(answer["text"])
        assert "maxMapTasks: 1 segments read at once" in str(answer["text"])
        for wrong in ("writeThroughput=5", "maxConnections=1"):
            refused = await asked(tmp_path, "set", wrong)
            assert not refused["ok"]
            assert "cannot be changed in this run, but readThroughput" in str(refused["text"])
        table.faults.clear()
        await asyncio.sleep(stretched(1))
        scans = table.requests["Scan"]
        await asyncio.sleep(2)
        assert table.requests["Scan"] - scans <= 2
        assert (await asked(tmp_path, "set", "readThroughput=none", "maxMapTasks=none"))["ok"]
        assert (await cli.wait(30)).code == 0
    assert whole(tmp_path / "out") == len(ROWS)


@pytest.mark.parametrize(
    ("number", "damaged"),
    [
        (1, '{"export": 5}'),
        (1, "[]"),
        (2, '{"segment": 0, "posi'),
        (2, "\0\0\0"),
        (2, "5"),
        (2, '{"segment": "0", "position": null, "read": 1, "skipped": 0, "size": 1}'),
        (2, '{"segment": 0, "position": null, "read": 1, "skipped": 0, "size": 1, "file": ["x"]}'),
        (2, '{"segment": 0, "kept": null}'),
    ],
)
async def test_a_damaged_journal_is_told_with_its_line(
    tmp_path: Path, table: StandIn, number: int, damaged: str
) -> None:
    await half_written(tmp_path, table, content(table, {"path": "out"}))
    journal = journal_of(tmp_path)
    lines = journal.read_text().splitlines()
    lines[number - 1] = damaged
    journal.write_text("\n".join((*lines, "")))
    before = state(tmp_path)
    error = one_error(await ended(tmp_path), code=2)
    assert f"{journal}, line {number}, is damaged" in error
    assert "--fresh" in error
    assert state(tmp_path) == before
    assert (await ended(tmp_path, "--fresh")).code == 0


async def test_a_last_line_that_was_cut_off_is_none(tmp_path: Path, table: StandIn) -> None:
    await half_written(tmp_path, table, content(table, {"path": "out"}))
    with journal_of(tmp_path).open("a") as journal:
        journal.write('{"segment": 3, "pos')
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    assert whole(tmp_path / "out") == len(ROWS)
    assert "complete already" in (await ended(tmp_path)).err


async def emptied(table: StandIn) -> None:
    """The table has lost its items."""
    for row in ROWS:
        await call(table.url, "DeleteItem", {"TableName": TABLE, "Key": {"pk": row["pk"]}})


async def unnoted(folder: Path, table: StandIn, given: Job) -> str:
    """Kill a run, and have it look as if that had been between a data file and its line: the key of
    that file. The source has lost all of its items since."""
    keys = await half_written(folder, table, given)
    journal = journal_of(folder)
    lines = journal.read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if keys[-1] in line)
    journal.write_text("".join(lines[:last]))
    await emptied(table)
    return keys[-1]


async def test_a_data_file_that_was_not_noted_and_is_not_written_again_holds_nothing(
    tmp_path: Path, table: StandIn, command: Command
) -> None:
    key = await unnoted(tmp_path, table, content(table, {"path": "out"}))
    out, part = tmp_path / "out", ".000003-000007.json.gz.part"
    data = (out / key).parent
    (data / part).write_bytes(b"cut off")
    (data / "notes.txt").write_text("of somebody else")
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    assert exports.inflated((out / key).read_bytes()) == b""
    assert not (data / part).exists()
    assert (data / "notes.txt").read_text() == "of somebody else"
    left = whole(out)
    assert 0 < left < len(ROWS)
    assert "complete already" in (await ended(tmp_path)).err
    (summary,) = out.rglob("manifest-summary.json")
    back = job(
        {"type": "dynamodb-s3-export", "manifestKey": str(summary)}, alternator(table.url, "Back")
    )
    copied = await command(back)
    assert copied.code == 0, copied.err
    rows = {row["pk"]["S"]: row for row in ROWS}
    found = table.items("Back")
    assert len(found) == left
    assert same_items(found, [rows[item["pk"]["S"]] for item in found])


async def test_an_object_that_was_not_noted_and_is_not_written_again_holds_nothing(
    moto_server: str, tmp_path: Path, table: StandIn
) -> None:
    target = await bucket_target(moto_server)
    key = await unnoted(tmp_path, table, content(table, target))
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    async with s3(moto_server) as client:
        stored = await client.get_object(Bucket=target["bucket"], Key=key)
        assert exports.inflated(await stored["Body"].read()) == b""
        folder = key.partition("data/")[0]
        listed = await client.list_objects_v2(Bucket=target["bucket"], Prefix=f"{folder}data/")
        manifest = await client.get_object(
            Bucket=target["bucket"], Key=f"{folder}manifest-files.json"
        )
        lines = (await manifest["Body"].read()).splitlines()
    named = {json.loads(line)["dataFileS3Key"]: json.loads(line)["itemCount"] for line in lines}
    assert {each["Key"] for each in listed["Contents"]} == {*named}
    assert named[key] == 0


async def test_the_first_data_file_is_looked_for_too(tmp_path: Path, table: StandIn) -> None:
    keys = await half_written(tmp_path, table, content(table, {"path": "out"}))
    journal = journal_of(tmp_path)
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    await emptied(table)
    report = await ended(tmp_path)
    assert report.code == 0, report.err
    assert whole(tmp_path / "out") == 0
    assert all((tmp_path / "out" / key).exists() for key in keys)
