"""The tables of a run of many: chosen at its first start, and fixed from then on."""

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from alternator_migrate import config
from alternator_migrate.config import Choice, Chosen, Listing, Loaded, Settings, TablesSettings
from alternator_migrate.connectors import Service, Services, refusing_to_begin
from alternator_migrate.core.errors import ServerRefused, UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.core.stopping import together
from alternator_migrate.dynamodb import rights
from alternator_migrate.dynamodb.dialect import DYNAMODB
from alternator_migrate.savepoints import (
    RunFile,
    RunRecord,
    TableEntry,
    newest_of_parts,
    place_of,
)

log = logging.getLogger(__name__)
_TAGS_AT_ONCE: Final = 8
_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a run's tables that is asked for: patterns of names that are done alone, or left
    out; those that failed; `add` takes tables in that were not there at the first start, and leaves
    out those that are not chosen any more and not begun; `fresh` begins anew."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    retry_failed: bool = False
    add: bool = False
    fresh: bool = False


def run_file(settings: Settings, part: str = "") -> RunFile:
    """The run file of a run of many tables, or of a `part` of each."""
    return RunFile(place_of(settings), config.run_identity(settings) + part)


def tables_of(settings: Settings) -> TablesSettings:
    """The section `tables`, which the configuration of a run of many has."""
    assert settings.tables  # noqa: S101 # a run of many is begun for such a configuration only
    return settings.tables


async def choose(services: Services, settings: Settings) -> Choice:
    """Choose from the tables that the source has now; nothing is written. Raises `UsageError` with
    all that is wrong."""
    tables, source = tables_of(settings), services.live
    with refusing_to_begin():
        names = await _names(source, tables)
        tags = await _tags(source, tables, names) if source and tables.include_tags else {}
    dialect = source.dialect if source else DYNAMODB
    choice = config.choose(tables, Listing(names, tags), dialect)
    check_targets(services, settings, choice.tables)
    return choice


def check_targets(services: Services, settings: Settings, tables: tuple[Chosen, ...]) -> None:
    """Raise `UsageError` with every name that cannot be on the target."""
    places = [
        (side.endpoint.contacts if side.endpoint else (), side.region, side.credentials)
        for side in (settings.source, settings.target)
    ]
    config.check_targets(tables, services.target.dialect, same_place=places[0] == places[1])


@dataclass(frozen=True, slots=True)
class Roster:
    """The tables of a run; for each table of the source that was left out just now, why."""

    record: RunRecord
    left_out: Mapping[str, str] = field(default_factory=dict)


async def roster(services: Services, loaded: Loaded, file: RunFile, selection: Selection) -> Roster:
    """The tables of the run: as its first start chose them, or chosen now. Raises `UsageError`
    where the configuration chooses others now, unless these are to be added, and where it leaves
    out one that is begun and not done."""
    settings = loaded.settings
    digest, known = config.selection(tables_of(settings)), file.read()
    if known is None or (selection.fresh and not _is_partial(selection)):
        choice = await choose(services, settings)
        entries = tuple(TableEntry(each.source, each.target) for each in choice.tables)
        return Roster(RunRecord(file.run, digest, entries), choice.left_out)
    if selection.add:
        return Roster(await _with_more(services, loaded, replace(known, selection=digest)))
    if known.selection != digest:
        raise UsageError(
            f"tables chooses otherwise than when this run began, says {file.path}",
            "Its list is fixed: --add takes in the tables that it lacks and leaves out those that "
            "are not chosen any more and not begun, --fresh begins anew, and another "
            "savepoints.path is for another run.",
        )
    await _tell_new(services, settings, known)
    return Roster(known)


def to_do(
    record: RunRecord, selection: Selection, *, into_existing: bool = False
) -> list[TableEntry]:
    """The tables of the run that are asked for, from now on anew where that is, `into_existing`
    ones then. Raises `UsageError` where there is none."""
    entries = {each.source: each for each in record.tables}
    names = config.picked([*entries], selection.only, selection.skip)
    found = [entries[name] for name in names]
    if selection.retry_failed:
        found = [entry for entry in found if entry.status == Status.FAILED]
        if not found:
            raise UsageError(
                "no table of this run has failed", "Leave --retry-failed out to do what is left."
            )
    if selection.fresh:
        now = time.time()
        found = [replace(entry, fresh_since=now, into_existing=into_existing) for entry in found]
    return found


def _is_partial(selection: Selection) -> bool:
    return bool(selection.only or selection.skip or selection.retry_failed)


async def _names(source: Service | None, tables: TablesSettings) -> list[str]:
    """The names of the source's tables; where they may not be listed, those that are included by
    name, if all are. Those of exports (None) are."""
    if source is None:
        return [each.written for each in tables.include]
    try:
        names = await source.table.account.names()
    except ServerRefused as error:
        only_names = all(each.is_name for each in tables.include)
        if not rights.is_denied(error) or tables.include_tags or not only_names:
            raise
        log.info("note: the source's tables may not be listed: those included are taken as named")
        return [each.written for each in tables.include]
    return names


async def _tags(
    source: Service, tables: TablesSettings, names: list[str]
) -> dict[str, dict[str, str]]:
    """The tags of the tables that names alone would choose. Raises `UsageError` where they may not
    be read."""
    found: dict[str, dict[str, str]] = {}
    left = iter(config.candidates(tables, names))

    async def ask() -> None:
        for name in left:
            state = await source.table.sibling(name).inspect()
            if state and rights.TAGS in state.denied:
                raise UsageError(
                    f"tables.includeTags cannot be looked at: {state.denied[rights.TAGS]}",
                    "Grant that right, or name the tables with tables.include.",
                )
            if state:
                found[name] = dict(state.spec.tags)

    async with together() as group:
        for _ in range(_TAGS_AT_ONCE):
            group.create_task(ask())
    return found


async def _with_more(services: Services, loaded: Loaded, known: RunRecord) -> RunRecord:
    """The record with the tables that are chosen now and were not before, without those that are
    not chosen any more and not begun."""
    settings, there = loaded.settings, {entry.source: entry for entry in known.tables}
    chosen = (await choose(services, settings)).tables
    moved = [
        f"{each.source} goes to {there[each.source].target}, and would go to {each.target}"
        for each in chosen
        if each.source in there and there[each.source].target != each.target
    ]
    if moved:
        lines = "".join(f"\n  {line}" for line in moved)
        raise UsageError(
            f"tables.rename has changed for tables of this run:{lines}",
            "Put it back, or begin anew with --fresh.",
        )
    gone = _not_begun(loaded, known, there.keys() - {each.source for each in chosen})
    new = tuple(TableEntry(c.source, c.target) for c in chosen if c.source not in there)
    log.info("%s added to this run: %s", len(new), named([entry.source for entry in new]))
    tables = (*(entry for entry in known.tables if entry.source not in gone), *new)
    check_targets(services, settings, tuple(Chosen(e.source, e.target) for e in tables))
    return replace(known, tables=tables)


def _not_begun(loaded: Loaded, known: RunRecord, unchosen: Collection[str]) -> Collection[str]:
    """Those of the tables that are not chosen any more of which nothing was done: they are no
    tables of the run from now on. Raises `UsageError` where one is begun and not done."""
    part = known.run.removeprefix(config.run_identity(loaded.settings))
    stand = {
        entry.source: _saved(loaded, entry, part)
        for entry in known.tables
        if entry.source in unchosen
    }
    begun = [name for name, saved in stand.items() if saved and not saved.is_final]
    if begun:
        raise UsageError(
            f"tables does not choose any more what is begun and not done: {named(begun)}",
            "Choose it still, or do it first: with tables as it was, and --only. To leave it as it "
            f"is, remove its folder of savepoints in {place_of(loaded.settings)}.",
        )
    gone = [name for name, saved in stand.items() if saved is None]
    if gone:
        words = "%s left out of this run, not chosen any more and not begun: %s"
        log.info(words, len(gone), named(gone))
    if done := [name for name in stand if name not in gone]:
        log.info("note: not chosen any more, and done: %s; --skip leaves them alone", named(done))
    return gone


def _saved(loaded: Loaded, entry: TableEntry, part: str) -> Status | None:
    """How a table stands by the savepoints of this part of the run; None where no part is begun."""
    settings = config.of_table(loaded, Chosen(entry.source, entry.target)).settings
    identity = config.migration_identity(settings)
    newest = newest_of_parts(place_of(settings), identity)
    own = newest.pop(identity + part, None)
    if own and entry.counts(own):
        return own.status
    return Status.WAITING if newest else None


async def _tell_new(services: Services, settings: Settings, known: RunRecord) -> None:
    """Tell of tables that the run would have, had they been there at its start."""
    there, source = {entry.source for entry in known.tables}, services.live
    tables = tables_of(settings)
    if source is None or tables.include_tags:
        return
    try:
        names = await source.table.account.names()
    except ServerRefused:
        return
    internal = source.dialect.internal
    new = [
        name
        for name in config.candidates(tables, names)
        if name not in there and not (internal and internal.search(name))
    ]
    if new:
        log.info(
            "note: new at the source, and not of this run: %s; --add takes them in", named(new)
        )


def named(names: list[str]) -> str:
    """Names for a person, the first ones where there are many."""
    if len(names) <= _MOST_NAMED:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
