"""python -m tests.bench.watched SECONDS [PORT]: shows a large run that stands still.

Prints the port of its page, and at the end the percent of a core that all of it took.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from alternator_migrate.core.listen import Listen
from alternator_migrate.core.progress import RunProgress
from alternator_migrate.core.rates import Observer
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.segments import SegmentBoard
from alternator_migrate.monitor.history_file import HistoryFile
from alternator_migrate.monitor.watch import Wanted, Watch
from tests.bench.figure_monitor import free_port
from tests.support.runs import a_run, a_table

SEGMENTS = 1024


async def show(seconds: float, port: int) -> None:
    """Show it, and say what that took."""
    board = SegmentBoard(SEGMENTS, range(SEGMENTS), range(0, SEGMENTS, 3))
    for segment in range(1, SEGMENTS, 64):
        board.begins(segment)
    observer = Observer()

    def snapshot() -> RunProgress:
        return a_run(*observer.observed([a_table(segments=board.figures())]))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = Wanted(Listen("127.0.0.1", port), metrics_file=folder / "m.prom")
        watch = Watch(wanted, snapshot, HistoryFile(folder, "x"), lambda: False)
        async with watch.watching():
            print(port, flush=True)
            began, used = time.monotonic(), time.process_time()
            await asyncio.sleep(seconds)
            share = (time.process_time() - used) / (time.monotonic() - began)
    print(f"{100 * share:.3f}", flush=True)


if __name__ == "__main__":
    given = int(sys.argv[2]) if len(sys.argv) > 2 else free_port()
    on_loop(lambda: show(float(sys.argv[1]), given))
