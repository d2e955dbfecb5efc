"""Run the command line in a process of its own, with nothing of the caller's AWS settings."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from tests.servers.forked import forked
from tests.servers.patience import stretched
from tests.servers.process import bound

REPOSITORY = Path(__file__).parents[2]


class Result(NamedTuple):
    """How a command ended: exit code (negative: the signal that killed it) and its output."""

    code: int
    out: str
    err: str


class Process(Protocol):
    """A process under way; `returncode` is None until it has ended."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, signal: int, /) -> None: ...

    async def wait(self) -> int: ...


class Cli:
    """A running `python -m alternator_migrate`, or the same forked, whose output goes to two
    unnamed files."""

    def __init__(self, process: Process, out: IO[bytes], err: IO[bytes]) -> None:
        self._process = process
        self._out = out
        self._err = err

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the command is over."""
        return self._process.returncode is not None

    @property
    def result(self) -> Result:
        """The output so far, and the exit code; that of a command still running is -1."""
        code = self._process.returncode
        return Result(-1 if code is None else code, _text(self._out), _text(self._err))

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, not to processes it started."""
        self._process.send_signal(number)

    async def wait(self, seconds: float) -> Result:
        """Return how the command ended. Raises `TimeoutError` with its output after `seconds` s."""
        longest = stretched(seconds)
        try:
            async with asyncio.timeout(longest):
                await self._process.wait()
        except TimeoutError as error:
            raise TimeoutError(f"still running after {longest:.0f} s: {self.result}") from error
        return self.result

    async def wait_for(self, text: str, seconds: float) -> None:
        """Return once `text` is in the standard error of the running command.

        Raises `TimeoutError` with the output after `seconds` seconds, or when the command ended.
        """
        end = asyncio.get_running_loop().time() + stretched(seconds)
        while text not in _text(self._err):
            ended = self._process.returncode is not None
            if ended or asyncio.get_running_loop().time() > end:
                raise TimeoutError(f"{text!r} was not printed: {self.result}")
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """Kill the command and every process it started. Nothing happens when all have ended."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        async with asyncio.timeout(stretched(10)):
            await self._process.wait()


@asynccontextmanager
async def running(
    folder: Path, *args: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Cli]:
    """Run the command in `folder` while the block lasts; what is left of it is killed then.

    `env` is added to a hermetic environment, see `environment`.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = started if _needs_an_interpreter(env or {}) else forked
        process = await start(args, folder, environment(folder, env or {}), out, err)
        cli = Cli(process, out, err)
        try:
            yield cli
        finally:
            await cli.kill()


def _needs_an_interpreter(env: Mapping[str, str]) -> bool:
    """Whether variables are among these that Python itself reads as it starts, or there is no
    fork server for this system."""
    return sys.platform != "linux" or any(
        name.startswith(("PYTHON", "LC_")) or name == "LANG" for name in env
    )


async def started(
    args: Sequence[str], folder: Path, env: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> Process:
    """Start the command in an interpreter of its own."""
    return await asyncio.create_subprocess_exec(
        *bound([sys.executable, "-m", "alternator_migrate", *args]),
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without HOME, AWS_* and proxies, and with `extra`.

    Without HOME botocore finds the home directory in the user database, so it is pointed at files
    that do not exist, and kept from asking for the metadata of a cloud instance.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "REQUESTS_CA_BUNDLE")
        and not name.startswith("AWS_")
        and not name.lower().endswith("_proxy")
    }
    nothing = str(folder / "no-such-file")
    hermetic = {
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(REPOSITORY),
    }
    return kept | hermetic | dict(extra)


def _text(file: IO[bytes]) -> str:
    # The command shares the file offset, so read without moving it.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
