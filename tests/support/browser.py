"""A headless Chromium, spoken to by the protocol of its developer tools."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.servers.patience import stretched

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_START_SECONDS: Final = 300
_FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars"),
    "--remote-debugging-port=0",
)


class Tab:
    """One tab; `complaints` are what it wrote to its console, and what it refused to load."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol. Raises `AssertionError` with its words where it fails."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        async with asyncio.timeout(stretched(30)):
            while True:
                message = json.loads((await self._socket.receive()).data)
                self._heard(message)
                if message.get("id") == self._number:
                    assert "error" not in message, message
                    return dict(message["result"])

    async def evaluate(self, script: str) -> Any:
        """The value of an expression on the page."""
        found = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def open(self, url: str, width: int, height: int = 1200) -> None:
        """Open a page in a window of this size."""
        await self.call("Page.enable")
        await self.call("Log.enable")
        await self.call("Runtime.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        await self.evaluate("window.stale = true")
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && !window.stale")

    async def until(self, script: str, seconds: float = 20) -> None:
        """Return once an expression is true. Raises `TimeoutError`."""
        async with asyncio.timeout(stretched(seconds)):
            while not await self.evaluate(script):  # noqa: ASYNC110 # the page has no event
                await asyncio.sleep(0.1)

    def _heard(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))


@asynccontextmanager
async def browser() -> AsyncIterator[Tab]:
    """A tab of a browser of its own; the test is skipped where there is no Chromium."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium here (the package chromium brings it)")
    with _started(program) as profile:
        port = await _port(Path(profile) / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                [page, *_] = [each for each in await answer.json() if each["type"] == "page"]
            url = page["webSocketDebuggerUrl"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                yield Tab(socket)


@contextmanager
def _started(program: str) -> Iterator[str]:
    """A browser with a profile of its own; the folder of that."""
    quiet = subprocess.DEVNULL
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            try:
                yield profile
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


async def _port(file: Path) -> int:
    """The port that the browser listens at."""
    async with asyncio.timeout(_START_SECONDS):
        while not (file.exists() and file.read_text().count("\n")):  # noqa: ASYNC110, ASYNC240 # it has no event
            await asyncio.sleep(0.05)
    return int(file.read_text().split()[0])  # noqa: ASYNC240 # small
