"""The display of a running migration: a live bar on a terminal, status lines elsewhere."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from alternator_migrate.cli.report import changes_parts, status_line
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.rates import Rates
from alternator_migrate.core.texts import duration, size_text

log = logging.getLogger(__name__)
Mode = Literal["auto", "bar", "lines", "none"]
Snapshot = Callable[[], Progress]
_BAR_SECONDS: Final = 0.5
_LINE_SECONDS: Final = 10.0


class Display:
    """Shows snapshots until it is cancelled; `mode` auto means a bar on a terminal."""

    def __init__(self, console: Console, mode: Mode) -> None:
        self._console = console
        dumb = not console.is_terminal or console.is_dumb_terminal
        self.mode = ("lines" if dumb else "bar") if mode == "auto" else mode
        self._rates = Rates()

    async def show(self, snapshot: Snapshot) -> None:
        """Show `snapshot()` again and again, until cancelled; a terminal that is gone ends the
        showing, not the run."""
        with suppress(OSError):
            if self.mode == "bar":
                await self._bar(snapshot)
            elif self.mode == "lines":
                await self._lines(snapshot)

    async def _bar(self, snapshot: Snapshot) -> None:
        while True:
            width = self._console.width
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while self._console.width == width:
                    frame = self._draw(snapshot())
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
        self._rates.note(snapshot(), time.monotonic())
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
        self._rates.note(progress, time.monotonic())
        return status_line(progress, self._rates.now)

    def _draw(self, progress: Progress) -> RenderableType:
        self._rates.note(progress, time.monotonic())
        rates = self._rates.now
        left = rates.seconds_left
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1)
        bar.add_column(justify="right", no_wrap=True)
        bar.add_row(
            Text(f"{progress.source} -> {progress.target}", style="bold"),
            ProgressBar(total=1.0, completed=progress.fraction),
            f"{progress.fraction:.1%}",
        )
        items, validated = progress.items, progress.validated
        figures = [
            f"{progress.examined if progress.phase == 'Validate' else items.written:,} items",
            f"{rates.items:,.0f}/s",
            f"{size_text(progress.bytes_read)} at {size_text(rates.size)}/s",
            f"segments {progress.segments_done}/{progress.segments_total}",
            f"backlog {progress.backlog}",
            f"retries {progress.retries}",
            f"ETA {duration(left) if left is not None else '-'}",
        ]
        figures += [f"skipped {items.skipped_expired:,}"] if items.skipped_expired else []
        figures += [f"rejected {items.rejected:,}"] if items.rejected else []
        figures += [f"differences {validated.found:,}"] if validated else []
        state = Text("  ".join([progress.state, *changes_parts(progress, rates)]))
        if progress.changes and progress.changes.caught_up:
            state.append(
                "  caught up: to switch, stop the writers, then drain with --until-caught-up",
                style="green",
            )
        if progress.paced:
            state.append(f"  paced: {progress.paced}", style="yellow")
        return Group(bar, Text("  ".join(figures)), state)
