"""The text of `plan` for many tables: each in a line, what all amount to, and what is left out."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from alternator_migrate import config
from alternator_migrate.cli import plan
from alternator_migrate.config import Choice, Chosen, Loaded, Settings
from alternator_migrate.connectors import Services, check_late, open_pair, open_services
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.shares import SharedCaps
from alternator_migrate.core.texts import duration, size_text
from alternator_migrate.migration import choose

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
    is_new: bool = True
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
                f"{len(self.refused)} tables would be refused: {', '.join(self.refused)}",
                "The plan says why; tables.exclude or --skip leaves a table out.",
            )


async def tables_plan(loaded: Loaded) -> TablesPlan:
    """Look at all tables that are chosen; nothing is written. Raises `UsageError` where the choice
    itself is wrong."""
    settings = loaded.settings
    follows = settings.target.stream_changes
    async with open_services(settings, shared=SharedCaps(None, None), follows=follows) as services:
        choice = await choose(services, settings)
        looks = await _all(loaded, services, choice)
        lines = [
            f"source  {plan.address(services.live) if services.live else 'exports, one a table'}",
            f"target  {plan.address(services.target)}",
            *_tables(looks),
            *_left_out(choice),
            *_totals(settings, services, looks),
            *_remarks(looks),
            "Nothing was written.",
        ]
    refused = [each.table.source for each in looks if each.refused]
    return TablesPlan("\n".join(lines) + "\n", refused)


async def _all(loaded: Loaded, services: Services, choice: Choice) -> list[_Look]:
    """A look at every table, the largest first."""
    left, looks = iter(choice.tables), list[_Look]()

    async def look() -> None:
        for table in left:
            looks.append(await _look(loaded, services, table))

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(look())
    return sorted(looks, key=lambda each: (-each.size, -each.items, each.table.source))


async def _look(loaded: Loaded, services: Services, table: Chosen) -> _Look:
    settings = config.of_table(loaded, table).settings
    try:
        async with open_pair(settings, services=services) as pair:
            found = pair.inspection
            await check_late(found, pair.target)
            read_units, write_units = plan.units_of(settings, pair)
            times = [
                units / cap
                for units, cap in ((read_units, pair.read_cap), (write_units, pair.write_cap))
                if cap
            ]
            return _Look(
                table,
                items=found.source.items,
                size=found.source.size,
                read_units=read_units,
                write_units=write_units,
                is_new=found.existing is None,
                notes=(*found.plan.notes, *found.unknown),
                remarks=await plan.remarks(settings, pair),
                slowest=max(times, default=0.0),
            )
    except MigrateError as error:
        return _Look(table, refused=str(error))


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
        state = "new" if each.is_new else "exists and fits"
        units = f", {each.read_units:,} read and {each.write_units:,} write units" if known else ""
        yield f"{name}  {extent}{units}; {state}"
        for note in each.notes:
            yield f"    {note}"


def _left_out(choice: Choice) -> Iterator[str]:
    """The tables that are left out, by the reason for it."""
    if not choice.left_out:
        return
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, why in choice.left_out.items():
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
    new = sum(each.is_new for each in going)
    yield "total"
    yield (
        f"  tables          {len(going)}: {new} new, {len(going) - new} that exist; "
        f"{min(settings.tables.concurrency, len(going)) if settings.tables else 1} copied at once"
    )
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
