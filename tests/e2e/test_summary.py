"""The summary, the exit code, and what is printed where."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import RunCli
from tests.servers.client import Item, create_table, fill
from tests.servers.guarded import EITHER
from tests.standin import StandIn
from tests.support.jobs import Command, alternator, dynamodb, job, standin_side, write_config
from tests.support.shapes import same_items
from tests.support.tables import enable_ttl

ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}} for n in range(250)]
EXPIRED: Item = {
    "pk": {"S": "expired"},
    "until": {"N": str(int(datetime.now(UTC).timestamp()) - 9)},
}


@pytest.fixture
async def source(standin: StandIn, table_name: str) -> str:
    """URL of an Alternator with `ITEMS` and an expired one."""
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, [*ITEMS, EXPIRED])
    await enable_ttl(standin.url, table_name, "until")
    return standin.url


def check_types(table: dict[str, Any]) -> None:
    """Check a table's part of the summary."""
    texts, numbers = ("source", "target"), ("bytes_read", "batches", "retries", "throttled")
    others = {"segments", "items", "changes", "validation"}
    assert table.keys() - {"limit"} == {*texts, *numbers, *others}
    assert isinstance(table.get("limit", ""), str)
    assert all(isinstance(table[name], str) for name in texts)
    assert all(type(table[name]) is int for name in numbers)
    assert table["segments"].keys() == {"total", "done"}
    assert table["items"].keys() == {"read", "written", "skipped_expired", "rejected"}
    assert all(
        type(each) is int for each in (*table["segments"].values(), *table["items"].values())
    )
    assert table["changes"] is None
    assert table["validation"] is None


async def test_a_completed_run(source: str, table_name: str, command: Command) -> None:
    async with StandIn() as target:
        here = alternator(source, table_name, scanSegments=3)
        there = alternator(target.url, "another-name")
        report = await command(job(here, there))
        assert same_items(target.items("another-name"), ITEMS)
    assert (report.code, report.out) == (0, "")
    summary = report.summary
    assert summary.keys() == {
        *("version", "status", "error", "started", "seconds", "tables", "savepoint", "rejects"),
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", summary["version"])
    assert (summary["status"], summary["error"], summary["rejects"]) == ("completed", None, None)
    assert summary["savepoint"] is None or isinstance(summary["savepoint"], str)
    began = datetime.strptime(summary["started"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - began).total_seconds()) < 90
    assert 0 < summary["seconds"] < 60
    check_types(report.table)
    assert (report.table["source"], report.table["target"]) == (table_name, "another-name")
    assert report.table["segments"] == {"total": 3, "done": 3}
    assert report.table["items"] == {
        **{"read": 251, "written": 250},
        **{"skipped_expired": 1, "rejected": 0},
    }
    assert report.table["batches"] >= 3
    assert report.table["bytes_read"] > 250 * len('{"pk":{"S":"item 1"}}')
    assert "read 251 = written 250 + skipped 1 + rejected 0" in report.err


async def test_a_summary_on_standard_output(
    source: str, table_name: str, run_cli: RunCli, tmp_path: Path
) -> None:
    async with StandIn() as target:
        content = job(alternator(source, table_name), alternator(target.url, table_name))
        config = write_config(tmp_path, content)
        code, out, err = await run_cli("run", str(config), "--summary-json", "-")
    assert code == 0, err
    (table,) = json.loads(out)["tables"]
    check_types(table)
    assert table["items"]["written"] == 250


async def test_flags_instead_of_a_file(
    dynamodb_local: str, standin: StandIn, table_name: str, run_cli: RunCli
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    flags = ("--table", table_name, "--source-endpoint", dynamodb_local)
    more = ("--target-endpoint", standin.url, "--set", "source.scanSegments=2")
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    code, out, err = await run_cli("run", *flags, *more, env=keys)
    assert (code, out) == (0, ""), err
    assert "2/2" in err
    assert same_items(standin.items(table_name), ITEMS)


async def test_a_failed_run(standin: StandIn, table_name: str, command: Command) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, ITEMS)
    async with StandIn() as target:
        target.faults.rate("BatchWriteItem", "error_500", 1.0)
        source = alternator(standin.url, table_name, scanSegments=1)
        content = job(source, alternator(target.url, table_name))
        report = await command(content | {"retryBudgetSeconds": 1})
    assert report.code == 1
    assert report.summary["status"] == "failed"
    assert "unavailable_exception" in report.summary["error"]
    check_types(report.table)
    assert report.table["segments"]["done"] == 0
    assert report.table["retries"] > 0


async def test_a_run_that_never_began(standin: StandIn, table_name: str, command: Command) -> None:
    content = job(alternator(standin.url, "absent-table"), alternator(standin.url, table_name))
    report = await command(content)
    assert report.code == 2
    assert report.summary["status"] == "failed"
    assert report.summary["tables"] == []
    assert "absent-table does not exist" in report.summary["error"]


async def test_a_wrong_configuration(tmp_path: Path, run_cli: RunCli) -> None:
    wrong = {
        "source": {"type": "dynamodb", "tabel": "t", "scanSegments": 0},
        "target": {"type": "alternator", "table": "t"},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(wrong))  # a few bytes
    code, out, err = await run_cli("run", str(path))
    assert (code, out) == (2, "")
    for part in ("source.tabel", "did you mean table", "source.scanSegments", "config.yaml, line"):
        assert part in err
    assert "Traceback" not in err


@EITHER
async def test_a_plan_writes_nothing_anywhere(
    dynamodb_local: str, standin: StandIn, table_name: str, run_cli: RunCli, tmp_path: Path
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    content = job(dynamodb(dynamodb_local, table_name), standin_side(standin, table_name))
    config = write_config(tmp_path, content)
    code, out, _ = await run_cli("plan", str(config))
    assert code == 0
    assert "Nothing was written" in out
    assert f"{len(ITEMS)} items" in out
    assert not {name for name, _ in standin.log} & {"CreateTable", "BatchWriteItem", "TagResource"}
    assert not list(tmp_path.glob("savepoints*"))  # noqa: ASYNC240 # a few names
