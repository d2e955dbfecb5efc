"""A validation before a person: the display, the question before deleting, how it fails."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.terminal import on_terminal
from tests.conftest import RunCli
from tests.servers.client import call, create_table, fill
from tests.servers.patience import PATIENT
from tests.support.cli import TABLE, Ends, only_read, rows, signed, two_ends

QUICK = "--set=validation.recheckSeconds=[0.01]"


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """Two tables; the target has one item more."""
    async with two_ends(300) as both:
        await create_table(both.target.url, TABLE)
        await fill(both.target.url, TABLE, [*rows(300), {"pk": {"S": "extra"}}])
        both.target.log.clear()
        yield both


async def test_the_bar_and_then_the_closing_table(ends: Ends, tmp_path: Path) -> None:
    ends.target.faults.rate("BatchGetItem", "slow", 1.0, seconds=0.7)
    options = ends.flags(QUICK, "--mode=lookup", "--set=source.scanSegments=3")
    async with on_terminal(tmp_path, "validate", *options, env=signed()) as terminal:
        await terminal.wait_for(rf"{TABLE} -> {TABLE} .*\d\.\d%")
        await terminal.wait_for(r"[1-9]\d* items +\d+/s")
        await terminal.wait_for(r"segments \d/6")
        await terminal.wait_for(r"differences \d")
        assert await terminal.wait(30) == 3
    closing = terminal.text.rpartition("Validation differences")[2]
    for what, count in (("items compared", 300), ("missing", 0), ("extra", 1), ("repaired", 0)):
        assert re.search(rf"{what}\W+{count}\W", closing), closing
    assert re.search(r'extra +{"pk":{"S":"extra"}}', terminal.text)
    assert "Traceback" not in terminal.text
    assert only_read(ends.target)
    assert only_read(ends.source)


@pytest.mark.parametrize(
    ("answer", "code", "left", "repaired"),
    [(b"n\n", 3, 301, 0), (b"\x03", 3, 301, 0), (b"y\n", 0, 300, 1)],
    ids=["no", "Ctrl-C", "yes"],
)
async def test_deleting_is_asked_for_after_the_comparison(
    ends: Ends, tmp_path: Path, answer: bytes, code: int, left: int, repaired: int
) -> None:
    options = ends.flags(QUICK, "--delete-extra")
    async with on_terminal(tmp_path, "validate", *options, env=signed()) as terminal:
        await terminal.wait_for(r"Delete what is extra \(1\) from the target\? \[y/N\]")
        assert f"extra on the target table {TABLE}, not on the source: 1" in terminal.text
        assert '{"pk":{"S":"extra"}}' in terminal.text
        assert only_read(ends.target)
        terminal.press(answer)
        assert await terminal.wait(30) == code, terminal.text
    assert len(ends.target.items(TABLE)) == left
    assert "Traceback" not in terminal.text
    assert re.search(rf"repaired\W+{repaired}\W", terminal.text)
    (findings,) = (tmp_path / "savepoints").glob("*findings_*")
    assert [json.loads(line)["repaired"] for line in findings.read_text().splitlines()] == [
        bool(repaired)
    ]


async def test_nobody_is_asked_where_nothing_is_extra(ends: Ends, tmp_path: Path) -> None:
    extra = {"TableName": TABLE, "Key": {"pk": {"S": "extra"}}}
    await call(ends.target.url, "DeleteItem", extra)
    options = ends.flags(QUICK, "--delete-extra")
    async with on_terminal(tmp_path, "validate", *options, env=signed()) as terminal:
        assert await terminal.wait(30) == 0
    assert "Delete what" not in terminal.text


async def test_what_cannot_be_told_is_exit_1(ends: Ends, tmp_path: Path, run_cli: RunCli) -> None:
    options = ends.flags(QUICK, "--set=retryBudgetSeconds=1", "--summary-json", "done.json")
    ends.target.faults.rate("Scan", "error_500", 1.0)
    code, _, err = await run_cli("validate", *options, env=signed())
    assert (code, "gave up after" in err, "Traceback" in err) == (1, True, False)
    summary = json.loads((tmp_path / "done.json").read_text())
    assert (summary["status"], bool(summary["error"])) == ("failed", True)
    assert "alternator-migrate" not in summary["error"]
    told = await run_cli("status", *ends.flags())
    assert "validation failed; `validate` goes on from here" in told.out
    ends.target.faults.clear()
    code, _, err = await run_cli("validate", *options, PATIENT, env=signed())
    assert (code, "going on from" in err) == (3, True), err


async def test_plan_says_how_it_would_compare(ends: Ends, run_cli: RunCli) -> None:
    code, out, err = await run_cli("plan", *ends.flags("--into-existing"), env=signed())
    assert code == 0, err
    assert re.search(r"^validation\n  compares by +digests, then look-ups", out, re.MULTILINE)
    assert "\n  read units      not known on the source, not known on the target\n" in out
    tolerance = "--set=validation.floatingPointTolerance=0.1"
    tolerant = await run_cli("plan", *ends.flags(tolerance, "--into-existing"), env=signed())
    assert "look-ups by key (digests know no tolerance)" in tolerant.out
