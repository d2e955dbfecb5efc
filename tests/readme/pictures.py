"""The pictures of the README: the display, drawn, and the status page of a run, photographed.

python -m tests.readme.pictures    # writes them; needs chromium
"""

import asyncio
import json
import re
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.text import Text

from alternator_migrate.cli.frame import Frame
from alternator_migrate.core.counts import Counts
from alternator_migrate.core.progress import Progress, RatesNow, Reason, RunProgress
from tests.readme.pages import ROOT
from tests.servers.cli import running
from tests.standin import StandIn
from tests.support.cli import counted_source, flags, signed

FOLDER = ROOT / "alternator_migrate" / "docs" / "pictures"
BROWSER = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
SHOWN_AT = 0.45
ITEMS = 150_000
RATES = RatesNow(items=48_210, size=11.9e6, seconds_left=258)


def display() -> None:
    """The bar of a copy on its way."""
    progress = Progress(
        "Orders",
        "Orders",
        "copying",
        segments_total=64,
        segments_done=37,
        items=Counts(read=30_713_100, written=30_713_100),
        expected=43_138_319,
        bytes_read=7_600_000_000,
        backlog=12,
        retries=3,
        reasons=(Reason("throttled", "target throttles"),),
        now=RATES,
        speed=48_000,
    )
    now = time.time()
    run = RunProgress("Migration", now - 640, 640, (progress,))
    console = Console(record=True, width=104, file=sys.stderr, force_terminal=True)
    console.print(Text("$ alternator-migrate run config.yaml"))
    console.print(Frame(progress, run, RATES))
    drawn = console.export_svg(title="alternator-migrate")
    drawn = re.sub(r"<!--.*?-->|@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (FOLDER / "display.svg").write_text(drawn, encoding="utf-8")


async def status_page() -> None:
    """The page of a run between servers of ours, some time after it began."""
    place = ("--status", "0", "--progress", "none", "--set=target.maxConnections=8")
    async with counted_source(ITEMS) as source, StandIn() as target:
        target.faults.rate("BatchWriteItem", "slow", 1.0, 0.25)
        words = ("run", *flags(source, target.url, *place), "--set=savepoints.path=" + mkdtemp())
        async with running(Path(mkdtemp()), *words, env=signed()) as cli:
            await cli.wait_for("status page: ", 60)
            url = cli.result.err.partition("status page: ")[2].split()[0]
            while await asyncio.to_thread(_done, url) < SHOWN_AT:  # noqa: ASYNC110 # a page
                await asyncio.sleep(0.5)
            shot = f"--screenshot={FOLDER / 'status-page.png'}"
            command = (*BROWSER, "--window-size=1000,760", shot, url)
            await (await asyncio.create_subprocess_exec(*command)).wait()


def _done(url: str) -> float:
    with urllib.request.urlopen(f"{url}api/v1/status", timeout=20) as answer:
        tables = json.load(answer)["tables"]
    return float(tables[0]["fraction"]) if tables else 0.0


if __name__ == "__main__":
    display()
    asyncio.run(status_page())
