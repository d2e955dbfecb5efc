"""What is shown without a terminal, what goes to standard output, and what `plan` leaves alone."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.bench.http1 import Connection
from tests.bench.source import Source
from tests.cli.terminal import on_terminal
from tests.conftest import RunCli
from tests.servers.client import create_table, fill
from tests.standin import StandIn
from tests.support.cli import (
    ONE_AT_A_TIME,
    TABLE,
    Ends,
    counted_source,
    flags,
    names_in,
    only_read,
    rows,
    signed,
    text_of,
)

NUMBER = r"\d{1,3}(?:,\d{3})*"
TIME = r"(?:\d\.\ds|\d\ds|\d+m\d+s|\d+h\d+m|\d+d\d+h)"
STATUS = re.compile(
    rf"Copy (?P<percent>\d{{1,3}}\.\d)% (?P<done>{NUMBER})/(?P<expected>{NUMBER}); "
    rf"{NUMBER} items/s (?:\d+ B|\d+\.\d [kMGTP]?B)/s; "
    r"Segments (?P<segments>\d+/\d+); Backlog \d+; Retries \d+; "
    rf"State (?P<state>[a-z][a-zA-Z ]*(?: \(paced: [^()]+\))?); ETA (?:{TIME}|-)"
)
ITEMS = {"read": 40, "written": 40, "skipped_expired": 0, "rejected": 0}


def statuses(err: str) -> list[re.Match[str]]:
    """The status lines, each whole and to the letter."""
    lines = [line for line in err.splitlines() if "Segments " in line and "; ETA" in line]
    found = [STATUS.search(line) for line in lines]
    assert all(match and match.end() == len(match.string) for match in found), err
    return [match for match in found if match]


async def test_a_status_line_comes_every_ten_seconds_and_at_the_end(run_cli: RunCli) -> None:
    async with counted_source(1200) as source, StandIn() as target:
        target.faults.rate("BatchWriteItem", "slow", 1.0, seconds=0.9)
        one = ("--set=target.maxConnections=1", "--set=source.scanSegments=1")
        text, structured = await asyncio.gather(
            run_cli("run", *flags(source, target.url, *one), env=signed()),
            run_cli(
                *("run", *flags(source, target.url, *one, "--target-table", "Other")),
                *("--log-format", "json"),
                env=signed(),
            ),
        )
    assert (text.code, text.out) == (0, "")
    midway, *_, last = statuses(text.err)
    assert midway["expected"] == last["expected"] == last["done"] == "1,200"
    assert 0 < int(midway["done"].replace(",", "")) < 1200
    assert midway["state"] == "copying"
    assert (last["percent"], last["segments"], last["state"]) == ("100.0", "1/1", "done")

    assert (structured.code, structured.out) == (0, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in structured.err.splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    shown = [line for line in lines if "progress" in line]
    assert len(shown) >= 2
    assert all(STATUS.fullmatch(line["message"]) for line in shown)
    assert shown[-1]["progress"]["items"] == {
        **{"read": 1200, "written": 1200},
        **{"skipped_expired": 0, "rejected": 0},
    }


async def test_a_throttling_target_is_told_in_the_status_line(run_cli: RunCli) -> None:
    async with counted_source(900) as source, StandIn() as target:
        target.faults.rate("BatchWriteItem", "overload", 0.5)
        code, _, err = await run_cli("run", *flags(source, target.url), env=signed())
    assert code == 0, err
    assert re.search(r"Retries [1-9]", statuses(err)[-1][0])


async def test_a_failure_in_json_is_json_throughout(run_cli: RunCli, ends: Ends) -> None:
    json_log = ("--log-format", "json")
    result = await run_cli("run", *ends.flags(*json_log, table="Nowhere"), env=signed())
    assert result.code == 2
    lines = [json.loads(line) for line in result.err.splitlines()]
    assert lines[-1]["level"] == "error"
    assert "Nowhere does not exist" in lines[-1]["message"]


async def test_the_summary_alone_is_on_standard_output(run_cli: RunCli, ends: Ends) -> None:
    code, out, err = await run_cli("run", *ends.flags("--summary-json", "-"), env=signed())
    assert code == 0
    summary = json.loads(out)
    assert out.count("\n") == 1
    assert summary["status"] == "completed"
    (table,) = summary["tables"]
    assert table["items"] == ITEMS
    assert (table["changes"], table["validation"]) == (None, None)
    assert "Migration completed" in err


async def test_quiet_means_quiet_and_the_summary_is_a_file_when_it_is_named(
    run_cli: RunCli, ends: Ends, tmp_path: Path
) -> None:
    quiet = ("--progress", "none", "--summary-json", "a.json")
    assert await run_cli("run", *ends.flags(*quiet), env=signed()) == (0, "", "")
    assert names_in(tmp_path) >= {"a.json"}
    summary = json.loads(text_of(tmp_path / "a.json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", summary["started"])
    assert summary["error"] is None
    assert summary["rejects"] is None
    assert 0 < summary["seconds"] < 60
    assert len(ends.target.items(TABLE)) == 40


async def test_a_copy_that_is_done_already_has_no_speed(
    run_cli: RunCli, ends: Ends, tmp_path: Path
) -> None:
    assert (await run_cli("run", *ends.flags(), env=signed())).code == 0
    async with on_terminal(tmp_path, "run", *ends.flags(), env=signed()) as terminal:
        assert await terminal.wait(30) == 0
    assert re.search(r"items read\W+40\W", terminal.text)
    assert re.search(r"items per second\W+0\W", terminal.text)


async def test_json_lines_stand_whole_above_the_bar(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(0.3)
    options = ends.flags(*ONE_AT_A_TIME, "--log-format", "json")
    async with on_terminal(tmp_path, "run", *options, env=signed()) as terminal:
        await terminal.wait_for(r"[1-9]\d* items ")
        terminal.press(b"\x03")
        assert await terminal.wait(20) == 130
    (line,) = (line for line in terminal.text.splitlines() if "again leaves at once" in line)
    assert json.loads(line[line.index("{") :])["level"] == "info"


async def test_a_plan_guesses_nothing_it_does_not_know(run_cli: RunCli, ends: Ends) -> None:
    """Alternator counts no items."""
    out = (await run_cli("plan", *ends.flags(), env=signed())).out
    assert "how many there are is not known" in out
    assert re.search(r"^  read units +not known$", out, re.MULTILINE)
    assert re.search(r"^  write requests +not known of up to 100 items$", out, re.MULTILINE)


async def test_a_plan_of_large_items_counts_batches_by_their_size(run_cli: RunCli) -> None:
    app = Source(60, 300_000)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(app), "127.0.0.1", 0)
    async with server, StandIn() as target:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        out = (await run_cli("plan", *flags(url, target.url), env=signed())).out
    assert re.search(r"^  write requests +about 17 of up to 100 items$", out, re.MULTILINE)


async def test_a_failed_run_has_a_summary_too(run_cli: RunCli, ends: Ends) -> None:
    missing = ends.flags("--summary-json", "-", table="Nowhere")
    code, out, err = await run_cli("run", *missing, env=signed())
    assert code == 2
    summary = json.loads(out)
    assert (summary["status"], summary["tables"]) == ("failed", [])
    assert "Nowhere does not exist" in summary["error"]
    assert err.count("Error:") == 1


@pytest.mark.parametrize("exists", [False, True])
async def test_plan_prints_and_writes_nothing(
    run_cli: RunCli, ends: Ends, tmp_path: Path, exists: bool
) -> None:
    if exists:
        await create_table(ends.target.url, TABLE)
        await fill(ends.target.url, TABLE, rows(3))
        ends.target.log.clear()
    code, out, err = await run_cli("plan", *ends.flags(*ONE_AT_A_TIME), env=signed())
    assert (code, "Error" in err) == ((2, True) if exists else (0, False))
    assert out.endswith("Nothing was written.\n")
    for shown in (TABLE, ends.source.url, ends.target.url, "pk (S) HASH", "PAY_PER_REQUEST"):
        assert shown in out
    assert ("--into-existing" in err) is exists
    assert ends.source.log
    assert ends.target.log
    assert only_read(ends.source)
    assert only_read(ends.target)
    assert len(ends.source.items(TABLE)) == 40
    assert {name: len(t.rows) for name, t in ends.target.store.tables.items()} == (
        {TABLE: 3} if exists else {}
    )
    assert names_in(tmp_path) == set()
