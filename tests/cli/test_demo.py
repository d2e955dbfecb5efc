"""The demo: nothing to set up, and one clear message where its servers are not installed."""

import asyncio
import json
import os
import signal
from pathlib import Path

from tests.conftest import RunCli
from tests.servers.cli import REPOSITORY, running
from tests.servers.patience import stretched
from tests.support.cli import names_in, one_error


async def test_it_migrates_compares_and_says_what_is_next(run_cli: RunCli, tmp_path: Path) -> None:
    code, out, err = await run_cli("demo", "--items", "200", "--summary-json", "-", seconds=60)
    assert code == 0, err
    summary = json.loads(out)
    items = summary["tables"][0]["items"]
    assert items == {"read": 200, "written": 196, "skipped_expired": 4, "rejected": 0}
    assert "source and target are equal" in err
    told = [err.index(words) for words in ("status page: http://", "going on from", "are equal")]
    assert told == sorted(told), "watched, stopped, resumed, compared"
    last = err.splitlines()[-1]
    assert "next: " in last
    assert "alternator-migrate plan --table" in last
    assert "Traceback" not in err
    assert names_in(tmp_path) == set(), "it leaves nothing behind"


async def test_without_moto_it_says_what_to_install(run_cli: RunCli, tmp_path: Path) -> None:
    stub = tmp_path / "without-moto"
    stub.mkdir()
    (stub / "moto.py").write_text("raise ModuleNotFoundError(\"No module named 'moto'\")\n")
    told = one_error(await run_cli("demo", env={"PYTHONPATH": f"{stub}:{REPOSITORY}"}))
    assert "moto" in told
    assert "pipx inject alternator-migrate 'moto[server]'" in told


async def test_a_summary_that_could_not_be_written_is_refused_at_once(run_cli: RunCli) -> None:
    told = await run_cli("demo", "--summary-json", "no-such-folder/done.json")
    assert (told.code, "there is no folder no-such-folder" in told.err) == (2, True), told


async def test_a_demo_that_is_stopped_names_no_savepoint(tmp_path: Path) -> None:
    """It is gone with the demo's own folder."""
    async with running(tmp_path, "demo", "--summary-json", "done.json") as cli:
        await cli.wait_for("filled with", 60)
        async with asyncio.timeout(stretched(60)):
            while (
                "Segments" not in cli.result.err
            ):  # a status line is asked for until it is running
                os.kill(cli.pid, signal.SIGUSR1)
                await asyncio.sleep(0.05)
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
    assert result.code == 130, result
    assert "savepoint_" not in result.err
    assert json.loads((tmp_path / "done.json").read_text())["savepoint"] is None
