"""The text of `plan` for many tables: each in a line, what all amount to, and what is left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from alternator_migrate import config
from alternator_migrate.cli import plan
from alternator_migrate.cli.tables import Copy
from alternator_migrate.config import Chosen, Loaded, Settings
from alternator_migrate.connectors import Pair, Services, first_items, open_services
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.core.stopping import together
from alternator_migrate.core.texts import duration, size_text, tables_text
from alternator_migrate.engines import Local
from alternator_migrate.migration import (
    Commons,
    MigrationRun,
    Selection,
    Turns,
    roster,
    run_file,
    to_do,
)
from alternator_migrate.savepoints import Earlier, TableEntry, progress_of

_AT_ONCE: Final = 8
_READ_USD: Final = 0.125e-6
_WRITE_USD: Final = 0.625e-6
"""A unit on demand, by AWS's list prices for us-east-1."""
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class _Look:
    """One table as it was found, or why a run would refuse it."""

    table: Chosen
    refused: str = ""
    items: int = 0
    size: int = 0
    read_units: int = 0
    write_units: int = 0
    state: str = ""
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    slowest: float = 0.0


@dataclass(slots=True)
class TablesPlan:
    """The plan of a run of many tables; `refused` are those that it would refuse."""

    text: str
    refused: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise `UsageError` where a table would be refused."""
        if self.refused:
            raise UsageError(
                f"{tables_text(len(self.refused))} would be refused: {', '.join(self.refused)}",
                "The plan says why; tables.exclude or --skip leaves a table out.",
            )


async def tables_plan(loaded: Loaded, selection: Selection, copy: Copy) -> TablesPlan:
    """Look at all tables that a run with the same options would do; nothing is written. Raises
    `UsageError` where the choice itself is wrong."""
    settings = loaded.settings
    file = run_file(settings, copy.part.suffix if copy.part else "")
    follows = settings.target.stream_changes
    async with open_services(settings, shared=SharedCaps(None, None), follows=follows) as services:
        found = await roster(services, loaded, file, selection)
        commons = Commons(services, Local(), 1)
        looks = await _all(loaded, commons, copy, to_do(found.record, selection))
        lines = [
            f"source  {plan.address(services.live) if services.live else 'exports, one a table'}",
            f"target  {plan.address(services.target)}",
            *_tables(looks),
            *_left_out(found.left_out),
            *_totals(settings, services, looks),
            *_remarks(looks),
            "Nothing was written.",
        ]
    refused = [each.table.source for each in looks if each.refused]
    return TablesPlan("\n".join(lines) + "\n", refused)


async def _all(
    loaded: Loaded, commons: Commons, copy: Copy, entries: Sequence[TableEntry]
) -> list[_Look]:
    """A look at every table, the largest first."""
    left, looks = iter(entries), list[_Look]()

    async def look() -> None:
        for entry in left:
            table = Chosen(entry.source, entry.target)
            own = config.of_table(loaded, table)
            run = copy.of(entry).run(own, Turns(commons, table.source))
            looks.append(await _look(own.settings, run, table))

    async with together() as group:
        for _ in range(_AT_ONCE):
            group.create_task(look())
    return sorted(looks, key=lambda each: (-each.size, -each.items, each.table.source))


async def _look(settings: Settings, run: MigrationRun, table: Chosen) -> _Look:
    try:
        async with run.opened() as (pair, earlier):
            run.check_tables(pair, earlier)
            done = earlier is not None and run.is_done(pair, earlier)
            if not done:
                await run.check_contents(pair, earlier)
            state = _state(pair, earlier, done=done)
            if run.export and not pair.exports:
                state += ", copied from an export that is asked for"
            return await _found(settings, pair, table, state, run.doubts)
    except MigrateError as error:
        return _Look(table, refused=str(error))


def _state(pair: Pair, earlier: Earlier | None, *, done: bool) -> str:
    """Where the table's run would begin."""
    if done:
        return "done already"
    if earlier:
        progress = progress_of(earlier[1])
        return f"goes on at {progress.segments_done}/{progress.segments_total} segments"
    return "exists and fits" if pair.inspection.existing else "new"


async def _found(
    settings: Settings, pair: Pair, table: Chosen, state: str, doubts: Sequence[str]
) -> _Look:
    read_units, write_units = plan.units_of(settings, pair)
    times = [
        units / cap
        for units, cap in ((read_units, pair.read_cap), (write_units, pair.write_cap))
        if cap
    ]
    found, items = pair.inspection, await first_items(settings, pair)
    tried = [f"note: {line.strip()}" for line in plan.transform_lines(pair, items)]
    warnings = [f"warning: {each}" for each in doubts]
    return _Look(
        table,
        items=found.source.items,
        size=found.source.size,
        read_units=read_units,
        write_units=write_units,
        state=state,
        notes=(*found.plan.notes, *found.unknown),
        remarks=[*tried, *await plan.remarks(settings, pair, items), *warnings],
        slowest=max(times, default=0.0),
    )


def _tables(looks: Sequence[_Look]) -> Iterator[str]:
    width = max(len(str(each.table)) for each in looks)
    yield "tables"
    for each in looks:
        name = f"  {each.table!s:{width}}"
        if each.refused:
            yield f"{name}  refused: {each.refused}"
            continue
        known = each.items or each.size
        extent = (
            f"about {each.items:,} items, {size_text(each.size)}" if known else "size not known"
        )
        units = f", {each.read_units:,} read and {each.write_units:,} write units" if known else ""
        yield f"{name}  {extent}{units}; {each.state}"
        for note in each.notes:
            yield f"    {note}"


def _left_out(left_out: Mapping[str, str]) -> Iterator[str]:
    """The tables that are left out, by the reason for it."""
    if not left_out:
        return
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, why in left_out.items():
        reasons[why].append(name)
    yield "left out"
    for why, names in reasons.items():
        yield f"  {why}: {', '.join(names)}"


def _totals(settings: Settings, services: Services, looks: Sequence[_Look]) -> Iterator[str]:
    going = [each for each in looks if not each.refused]
    read_units, write_units = (
        sum(each.read_units for each in going),
        sum(each.write_units for each in going),
    )
    states = Counter(each.state.partition(" at ")[0] for each in going)
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    at_once = min(settings.tables.concurrency, len(going)) if settings.tables else 1
    yield "total"
    yield f"  tables          {len(going)}: {told}; {at_once} copied at once"
    if read_units or write_units:
        items, size = sum(each.items for each in going), sum(each.size for each in going)
        yield f"  items           about {items:,}, {size_text(size)}"
        yield f"  read units      about {read_units:,}"
        yield f"  write units     about {write_units:,}"
    else:
        yield "  items           not known: the server counts none"
    yield from _cost(services, read_units, write_units)
    yield from _time(settings, going, read_units, write_units)


def _cost(services: Services, read_units: int, write_units: int) -> Iterator[str]:
    """The price of the units on the sides that are AWS's own."""
    source, target = services.live, services.target
    usd = read_units * _READ_USD if source and source.own else 0.0
    usd += write_units * _WRITE_USD if target.own else 0.0
    if usd:
        yield (
            f"  cost            about {usd:,.2f} USD if on demand, by the list prices of us-east-1"
        )


def _time(
    settings: Settings, going: Sequence[_Look], read_units: int, write_units: int
) -> Iterator[str]:
    times = [max((each.slowest for each in going), default=0.0)]
    for side, cap, units in (
        ("source", settings.source.read_throughput, read_units),
        ("target", settings.target.write_throughput, write_units),
    ):
        if cap:
            times.append(units / cap)
            yield f"  pace            {side} capped at {cap:g} units/s, shared by all tables"
    if any(times):
        yield f"  time            at least {duration(max(times))} at that pace"
    else:
        yield "  time            as fast as both sides and this machine allow"


def _remarks(looks: Iterable[_Look]) -> Iterator[str]:
    """Notes and warnings, each once, with the tables that it is about."""
    about: dict[str, list[str]] = defaultdict(list)
    for each in looks:
        for remark in each.remarks:
            about[remark].append(each.table.source)
    for remark, names in about.items():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        yield f"{remark} ({', '.join(names[:_MOST_NAMED])}{more})"
