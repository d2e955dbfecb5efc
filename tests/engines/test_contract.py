"""What holds on every engine: the same copy, the same account, the same words when it fails."""

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.engines.ends import ITEMS, TABLE, Options, batches, between, slow_down
from tests.servers.cli import Result, running
from tests.servers.client import create_table, fill
from tests.servers.guarded import NODES, Guarded
from tests.servers.patience import PATIENT, stretched
from tests.standin import StandIn
from tests.support.cli import READS
from tests.support.jobs import Job, read_summary, write_config
from tests.support.shapes import LOCAL, MOTO, same_items, samples
from tests.support.tables import definitions, index

SECONDS = 90
BY_CITY: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}


class Runs:
    """Runs a configuration in a folder, on any engine."""

    def __init__(self, folder: Path, cli: RunCli, options: Options) -> None:
        self.folder, self._cli, self.options = folder, cli, options

    async def __call__(self, engine: str, *more: str) -> Result:
        return await self.alone(*self.options(engine), *more)

    async def alone(self, *options: str) -> Result:
        """A run that names no engine."""
        command = ("run", "config.yaml", "--summary-json", "summary.json")
        result = await self._cli(*command, *options, seconds=SECONDS)
        assert "Traceback" not in result.err, result.err
        return result

    @property
    def table(self) -> dict[str, Any]:
        """The summary of the one table."""
        (table,) = read_summary(self.folder / "summary.json")["tables"]
        return dict(table)


@pytest.fixture
def run(tmp_path: Path, run_cli: RunCli, options: Options) -> Runs:
    return Runs(tmp_path, run_cli, options)


async def test_every_item_arrives_as_it_was(engine: str, run: Runs, target: StandIn) -> None:
    shapes = [sample.item() for sample in samples(LOCAL, MOTO)]
    async with StandIn(page_bytes=20_000) as source:
        await create_table(source.url, TABLE)
        await fill(source.url, TABLE, [*shapes, *ITEMS])
        write_config(run.folder, between(source, target))
        result = await run(engine)
        assert result.code == 0, result
        assert same_items(target.items(TABLE), source.items(TABLE))
    items = run.table["items"]
    assert items["read"] == items["written"] == len(shapes) + len(ITEMS)
    assert run.table["segments"] == {"total": 8, "done": 8}
    assert run.table["bytes_read"] > 0
    assert run.table["batches"] == target.requests["BatchWriteItem"]


async def test_an_empty_table(engine: str, run: Runs, target: StandIn) -> None:
    async with StandIn() as source:
        await create_table(source.url, TABLE)
        write_config(run.folder, between(source, target))
        assert (await run(engine)).code == 0
    assert target.items(TABLE) == []
    assert run.table["segments"]["done"] == 8


async def refused(source: StandIn, target: StandIn, count: int) -> list[dict[str, Any]]:
    """Items in the source whose city the target's index refuses."""
    bad = [{"pk": {"S": f"bad {n}"}, "city": {"N": str(n)}} for n in range(count)]
    await fill(source.url, TABLE, bad)
    await create_table(target.url, TABLE, **BY_CITY)
    return bad


async def test_rejects_are_kept_whole_and_counted(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    bad = await refused(source, target, 3)
    write_config(run.folder, between(source, target, maxRejects=3))
    result = await run(engine)
    assert result.code == 3, result
    (file,) = (run.folder / "savepoints").glob("rejects_*.jsonl")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert same_items([line["item"] for line in kept], bad)
    assert all("expected type S" in line["message"] for line in kept)
    assert same_items(target.items(TABLE), ITEMS)
    assert run.table["items"] == {
        "read": 603,
        "written": 600,
        "skipped_expired": 0,
        "rejected": 3,
    }


async def test_more_rejects_than_allowed_end_the_run(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    await refused(source, target, 6)
    write_config(run.folder, between(source, target, maxRejects=2))
    result = await run(engine)
    assert result.code == 1, result
    assert "the target refuses item" in result.err
    (file,) = (run.folder / "savepoints").glob("rejects_*.jsonl")
    assert str(file) in result.err
    assert len(file.read_text().splitlines()) >= 3


async def test_what_was_refused_before_a_failure_is_known_when_a_run_goes_on(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    bad = await refused(source, target, 6)
    write_config(run.folder, between(source, target, maxRejects=2))
    assert (await run(engine)).code == 1
    (file,) = (run.folder / "savepoints").glob("rejects_*.jsonl")
    write_config(run.folder, between(source, target, maxRejects=6))
    assert (await run(engine)).code == 3
    kept = [json.loads(line)["item"] for line in file.read_text().splitlines()]
    assert same_items(kept, bad)
    assert run.table["items"]["rejected"] == 6


async def test_what_was_settled_before_a_run_goes_on_is_no_reject(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    await refused(source, target, 1)
    write_config(run.folder, between(source, target, maxRejects=0))
    assert (await run(engine)).code == 1
    (file,) = (run.folder / "savepoints").glob("rejects_*.jsonl")
    file.write_text(file.read_text().replace('"city":{"N":', '"city":{"S":'))
    assert (await run.alone("--rejects", str(file))).code == 0
    assert file.read_text() == ""
    result = await run(engine)
    assert result.code == 0, result
    assert run.table["items"]["read"] == run.table["items"]["written"] == 601
    assert {"pk": {"S": "bad 0"}, "city": {"S": "0"}} in target.items(TABLE)


async def test_throttling_and_broken_connections_lose_nothing(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    target.faults.next("BatchWriteItem", "overload", times=6)
    target.faults.rate("BatchWriteItem", "partial_500", 0.1)
    source.faults.rate("Scan", "reset_before_write", 0.2)
    write_config(run.folder, between(source, target))
    result = await run(engine)
    assert result.code == 0, result
    assert same_items(target.items(TABLE), ITEMS)
    assert run.table["retries"] > 0
    assert run.table["throttled"] > 0


async def test_a_source_that_fails_for_good_is_told_in_its_own_words(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    source.faults.rate("Scan", "error_500", 1.0)
    write_config(run.folder, between(source, target, retryBudgetSeconds=1))
    result = await run(engine)
    assert result.code == 1, result
    assert "Error: gave up after" in result.err
    assert "InternalServerError" in result.err
    assert "Raise retryBudgetSeconds" in result.err
    source.faults.clear()
    assert (await run(engine, PATIENT)).code == 0
    assert same_items(target.items(TABLE), ITEMS)


async def test_a_cap_holds_for_the_whole_run(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    """600 units at 60 a second, of which one second's may come at once, and the last batch on
    credit: 8.6 seconds after the start. Two caps for two workers would make it four."""
    content = between(source, target)
    content["target"]["writeThroughput"] = 60
    write_config(run.folder, content)
    began = time.monotonic()
    async with running(run.folder, "run", "config.yaml", *run.options(engine)) as cli:
        result = await cli.wait(SECONDS)
    assert result.code == 0, result
    assert time.monotonic() - began > (len(ITEMS) - 60 - 25) / 60
    assert same_items(target.items(TABLE), ITEMS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_run_ends_in_time_and_goes_on_elsewhere(
    engine: str, run: Runs, source: StandIn, target: StandIn, number: signal.Signals
) -> None:
    slow_down(target, 0.3)
    content: Job = between(source, target)
    content["target"]["maxConnections"] = 2
    write_config(run.folder, content)
    async with running(run.folder, "run", "config.yaml", *run.options(engine)) as cli:
        await batches(target, 6)
        began = time.monotonic()
        cli.send_signal(number)
        result = await cli.wait(20)
    assert time.monotonic() - began < stretched(5)
    assert result.code == 128 + number, result
    assert "Traceback" not in result.err
    target.faults.clear()
    elsewhere = {"local": "processes", "processes": "local", "dask": "processes"}
    again = await run(elsewhere[engine])
    assert (again.code, "going on from" in again.err) == (0, True), again
    assert same_items(target.items(TABLE), ITEMS)
    items = run.table["items"]
    assert items["read"] == items["written"] == len(ITEMS)


async def test_attributes_are_renamed(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    renames = [{"from": "n", "to": "number"}]
    write_config(run.folder, between(source, target, renames=renames))
    assert (await run(engine)).code == 0
    wanted = [{"pk": item["pk"], "number": item["n"]} for item in ITEMS]
    assert same_items(target.items(TABLE), wanted)


async def test_a_finished_migration_is_known_to_all(
    engine: str, run: Runs, source: StandIn, target: StandIn
) -> None:
    write_config(run.folder, between(source, target))
    assert (await run(engine)).code == 0
    heard = Counter(target.requests)
    result = await run("local")
    assert (result.code, "done already" in result.err) == (0, True)
    assert set(target.requests - heard) <= READS


async def test_unsigned_and_signed_ends_alike(engine: str, run: Runs, source: StandIn) -> None:
    async with Guarded() as guarded:
        write_config(run.folder, between(source, guarded))
        result = await run(engine, "--validate")
        if engine == "dask":
            assert result.code == 2
            assert "would travel in the clear" in result.err
            assert guarded.requests["CreateTable"] == 0
        else:
            assert result.code == 0, result
            assert same_items(guarded.items(TABLE), ITEMS)
            assert run.table["validation"]["compared"] == len(ITEMS)
            assert all(guarded.by_node[node] for node in range(NODES))
