"""The servers, the bare client and the runner of the command line themselves."""

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.servers.cli import environment, running
from tests.servers.client import Item, RefusedError, call, create_table, exchange, fill, scan_all
from tests.servers.dynamodb_local import dynamodb_local
from tests.servers.forked import forked
from tests.servers.local_command import NotInstalledError
from tests.servers.process import bound, unavailable
from tests.support.cli import until
from tests.support.names import unique_name
from tests.support.shapes import same_items

FakeCommand = Callable[[str], dict[str, str]]


@pytest.fixture(params=["dynamodb_local", "moto_server"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.mark.xdist_group("together")
def test_groups_are_heeded(request: pytest.FixtureRequest) -> None:
    """Else each worker starts the servers of all groups, which a machine of two cores is too small
    for: a release of pytest did that without a word."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("these tests are not spread by `--dist loadgroup`, as `make test` does")
    assert request.node.nodeid.endswith("@together")


async def test_fills_and_scans_a_table(server: str, table_name: str) -> None:
    await create_table(server, table_name, {"pk": "S", "sk": "N"})
    items: list[Item] = [{"pk": {"S": f"p{n % 7}"}, "sk": {"N": str(n)}} for n in range(60)]
    await fill(server, table_name, items)
    assert same_items(await scan_all(server, table_name, Limit=25), items)


async def test_refusals_are_raised_with_their_code(server: str, table_name: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await call(server, "DescribeTable", {"TableName": table_name})
    assert (refused.value.status, refused.value.code) == (400, "ResourceNotFoundException")


async def test_answers_carry_their_checksum(server: str) -> None:
    answer = await exchange(server, "ListTables", b"{}")
    assert answer.status == 200
    assert answer.headers["x-amz-crc32"].isdigit()


async def test_moto_keeps_regions_apart(moto_server: str, table_name: str) -> None:
    await create_table(moto_server, table_name, region="eu-west-1")
    with pytest.raises(RefusedError, match="ResourceNotFoundException"):
        await call(moto_server, "DescribeTable", {"TableName": table_name})


async def test_the_second_dynamodb_local_has_its_own_tables(
    dynamodb_local: str, dynamodb_local_target: str, table_name: str
) -> None:
    await create_table(dynamodb_local, table_name)
    assert dynamodb_local != dynamodb_local_target
    with pytest.raises(RefusedError, match="ResourceNotFoundException"):
        await call(dynamodb_local_target, "DescribeTable", {"TableName": table_name})


def test_names_are_fit_for_tables_and_used_once() -> None:
    names = [unique_name("random[a table/7]" * 9) for _ in range(1000)]
    assert len(set(names)) == 1000
    assert all(re.fullmatch(r"random_a_table_7_[\w.-]{1,90}", name) for name in names)


def test_a_missing_jar_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNAMODB_LOCAL_HOME", str(tmp_path))
    with (
        pytest.raises(NotInstalledError, match="fetch it with: python tests/fetch"),
        dynamodb_local(),
    ):
        raise AssertionError("it started without a jar")


@pytest.mark.parametrize(("ci", "outcome"), [("", "Skipped"), ("true", "Failed")])
def test_what_is_missing_fails_in_ci_only(
    ci: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(BaseException, match="no java") as raised:
        unavailable("no java")
    assert type(raised.value).__name__ == outcome


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
def test_a_bound_process_dies_with_its_parent() -> None:
    child = bound([sys.executable, "-c", "print('up', flush=True); input()"])
    parent = f"import subprocess; subprocess.Popen({child!r}, stdin=subprocess.PIPE).wait()"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"up\n"
        finally:
            process.kill()
        assert process.stdout.read() == b"", "the pipe ends when both processes have"


async def test_the_command_runs_without_the_callers_settings(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, fake_command: FakeCommand
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    env = fake_command(
        "import os, sys\n"
        "print(sorted(n for n in os.environ if n == 'HOME' or n.startswith('AWS_ACCESS')))\n"
        "print(sys.argv[1:], os.environ['EXTRA'], os.listdir(), file=sys.stderr)\n"
        "sys.exit(3)"
    )
    code, out, err = await run_cli("plan", "x", env=env | {"EXTRA": "e"})
    assert (code, out, err) == (3, "[]\n", "['plan', 'x'] e []\n")


async def test_a_command_that_hangs_is_killed(tmp_path: Path, fake_command: FakeCommand) -> None:
    env = fake_command(
        "import sys, time; print('ready', file=sys.stderr, flush=True)\ntime.sleep(600)"
    )
    async with running(tmp_path, env=env) as cli:
        await cli.wait_for("ready", seconds=60)
        with pytest.raises(TimeoutError, match="ready"):
            await cli.wait(seconds=0.1)
    assert cli.ended


async def test_a_running_command_takes_signals(tmp_path: Path, fake_command: FakeCommand) -> None:
    env = fake_command(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print('ready', file=sys.stderr, flush=True)\n"
        "signal.pause()"
    )
    async with running(tmp_path, env=env) as cli:
        await cli.wait_for("ready", seconds=20)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(seconds=20)).code == 143


@pytest.mark.skipif(sys.platform != "linux", reason="commands are forked on Linux alone")
async def test_the_end_of_a_command_whose_test_was_given_up_harms_no_other(
    tmp_path: Path, run_cli: RunCli
) -> None:
    assert (await run_cli("--version")).code == 0  # the fork server dies with its starter's thread
    with tempfile.TemporaryFile() as out:
        start = forked(["--version"], tmp_path, environment(tmp_path, {}), out, out)
        given_up = await asyncio.to_thread(asyncio.run, start)
    await until(lambda: not Path(f"/proc/{given_up.pid}").exists())
    assert (await run_cli("--version")).code == 0


async def test_nobody_waits_for_a_command_that_ended(
    tmp_path: Path, fake_command: FakeCommand
) -> None:
    env = fake_command("import sys; print('something else', file=sys.stderr)")
    async with running(tmp_path, env=env) as cli:
        with pytest.raises(TimeoutError, match="something else"):
            await cli.wait_for("ready", seconds=20)


@pytest.fixture
def fake_command(tmp_path_factory: pytest.TempPathFactory) -> FakeCommand:
    """Put a script in the place of the command, and return the environment that finds it."""
    package = tmp_path_factory.mktemp("fake") / "alternator_migrate"

    def write(source: str) -> dict[str, str]:
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(source)
        return {"PYTHONPATH": str(package.parent)}

    return write
