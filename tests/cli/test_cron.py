"""Nobody there: no terminal, no home, no language, no reader, no folder to write in."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.servers.cli import REPOSITORY, Result, environment
from tests.servers.client import fill
from tests.servers.patience import stretched
from tests.servers.process import bound
from tests.support.cli import (
    KEYS,
    ONE_AT_A_TIME,
    TABLE,
    Ends,
    one_error,
    read_only_folder,
    signed,
    until,
)

KEY_SETS = [
    f"--set={side}.credentials.{name}={value}"
    for side in ("source", "target")
    for name, value in zip(("accessKey", "secretKey"), KEYS.values(), strict=True)
]
WITHOUT_ENVIRONMENT = (
    f"import sys; sys.path.insert(0, {str(REPOSITORY)!r});"
    "sys.argv[0] = 'alternator-migrate';"
    "from alternator_migrate.cli.main import main; main()"
)


async def test_with_nothing_but_a_path(ends: Ends, tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    out, err = tmp_path / "out", tmp_path / "err"
    savepoints = f"--set=savepoints.path={tmp_path / 'savepoints'}"
    options = ends.flags(*KEY_SETS, savepoints, "--summary-json", "-")
    command = shlex.join([sys.executable, "-B", "-c", WITHOUT_ENVIRONMENT, "run", *options])
    redirected = f"exec {command} <&- >{shlex.quote(str(out))} 2>{shlex.quote(str(err))}"
    process = await asyncio.create_subprocess_exec(
        *bound(["/bin/sh", "-c", redirected]),
        cwd=read_only_folder(folder),
        env={"PATH": os.defpath},
        start_new_session=True,
    )
    try:
        code = await asyncio.wait_for(process.wait(), stretched(60))
    finally:
        if process.returncode is None:
            process.kill()
    assert code == 0, err.read_text()
    assert json.loads(out.read_text())["status"] == "completed"
    assert "Migration completed: read 40 = written 40" in err.read_text()
    assert "\x1b" not in err.read_text()
    assert len(ends.target.items(TABLE)) == 40


async def test_without_standard_streams_at_all(ends: Ends, tmp_path: Path) -> None:
    command = shlex.join(
        [sys.executable, "-m", "alternator_migrate", "run", *ends.flags(*KEY_SETS)]
    )
    process = await asyncio.create_subprocess_exec(
        *bound(["/bin/sh", "-c", f"exec {command} <&- >&- 2>&-"]),
        cwd=tmp_path,
        env=environment(tmp_path, {}),
        start_new_session=True,
    )
    try:
        code = await asyncio.wait_for(process.wait(), stretched(60))
    finally:
        if process.returncode is None:
            process.kill()
    assert code == 0
    assert len(ends.target.items(TABLE)) == 40


async def test_a_reader_that_is_gone_does_not_stop_the_copy(ends: Ends, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    options = ends.flags()
    try:
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-m", "alternator_migrate", "run", *options]),
            cwd=tmp_path,
            env=environment(tmp_path, signed()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=writing,
        )
    finally:
        os.close(writing)
    try:
        code = await asyncio.wait_for(process.wait(), stretched(60))
    finally:
        if process.returncode is None:
            process.kill()
    assert len(ends.target.items(TABLE)) == 40
    assert code == 0, "all items were copied, whoever reads the log"


@pytest.mark.parametrize("command", ["plan", "run --summary-json -"])
async def test_a_reader_of_standard_output_that_is_gone_is_no_crash(
    ends: Ends, tmp_path: Path, command: str
) -> None:
    name, *options = command.split()
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-m", "alternator_migrate", name, *ends.flags(*options)]),
            cwd=tmp_path,
            env=environment(tmp_path, signed()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(writing)
    try:
        _, err = await asyncio.wait_for(process.communicate(), stretched(60))
    finally:
        if process.returncode is None:
            process.kill()
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


async def test_data_beyond_ascii_in_the_c_locale(run_cli: RunCli, ends: Ends) -> None:
    item = {"pk": {"S": "Zürich 東京 🚀"}, "ключ": {"S": "é\u0000"}}
    await fill(ends.source.url, TABLE, [item])
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, _, err = await run_cli("run", *ends.flags(), env=signed(**plain))
    assert code == 0, err
    assert item in ends.target.items(TABLE)


async def test_words_beyond_ascii_in_the_c_locale(
    run_cli: RunCli, ends: Ends, tmp_path: Path
) -> None:
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "config.yaml").write_text("source:\n  tablé: 東京\n", encoding="utf-8")
    code, out, err = await run_cli("run", "config.yaml", env=plain)
    assert (code, out) == (2, "")
    assert err.count("Error:") == 1
    assert "did you mean table?" in err
    assert "Traceback" not in err


def first_of_a_namespace() -> list[str]:
    """A command's prefix that makes it process 1 of a namespace; skips where that is not
    allowed."""
    prefix = ["unshare", "--fork", "--pid", "--kill-child"]
    try:
        done = subprocess.run([*prefix, "true"], capture_output=True, timeout=120, check=False)
    except OSError as error:
        pytest.skip(f"no namespace of processes: {error}")
    if done.returncode:
        pytest.skip(f"no namespace of processes: {done.stderr.decode().strip()}")
    return prefix


def only_child(pid: int) -> int:
    """The process id of the only child."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


async def test_as_the_first_process_without_a_controlling_terminal(
    ends: Ends, tmp_path: Path
) -> None:
    """Process 1, as in a container, gets no signal that it does not handle."""
    ends.slow_down_target(1)
    prefix = first_of_a_namespace()
    command = [sys.executable, "-m", "alternator_migrate", "run", *ends.flags(*ONE_AT_A_TIME)]
    process = await asyncio.create_subprocess_exec(
        *bound([*prefix, *command]),
        cwd=tmp_path,
        env=environment(tmp_path, signed()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 1)
        os.kill(only_child(process.pid), signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), stretched(20))
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 143, err
    assert b"Migration stopped" in err
    saved = max((tmp_path / "savepoints").glob("savepoint_*.yaml"))
    assert err.decode().splitlines()[-1].endswith(saved.name)


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
async def test_what_cannot_be_written_out_is_a_failure(
    ends: Ends, tmp_path: Path, run_cli: RunCli
) -> None:
    """The copy itself is done, and the next run only tells of it."""
    wanted = ends.flags("--summary-json", str(FULL))
    told = one_error(await run_cli("run", *wanted, env=signed()), 1)
    assert f"Migration completed, but the summary cannot be written to {FULL}" in told
    summed = await _into_full(tmp_path, "run", *ends.flags("--summary-json", "-"))
    for result in (summed, await _into_full(tmp_path, "plan", *ends.flags())):
        told = one_error(result, 1)
        assert told == "Error: cannot write to standard output: No space left on device"
    assert len(ends.target.items(TABLE)) == 40


async def _into_full(folder: Path, *args: str) -> Result:
    """How the command ends whose standard output takes nothing."""
    with FULL.open("w") as out:  # noqa: ASYNC230 # no file
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-m", "alternator_migrate", *args]),
            cwd=folder,
            env=environment(folder, signed()),
            stdout=out,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    _, err = await asyncio.wait_for(process.communicate(), stretched(60))
    assert process.returncode is not None
    return Result(process.returncode, "", err.decode())
