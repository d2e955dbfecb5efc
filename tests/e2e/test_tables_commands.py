"""Many tables in one run: chosen by tags, compared and repaired, followed alone."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.following.conftest import until
from tests.servers.client import call, create_table, fill, scan_all
from tests.standin import StandIn
from tests.support.cli import one_error
from tests.support.many import Many, make, rows
from tests.support.names import unique_name
from tests.support.shapes import same_items

QUICK = {"recheckSeconds": [0.01, 0.02]}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
KEYS = {"accessKey": "local", "secretKey": "local"}


@pytest.fixture
async def target() -> AsyncIterator[StandIn]:
    async with StandIn(record=True) as server:
        yield server


@pytest.fixture
def on_moto(tmp_path: Path, moto_server: str, target: StandIn) -> Many:
    """From a moto, which has tags and whose streams show changes at once."""
    return Many(tmp_path, SimpleNamespace(url=moto_server), target)


def write(many: Many, section: dict[str, Any], **more: Any) -> None:
    side = {"source_type": "dynamodb", "source_region": "us-east-1", "source_credentials": KEYS}
    many.write(section, **side, **more)


async def test_tables_are_chosen_by_their_tags(on_moto: Many) -> None:
    prefix = unique_name("many")[:40]
    tags = {"a": {"env": "prod", "team": "x"}, "b": {"env": "test"}, "c": {}, "d": {"env": "prod"}}
    for name, own in tags.items():
        given = [{"Key": key, "Value": value} for key, value in own.items()]
        await create_table(on_moto.source.url, f"{prefix}-{name}", Tags=given)
        await fill(on_moto.source.url, f"{prefix}-{name}", rows(3, name))
    section = {"include": [f"{prefix}-*"], "exclude": ["*-d"], "includeTags": {"env": "prod"}}
    write(on_moto, section)
    plan = await on_moto.command("plan")
    assert plan.code == 0, plan
    others = f"{prefix}-b, {prefix}-c"
    for words in (f"without the tags of includeTags: {others}\n", f"by *-d: {prefix}-d\n"):
        assert words in plan.out, plan.out
    result = await on_moto.command("run")
    assert (result.code, on_moto.states) == (0, {f"{prefix}-a": "completed"}), result
    await on_moto.check([f"{prefix}-a"])
    write(on_moto, {**section, "includeTags": {"env": "none"}})
    none = await on_moto.command("plan", "--fresh")
    assert "no table is chosen, of " in one_error(none)


async def test_all_tables_are_compared_and_repaired_large_ones_on_workers(
    tmp_path: Path, target: StandIn
) -> None:
    counts = {"t-1": 60, "t-2": 40, "t-3": 5, "t-4": 0}
    async with StandIn() as source:
        many = Many(tmp_path, source, target)
        await make(source.url, counts)
        await make(target.url, {name: counts[name] for name in ("t-1", "t-2", "t-4")})
        await fill(target.url, "t-1", [{"pk": {"S": "t-17"}, "n": {"N": "7.5"}}])
        await call(target.url, "DeleteItem", {"TableName": "t-2", "Key": {"pk": {"S": "t-20"}}})
        await fill(target.url, "t-4", [{"pk": {"S": "extra"}}])
        many.write({"include": ["t-*"]}, validation=QUICK)

        workers = ("--engine", "processes", "--workers", "2", "--report", "report.html")
        found = await many.command("validate", "--only", "t-1", *workers)
        assert (found.code, many.states) == (3, {"t-1": "differences"}), found
        assert "processes, 2 workers" in (tmp_path / "report.html").read_text()
        lacking = await many.command("validate")
        there = dict.fromkeys(("t-1", "t-2", "t-4"), "differences")
        assert (lacking.code, many.states) == (1, {**there, "t-3": "failed"}), lacking
        assert "Run the migration first" in lacking.err
        assert lacking.err.endswith("--only NAME does one of them alone.\n")

        repair = ("--repair", "--delete-extra", "--yes", "--skip", "t-3")
        mended = await many.command("validate", *repair)
        assert mended.code == 0, mended
        repaired = {t["source"]: t["validation"]["repaired"] for t in many.summary["tables"]}
        assert repaired == dict.fromkeys(there, 1)
        await many.check([*there])


async def test_changes_alone_are_followed_in_all_tables(on_moto: Many) -> None:
    prefix = unique_name("many")[:40]
    good, bad = [f"{prefix}-{n}" for n in range(3)], f"{prefix}-none"
    for name in (*good, bad):
        await create_table(on_moto.source.url, name, StreamSpecification=STREAM)
        await fill(on_moto.source.url, name, rows(9, name))
    await make(on_moto.target.url, dict.fromkeys(good, 0))
    write(on_moto, {"include": [f"{prefix}-*"]}, cutover={"maxLagSeconds": 5, "forSeconds": 0.2})

    async def equal() -> bool:
        return all(
            [
                same_items(await scan_all(on_moto.target.url, name), await scan_all(url, name))
                for name in good
            ]
        )

    url = on_moto.source.url
    async with on_moto.running("follow", "--summary-json", "summary.json") as cli:
        await until(equal)
        for name in good:
            await fill(url, name, rows(2, "later"))
        await until(equal)
        cli.send_signal(signal.SIGTERM)
        stopped = await cli.wait(20)
    assert stopped.code == 1, stopped
    assert on_moto.states == {**dict.fromkeys(good, "stopped"), bad: "failed"}
    assert "`follow` makes none" in stopped.err or "copy the table first" in stopped.err

    await make(on_moto.target.url, {bad: 0})
    for name in good:
        await call(url, "DeleteItem", {"TableName": name, "Key": {"pk": {"S": f"{name}1"}}})
    done = await on_moto.command("follow", "--until-caught-up", "--summary-json", "summary.json")
    assert done.code == 0, done
    assert on_moto.states == dict.fromkeys((*good, bad), "completed")
    good.append(bad)
    assert await equal()
    read = {each["source"]: each["changes"]["read"] for each in on_moto.summary["tables"]}
    assert read == {**dict.fromkeys(good, 12), bad: 9}
