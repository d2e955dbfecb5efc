"""Page and report in a real browser: they fit a telephone and a wide screen, nothing is refused."""

import base64
from dataclasses import replace
from pathlib import Path

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.listen import Listen
from alternator_migrate.core.progress import Reason, RunProgress
from alternator_migrate.core.state import Status
from alternator_migrate.monitor.page import page
from alternator_migrate.monitor.report import Context, report
from alternator_migrate.monitor.watch import Wanted, Watch
from alternator_migrate.monitor.web import serving
from tests.support.browser import Tab, browser
from tests.support.runs import BEGAN, LATE, a_run, a_table
from tests.unit.monitor.test_page import samples

WIDTHS = (360, 1600)
PAUSED = Reason("user", "paused by you", pauses=True, since=BEGAN)
FAILED = a_table(status=Status.FAILED, error="gave up after 300 s: connection refused")
STATES = {
    "running": a_run(a_table()),
    "paused": a_run(a_table(), reasons=(PAUSED,)),
    "failed": a_run(FAILED, status=Status.FAILED, error="gave up after 300 s"),
    "following": a_run(a_table(state="following", changes=LATE)),
    "tables": a_run(*(a_table(f"production.customers.table-{n:02}") for n in range(60))),
}


async def fits(tab: Tab) -> bool:
    """Whether nothing sticks out of the window to the right."""
    return bool(await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_the_page_fits_in_every_state_and_stays_live(tmp_path: Path) -> None:
    now = STATES["running"]

    def snapshot() -> RunProgress:
        return now

    listen = Listen("127.0.0.1", 0)
    watch = Watch(Wanted(listen), snapshot, None, lambda: False)
    for sample in samples(lag=2.0):
        watch.history.add(sample)
    async with serving(listen, (), watch.routes()) as url, browser() as tab:
        await tab.open(url, WIDTHS[0])
        assert await tab.evaluate("document.querySelector('path.s1').getTotalLength() > 100")
        now = a_run(a_table(items=Counts(400, 400)))
        await tab.until("document.querySelector('dd').textContent.startsWith('400')", 40)
        assert tab.complaints == []
        file = tmp_path / "page.html"
        for name, run in STATES.items():
            file.write_text(page(run, samples(lag=2.0)))
            for width in WIDTHS:
                await tab.open(file.as_uri(), width)
                assert await fits(tab), (name, width)


async def test_the_report_fits_and_prints(tmp_path: Path) -> None:
    done = a_run(
        *(replace(table, status=Status.COMPLETED) for table in STATES["tables"].tables),
        status=Status.COMPLETED,
    )
    file = tmp_path / "r.html"
    file.write_text(report(done, samples(lag=2.0), Context({"source.table": "x" * 300})))
    async with browser() as tab:
        for width in WIDTHS:
            await tab.open(file.as_uri(), width)
            assert await fits(tab), width
        printed = base64.b64decode((await tab.call("Page.printToPDF"))["data"])
        assert printed.startswith(b"%PDF")
        assert 2 <= printed.count(b"/Type /Page\n") <= 30
        assert tab.complaints == []
