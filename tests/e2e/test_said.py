"""What stands still says why, at once: in the log, in the state, and in the counts."""

import json
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.e2e.stage import TABLE, Stage, staged
from tests.servers import faults
from tests.servers.cli import Cli
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.support.cli import until

TROUBLE = {
    "a server that answers 500": ("error_500", "InternalServerError"),
    "a throttle": ("overload", "RequestLimitExceeded|Throttl|overload"),
}


@pytest.mark.parametrize("fault", TROUBLE)
@pytest.mark.parametrize("engine", ["local", "processes"])
async def test_a_target_in_trouble_is_told_at_once_and_in_the_state(
    stage: Stage, fault: str, engine: str
) -> None:
    name, words = TROUBLE[fault]
    stage.target.faults.rate("BatchWriteItem", name, 1.0)
    workers = ("--workers", "2") if engine == "processes" else ()
    async with stage.run("--engine", engine, *workers) as cli:
        line = await told(cli, lambda line: "giving up in" in line)
        assert re.search(
            rf"target \w+ since .*: BatchWriteItem at {stage.target.url}: .*(?:{words})", line
        ), line
        assert re.search(r"giving up in (?:5m0s|4m5\ds)", line)
        state = await status(cli, lambda line: "(BatchWriteItem at" in line)
        assert re.search(
            r"State copying \(paced: .*target \w+ since [0-9:]{8} \(.*giving up in 4m", state
        )
        stage.hurry()
        result = await cli.wait(60)
    assert result.code == 0, result
    lines = [line for line in result.err.splitlines() if "giving up" in line]
    assert len([line for line in lines if "Segments" not in line]) <= 2 * 3
    stage.is_equal()


async def test_a_target_that_is_gone_is_told_and_so_is_its_return(stage: Stage) -> None:
    async with FaultProxy(stage.target.url) as proxy:
        stage.write(target__endpoint={"url": proxy.url})
        proxy.always("BatchWriteItem", faults.reset_before())
        async with stage.run() as cli:
            line = await told(cli, lambda line: "target not answering since" in line)
            assert proxy.url in line
            proxy.clear()
            assert (await cli.wait(60)).code == 0


async def told(cli: Cli, wanted: Callable[[str], bool]) -> str:
    """The first line on standard error that is wanted."""
    await until(lambda: any(map(wanted, cli.result.err.splitlines())))
    return next(filter(wanted, cli.result.err.splitlines()))


async def status(cli: Cli, wanted: Callable[[str], bool]) -> str:
    """A status line that is wanted, asked for again and again."""

    def asked() -> bool:
        with suppress(ProcessLookupError):
            os.kill(cli.pid, signal.SIGUSR1)  # asyncio's send_signal may take its exit code away
        return any("Segments" in line and wanted(line) for line in cli.result.err.splitlines())

    await until(asked)
    return next(x for x in cli.result.err.splitlines() if "Segments" in x and wanted(x))


async def test_a_run_that_is_stopped_says_stopping(stage: Stage) -> None:
    stage.slow_down(0.5)
    async with stage.run() as cli:
        await until(lambda: stage.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGTERM)
        await status(cli, lambda line: "State stopping" in line)
        result = await cli.wait(30)
    assert result.code == 143, result
    last = [line for line in result.err.splitlines() if "Segments" in line][-1]
    assert "State stopping" in last


async def test_retries_while_a_refused_batch_is_halved_count(stage: Stage) -> None:
    async with staged(stage.folder, stage.items[:9]) as few:
        few.target.settings.mutation_limit = 50_000
        few.items[4]["t"] = {"S": "y" * 60_000}
        await few.refill()
        few.write(source__scanSegments=1, maxRejects=1, retryBudgetSeconds=stretched(1))
        summary = few.folder / "summary.json"
        result = await few.ended("run", "config.yaml", "--summary-json", str(summary))
        assert result.code == 3, result
        (table,) = json.loads(summary.read_text())["tables"]
        requests = few.target.requests["BatchWriteItem"]
        assert len(few.target.items(TABLE)) == 8
    assert table["items"]["rejected"] == 1
    # all requests are first attempts of the batch and of its parts, or retries
    assert table["retries"] >= requests - 1 - 2 * 4


async def test_json_is_json_to_the_last_line_hooks_and_savepoint_included(stage: Stage) -> None:
    commands = {"onStart": "echo one; echo two >&2; printf 'no end'", "onStop": "echo bye; exit 3"}
    stage.write(hooks=commands)
    stage.read_slowly()
    async with stage.run("--log-format", "json") as cli:
        await stage.written(20)
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(30)
    assert result.code == 143, result
    told = [json.loads(line) for line in result.err.splitlines()]
    words = [each["message"] for each in told]
    for wanted in ("one", "two", "no end"):
        assert f"hook onStart: {wanted}" in words
    assert "hook onStop: bye" in words
    assert "warning: hook onStop ended with exit code 3" in words
    (version,) = [each for each in words if each.startswith("alternator-migrate ")]
    assert stage.source.url in version
    assert stage.target.url in version
    assert any(f"savepoints in {stage.savepoints}" in each for each in words)
    assert any(each.startswith("next: Run the same command again") for each in words)
    assert told[-1]["savepoint"].endswith(".yaml")
