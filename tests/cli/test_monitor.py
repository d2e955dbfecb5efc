"""A run that is looked at from outside: its page while it runs, and what it leaves behind."""

import asyncio
import json
import re
import signal
from pathlib import Path
from urllib.request import urlopen

from tests.conftest import RunCli
from tests.servers.cli import Cli, running
from tests.support.cli import ONE_AT_A_TIME, Ends, signed

SHOWN = ("--status", "0", "--metrics-file", "m.prom", "--report", "r.html")


def fetched(url: str) -> str:
    """The body of a page."""
    with urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def histories(folder: Path) -> list[Path]:
    """The files of histories beside the savepoints."""
    return [*folder.glob("savepoints/history_*.json")]


async def page_of(cli: Cli) -> str:
    """The URL of the page of a command that runs."""
    await cli.wait_for("status page: ", 20)
    found = re.search(r"status page: (http\S+)", cli.result.err)
    assert found
    return found[1]


async def test_a_run_is_seen_and_leaves_metrics_a_report_and_a_history(
    tmp_path: Path, ends: Ends, run_cli: RunCli
) -> None:
    ends.slow_down_target(0.4)
    args = ("run", *ends.flags(*ONE_AT_A_TIME, *SHOWN))
    async with running(tmp_path, *args, env=signed()) as cli:
        url = await page_of(cli)
        status = json.loads(await asyncio.to_thread(fetched, f"{url}api/v1/status"))
        assert (status["status"], status["canSwitch"]) == ("running", False)
        page = await asyncio.to_thread(fetched, url)
        assert "<!DOCTYPE html>" in page
        assert "wonder" not in page
        cli.send_signal(signal.SIGINT)
        stopped = await cli.wait(30)
    assert stopped.code == 130, stopped.err
    assert "was stopped" in (tmp_path / "r.html").read_text()

    ended = await run_cli(*args, env=signed())
    assert ended.code == 0, ended.err
    report = (tmp_path / "r.html").read_text()
    assert "<h1>Migration of Example → Example completed</h1>" in report
    assert re.search(r">40</td>.*>yes</td>.*>completed</td>", report, re.DOTALL)
    assert "wonder" not in report
    metrics = (tmp_path / "m.prom").read_text()
    assert 'items_written_total{table="Example"} 40.0' in metrics
    assert 'run_state{state="completed"} 1.0' in metrics
    assert "alternator_migrate_last_success_timestamp_seconds 1" in metrics
    assert len(histories(tmp_path)) == 1

    told = await run_cli("status", *ends.flags("--json", "--report", "s.html"), env=signed())
    assert told.code == 0, told.err
    stood = json.loads(told.out)
    assert stood["status"] == "completed"
    assert stood["tables"][0]["items"]["written"] == 40
    assert 'id="plot-items"' in (tmp_path / "s.html").read_text()


async def test_a_validation_leaves_a_report_with_its_verdict(
    tmp_path: Path, ends: Ends, run_cli: RunCli
) -> None:
    ran = await run_cli("run", *ends.flags(), env=signed())
    assert ran.code == 0, ran.err
    done = await run_cli("validate", *ends.flags("--report", "v.html"), env=signed())
    assert done.code == 0, done.err
    report = (tmp_path / "v.html").read_text()
    assert "<h1>Validation of Example → Example completed</h1>" in report
    assert "compared by" in report
    assert ">equal</td>" in report


async def test_what_cannot_be_shown_is_a_mistake_before_anything_is_done(
    ends: Ends, run_cli: RunCli
) -> None:
    for option, value, words in (
        ("--status", "host", "must be [HOST:]PORT"),
        ("--status", "192.0.2.1:80", "cannot listen at 192.0.2.1:80"),
        ("--metrics-file", "m.txt", "does not end in .prom"),
        ("--report", "no/r.html", "there is no folder no"),
        ("--set", "status.listen=99999", "status.listen"),
    ):
        result = await run_cli("run", *ends.flags(option, value), env=signed())
        assert result.code == 2, result.err
        assert words in result.err
        assert "Traceback" not in result.err
    assert not ends.target.store.tables
