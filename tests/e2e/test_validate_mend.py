"""Repair of what a validation finds, what is kept and told of it, and `run --validate`."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.validate.mode import ValidateOptions
from tests.conftest import RunCli
from tests.e2e.validations import QUICK, Place, found_in, read, two_tables, validate
from tests.servers.client import Item, call, create_table, fill, scan_all
from tests.standin import StandIn
from tests.support.cli import until
from tests.support.jobs import Job, alternator, job, write_config
from tests.support.shapes import same_items
from tests.support.tables import index, numbered

MODES = {"digest": ValidateOptions("digest"), "lookup": ValidateOptions("lookup")}
SECRET = "nobody may see this"
CHANGED = {"pk": {"S": "item 5"}, "n": {"N": "-5"}, "note": {"S": SECRET}}
EXTRA = {"pk": {"S": "extra"}, "note": {"S": SECRET}}
Ends = tuple[Place, Place]


@pytest.fixture(params=["dynamodb_local", "standin", "guarded"])
async def ends(request: pytest.FixtureRequest, table_name: str) -> AsyncIterator[Ends]:
    """Two tables, with one difference of each kind."""
    pair = (request.param, "guarded" if request.param == "guarded" else "standin")
    async with two_tables(request, pair, table_name, numbered(30), scanSegments=3) as both:
        await both[1].put(CHANGED, EXTRA)
        await both[1].delete({"pk": {"S": "item 9"}})
        yield both


def between(ends: Ends, **more: Any) -> Job:
    rules = {"recheckSeconds": QUICK, **more.pop("validation", {})}
    return job(ends[0].side, ends[1].side, validation=rules, **more)


async def items(place: Place) -> list[Item]:
    return await scan_all(place.url, place.table, region=place.region)


@pytest.mark.parametrize("mode", MODES)
async def test_repair_writes_what_is_missing_or_different_and_deletes_nothing(
    ends: Ends, tmp_path: Path, mode: Any
) -> None:
    outcome = await validate(tmp_path, between(ends), ValidateOptions(mode, repair=True))
    assert outcome.validated == ValidationCounts(30, 1, 1, 1, repaired=2)
    repaired = {line["kind"]: line["repaired"] for line in outcome.findings}
    assert repaired == {"missing": True, "different": True, "extra": False}
    assert same_items(await items(ends[1]), [*numbered(30), EXTRA])
    assert (await validate(tmp_path, between(ends))).validated == ValidationCounts(30, extra=1)


@pytest.mark.parametrize("mode", MODES)
async def test_extra_items_are_deleted_only_on_demand(
    ends: Ends, tmp_path: Path, mode: Any
) -> None:
    outcome = await validate(tmp_path, between(ends), ValidateOptions(mode, delete_extra=True))
    assert outcome.validated == ValidationCounts(30, 1, 1, 1, repaired=1)
    assert EXTRA not in await items(ends[1])
    assert len(await items(ends[1])) == 29


@pytest.mark.parametrize("mode", MODES)
async def test_copy_missing_rows_of_the_migrator_writes_over_nothing(
    ends: Ends, tmp_path: Path, mode: Any
) -> None:
    content = between(ends, validation={"copyMissingRows": True, "hashColumns": ["a"]})
    outcome = await validate(tmp_path, content, ValidateOptions(mode))
    assert outcome.validated == ValidationCounts(30, 1, 1, 1, repaired=1)
    again = await validate(tmp_path, between(ends), ValidateOptions(mode))
    assert again.validated == ValidationCounts(30, 0, 1, 1), "what differs was left as it is"
    repaired = await validate(tmp_path, content, ValidateOptions(mode, repair=True))
    assert repaired.validated == ValidationCounts(30, 0, 1, 1, repaired=1)


async def test_the_source_is_read_again_just_before_a_repair(tmp_path: Path) -> None:
    async with StandIn(record=True) as server:
        for name in ("Source", "Target"):
            await create_table(server.url, name)
        await fill(server.url, "Source", numbered(3))
        await fill(server.url, "Target", [EXTRA])
        server.log.clear()
        content = job(alternator(server.url, "Source"), alternator(server.url, "Target"))
        options = ValidateOptions("lookup", repair=True, delete_extra=True)
        assert (await validate(tmp_path, content, options)).validated == ValidationCounts(
            3, 3, 0, 1, 4
        )
        log = [
            (name, *next(iter(body["RequestItems"].items())))
            for name, body in server.log
            if name in ("BatchGetItem", "BatchWriteItem")
        ]
    for key in ("item 0", "item 1", "item 2", "extra"):
        asked = [(name, table) for name, table, request in log if f"'{key}'" in str(request)]
        (write,) = (at for at, (name, _) in enumerate(asked) if name == "BatchWriteItem")
        before, after = asked[:write], asked[write + 1 :]
        looks = len(QUICK) + 1 + (key == "extra")
        assert before.count(("BatchGetItem", "Source")) == looks, "the last one just before it"
        assert set(after) == {("BatchGetItem", "Source"), ("BatchGetItem", "Target")}


@pytest.mark.parametrize("was", ["missing", "different"])
async def test_an_item_that_has_left_the_filter_is_not_put_back(tmp_path: Path, was: str) -> None:
    """It matched when it was scanned; by now the follower has deleted it on the target, or will."""
    key: Item = {"pk": {"S": "a"}}
    before: Item = {**key, "state": {"S": "open"}, "v": {"N": "2"}}
    older: Item = {**key, "state": {"S": "open"}, "v": {"N": "1"}}
    async with StandIn() as source, StandIn() as target:
        sides = [alternator(each.url, "Example") for each in (source, target)]
        for each in (source, target):
            await create_table(each.url, "Example")
        await fill(source.url, "Example", [before])
        await fill(target.url, "Example", [older] * (was == "different"))
        sides[0]["filter"] = {"expression": "#s = :open", "names": {"#s": "state"}}
        sides[0]["filter"]["values"] = {":open": "open"}
        content = job(*sides, validation={"recheckSeconds": [2.0]})
        options = ValidateOptions("lookup", repair=True, delete_extra=True)
        validating = asyncio.create_task(validate(tmp_path, content, options))
        await until(lambda: target.requests["BatchGetItem"] > 0)
        await fill(source.url, "Example", [{**before, "state": {"S": "closed"}}])
        assert (await validating).validated == ValidationCounts(1)
        assert target.items("Example") == [older] * (was == "different")


async def test_an_item_that_the_target_refuses_stays_a_difference(
    tmp_path: Path, run_cli: RunCli
) -> None:
    wrong = {"pk": {"S": "wrong"}, "city": {"S": ""}}
    async with StandIn() as source, StandIn() as target:
        await create_table(source.url, "Example")
        await fill(source.url, "Example", [wrong, *numbered(2)])
        attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "city")]
        by_city = [index("by-city", "city")]
        more: dict[str, Any] = {
            "AttributeDefinitions": attributes,
            "GlobalSecondaryIndexes": by_city,
        }
        await create_table(target.url, "Example", None, **more)
        content = job(alternator(source.url, "Example"), alternator(target.url, "Example"))
        rules = {"recheckSeconds": QUICK}
        write_config(tmp_path, {**content, "validation": rules})
        code, _, err = await run_cli("validate", "config.yaml", "--repair")
    assert code == 3, err
    assert "compared 3; missing 3, different 0, extra 0; repaired 2" in err
    (found,) = found_in(tmp_path)
    (left,) = [line for line in read(found) if not line["repaired"]]
    assert left["key"] == {"pk": {"S": "wrong"}}
    assert "ValidationException" in left["refused"]
    assert left["refused"] in err


async def test_a_command_finds_and_mends_and_finds_nothing_more(
    ends: Ends, tmp_path: Path, run_cli: RunCli
) -> None:
    write_config(tmp_path, between(ends))
    code, out, err = await run_cli("validate", "config.yaml", "--summary-json", "-")
    assert code == 3, err
    summary = json.loads(out)
    assert summary["status"] == "differences"
    counts = {"compared": 30, "missing": 1, "different": 1, "extra": 1, "repaired": 0}
    assert summary["tables"][0]["validation"] == counts
    assert summary["savepoint"]
    code, _, err = await run_cli("validate", "config.yaml", "--delete-extra")
    assert (code, "--yes" in err) == (2, True), "nobody can be asked"
    code, out, err = await run_cli(
        *("validate", "config.yaml", "--repair", "--delete-extra", "--yes"),
        *("--summary-json", "-"),
    )
    assert code == 0, err
    assert json.loads(out)["status"] == "completed"
    assert json.loads(out)["tables"][0]["validation"]["repaired"] == 3
    assert (await run_cli("validate", "config.yaml", "--mode", "digest")).code == 0
    assert same_items(await items(ends[0]), await items(ends[1]))


@pytest.mark.parametrize("ends", ["standin"], indirect=True)
async def test_findings_are_private(ends: Ends, tmp_path: Path, run_cli: RunCli) -> None:
    content = between(ends, validation={"failuresToFetch": 2})
    write_config(tmp_path, content)
    code, out, err = await run_cli("validate", "config.yaml")
    assert code == 3
    (path,) = found_in(tmp_path)
    assert SECRET not in out + err + path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert err.count('{"pk":{"S":"') == 2
    assert "... and 1 more" in err
    assert str(path) in err
    path.unlink()
    assert (await run_cli("validate", "config.yaml", "--show-values")).code == 3
    (path,) = found_in(tmp_path)
    by_kind = {line["kind"]: line for line in read(path)}
    assert by_kind["different"]["target"] == CHANGED
    assert by_kind["different"]["source"] == numbered(30)[5]
    assert by_kind["missing"]["source"] == numbered(30)[9]
    assert by_kind["extra"]["target"] == EXTRA
    assert "target" not in by_kind["missing"]
    assert "source" not in by_kind["extra"]


@pytest.mark.parametrize("ends", ["standin"], indirect=True)
async def test_a_sample_says_how_sure_it_is(ends: Ends, tmp_path: Path) -> None:
    outcome = await validate(tmp_path, between(ends), ValidateOptions(sample=1.0))
    assert outcome.validated == ValidationCounts(30, 1, 1, 1)
    assert (
        "2 of 30 sampled items of the source are missing on the target or different: with 95% "
        "confidence at most 19.533% of all are"
    ) in outcome.remarks
    part = await validate(tmp_path, between(ends), ValidateOptions(sample=0.2))
    assert 0 < part.validated.compared < 30


@pytest.mark.parametrize("ends", ["standin"], indirect=True)
async def test_a_run_may_end_with_a_validation(ends: Ends, tmp_path: Path, run_cli: RunCli) -> None:
    write_config(tmp_path, between(ends))
    words = ("run", "config.yaml", "--into-existing", "--validate", "--summary-json", "-")
    code, out, err = await run_cli(*words)
    assert code == 3, err
    summary = json.loads(out)
    (table,) = summary["tables"]
    assert summary["status"] == "differences"
    assert table["items"] == {"read": 30, "written": 30, "skipped_expired": 0, "rejected": 0}
    assert table["validation"]["extra"] == 1
    assert "Migration differences: read 30 = written 30" in err
    await ends[1].delete({"pk": {"S": "extra"}})
    code, out, err = await run_cli(*words)
    assert (code, "done already" in err) == (0, True), err
    (table,) = json.loads(out)["tables"]
    assert (table["items"]["written"], table["validation"]["compared"]) == (30, 30)
    told = (await run_cli("status", "config.yaml")).out
    assert "validation completed" in told
    assert "30 compared; 0 missing, 0 different, 0 extra; 0 repaired" in told
    assert "30 read = 30 written" in told


@pytest.mark.parametrize("ends", ["standin"], indirect=True)
async def test_a_validation_only_reads(ends: Ends, tmp_path: Path, run_cli: RunCli) -> None:
    before = await items(ends[1])
    described = await call(ends[1].url, "DescribeTable", {"TableName": ends[1].table})
    write_config(tmp_path, between(ends))
    for mode in MODES:
        assert (await run_cli("validate", "config.yaml", "--mode", mode)).code == 3
    assert same_items(await items(ends[1]), before)
    assert await call(ends[1].url, "DescribeTable", {"TableName": ends[1].table}) == described
