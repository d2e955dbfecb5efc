"""The display of a running migration: a live bar on a terminal, status lines elsewhere."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from rich.console import Console, RenderableType
from rich.live import Live
from rich.segment import Segment

from alternator_migrate.cli.frame import Frame
from alternator_migrate.cli.report import status_line
from alternator_migrate.core.progress import Progress, RatesNow, RunProgress
from alternator_migrate.core.rates import Rates

log = logging.getLogger(__name__)
Mode = Literal["auto", "bar", "lines", "none"]
Snapshot = Callable[[], Progress]
RunSnapshot = Callable[[], RunProgress]
_BAR_SECONDS: Final = 0.5
_LINE_SECONDS: Final = 10.0


class Display:
    """Shows snapshots until it is cancelled; `mode` auto means a bar on a terminal. `clock` is in
    seconds, those of pauses not among them."""

    def __init__(
        self, console: Console, mode: Mode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._clock = console, clock
        dumb = not console.is_terminal or console.is_dumb_terminal
        self.mode = ("lines" if dumb else "bar") if mode == "auto" else mode
        self._rates = Rates()

    async def show(self, snapshot: Snapshot, run: RunSnapshot) -> None:
        """Show `snapshot()`, the sum of the tables of `run()`, again and again, until cancelled; a
        terminal that is gone ends the showing, not the run."""
        with suppress(OSError):
            if self.mode == "bar":
                await self._bar(snapshot, run)
            elif self.mode == "lines":
                await self._lines(snapshot)

    async def _bar(self, snapshot: Snapshot, run: RunSnapshot) -> None:
        while True:
            width = self._console.width
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while self._console.width == width:
                    frame = self._draw(snapshot(), run())
                    live.update(frame, refresh=True)
                    await asyncio.sleep(_BAR_SECONDS)
            self._erase_wrapped(frame, width)

    def _erase_wrapped(self, frame: RenderableType, width: int) -> None:
        """A terminal made narrower wraps the old frame into more rows than Live erases."""
        options = self._console.options.update_width(width)
        lines = self._console.render_lines(frame, options, pad=False)
        rows = sum(-(-Segment.get_line_length(line) // self._console.width) for line in lines)
        if rows > len(lines):
            self._console.file.write(f"\x1b[{rows - len(lines)}A\x1b[J")

    async def _lines(self, snapshot: Snapshot) -> None:
        self._rates_of(snapshot())
        try:
            while True:
                await asyncio.sleep(_LINE_SECONDS)
                self.tell(snapshot())
        finally:
            self.tell(snapshot())

    def tell(self, progress: Progress) -> None:
        """Log the status line."""
        log.info(self.line(progress), extra={"progress": progress})

    def line(self, progress: Progress) -> str:
        """The status line."""
        return status_line(progress, self._rates_of(progress))

    def _draw(self, progress: Progress, run: RunProgress) -> Frame:
        return Frame(progress, run, self._rates_of(progress))

    def _rates_of(self, progress: Progress) -> RatesNow:
        """What is done in a second of late."""
        return self._rates.after(progress, self._clock())
