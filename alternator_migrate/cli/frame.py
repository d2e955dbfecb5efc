"""The picture of a running migration on a terminal, as wide as that is."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from alternator_migrate.cli.report import changes_parts, held_text
from alternator_migrate.core.progress import Progress, RatesNow, RunProgress, WorkerProgress
from alternator_migrate.core.requests import SideFigures
from alternator_migrate.core.texts import brief, duration, size_text

_GAP: Final = "  "
_ROWS_BESIDE: Final = 8
"""Rows that tables leave to the figures, and to what is printed above."""


class Frame:
    """The picture of a run of which `total` is the sum of the tables; `rates` are the total's."""

    def __init__(self, total: Progress, run: RunProgress, rates: RatesNow) -> None:
        self._total, self._run, self._rates = total, run, rates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max((options.height or console.height) - _ROWS_BESIDE, 1)
        yield self._bars(room)
        yield flow(_figures(self._total, self._rates), options.max_width)
        yield flow(self._state(), options.max_width)
        yield flow(self._place(), options.max_width)

    def _bars(self, room: int) -> Table:
        """A bar of each table that is at work, as far as there is room, and of all together."""
        bars = Table.grid(padding=(0, 1), expand=True)
        bars.add_column(no_wrap=True)
        bars.add_column(ratio=1)
        bars.add_column(justify="right", no_wrap=True)
        if len(self._run.tables) > 1:
            running = [each for each in self._run.tables if each.is_at_work]
            for table in running[: room - 1]:
                name = table.source if table.source == table.target else _name(table)
                bars.add_row(Text(name), *_bar(table))
            if len(running) >= room:
                bars.add_row(Text(f"and {len(running) - room + 1} more", style="dim"))
        bars.add_row(Text(_name(self._total), style="bold"), *_bar(self._total))
        return bars

    def _state(self) -> Iterator[Text]:
        total = self._total
        yield Text(total.state)
        yield from map(Text, changes_parts(total, self._rates))
        if total.changes and total.changes.caught_up:
            yield Text(
                "caught up: to switch, stop the writers, then drain with --until-caught-up",
                style="green",
            )
        if held := held_text(total.reasons):
            yield Text(held, style="yellow")
        elif total.paced:
            yield Text(f"paced: {total.paced}", style="yellow")

    def _place(self) -> Iterator[Text]:
        run, (number, count) = self._run, self._total.step
        if number:
            yield Text(f"step {number} of {count}", style="dim")
        yield Text(f"elapsed {duration(run.seconds)}", style="dim")
        if run.paused_seconds >= 1:
            yield Text(f"paused for {duration(run.paused_seconds)} of it", style="dim")
        if total := self._total.limit:
            yield Text(f"limited by {total}")
        if run.engine:
            yield Text(f"engine {run.engine}{_busy(run.workers)}", style="dim")
        for role, side in run.sides.items():
            if told := _side(side):
                yield Text(f"{role} {told}", style="dim")


def flow(parts: Iterable[Text], width: int) -> Text:
    """Parts in as many lines as they need, none of them torn where it fits a line."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(_GAP) + part.cell_len <= width:
            lines[-1].append(_GAP).append_text(part)
        else:
            lines.append(Text().append_text(part))
    return Text("\n").join(lines)


def _name(table: Progress) -> str:
    if table.standing:
        return f"{table.source}: {table.standing}"
    return f"{table.source} -> {table.target}"


def _bar(table: Progress) -> tuple[ProgressBar, str]:
    return ProgressBar(total=1.0, completed=table.fraction), f"{table.fraction:.1%}"


def _figures(progress: Progress, rates: RatesNow) -> Iterator[Text]:
    items, validated, left = progress.items, progress.validated, rates.seconds_left
    done = progress.examined if progress.phase == "Validate" else items.written
    figures = [
        f"{done:,} items",
        f"{rates.items:,.0f}/s",
        f"{size_text(progress.bytes_read)} at {size_text(rates.size)}/s",
        f"segments {progress.segments_done}/{progress.segments_total}",
        f"backlog {progress.backlog}",
        f"retries {progress.retries}",
        f"ETA {duration(left) if left is not None else '-'}",
    ]
    figures += [f"skipped {items.skipped_expired:,}"] if items.skipped_expired else []
    figures += [f"dropped {items.dropped:,}"] if items.dropped else []
    figures += [f"rejected {items.rejected:,}"] if items.rejected else []
    figures += [f"differences {validated.found:,}"] if validated else []
    return map(Text, figures)


def _busy(workers: Sequence[WorkerProgress]) -> str:
    """How many of the workers have something to do, where that is known."""
    busy = sum(worker.busy for worker in workers)
    return f", {busy} busy" if busy else ""


def _side(side: SideFigures) -> str:
    """The nodes of a service, where there are several or one is in trouble, and its latency."""
    parts = []
    states = [state for _, state in side.nodes]
    if len(states) > 1 or "not answering" in states:
        silent = states.count("not answering")
        parts.append(f"{len(states)} nodes{f', {silent} not answering' if silent else ''}")
    latency = side.requests.latency
    median, late = latency.percentile(0.5), latency.percentile(0.99)
    if median is not None and late is not None:
        parts.append(f"p50 {brief(median)} p99 {brief(late)}")
    return ", ".join(parts)
