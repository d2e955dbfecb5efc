"""Many tables in one run: what is done with each of them, and which of them are asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alternator_migrate import config
from alternator_migrate.cli.asking import deletion_of, one_at_a_time
from alternator_migrate.config import Chosen, Loaded, Settings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.steering import Steering
from alternator_migrate.engines import EngineOptions
from alternator_migrate.migration import (
    FinishRun,
    Kind,
    MigrateOptions,
    MigrationRun,
    OneRun,
    Part,
    ResendRun,
    SchemaRun,
    Selection,
    TablesRun,
    Turns,
    lock_name,
    named,
    run_file,
)
from alternator_migrate.savepoints import TableEntry, newest_of_parts, place_of
from alternator_migrate.validate import ValidateOptions, ValidationRun


def identities(settings: Settings, part: str) -> tuple[str, str]:
    """The identities, in the folder of savepoints, of a run of many tables (or of a part of each)
    and of its validation."""
    return lock_name("Migration", run_file(settings, part)), lock_name(
        "Validation", run_file(settings)
    )


def check_selection(loaded: Loaded, selection: Selection) -> None:
    """Raise `UsageError` where tables are selected and there is but one."""
    if loaded.settings.tables or replace(selection, fresh=False) == Selection():
        return
    raise UsageError(
        "--only, --skip, --retry-failed and --add go with many tables",
        "Name these with `tables` in the configuration, or with several --table.",
    )


@dataclass(frozen=True, slots=True)
class Copy:
    """How each table is copied, or a `part` of it."""

    part: Part | None = None
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    options: MigrateOptions = field(default_factory=MigrateOptions)

    def of(self, entry: TableEntry) -> "Copy":
        """How a table of a run of many is copied: anew where an earlier run was to, as that did."""
        options = replace(
            self.options,
            fresh_since=entry.fresh_since,
            into_existing=self.options.into_existing or entry.into_existing,
        )
        return replace(self, options=options)

    def run(
        self, own: Loaded, turns: Turns | None = None, steering: Steering | None = None
    ) -> MigrationRun:
        """The migration of one table, among many in its `turns`."""
        how = self.engine_options, self.part, self.options
        return MigrationRun(own, *how, turns=turns, steering=steering)


def copying(
    loaded: Loaded, selection: Selection, copy: Copy, steering: Steering | None = None
) -> TablesRun:
    """The migration of all tables, or of a part of each."""
    part = copy.part
    is_finish = part is not None and part.index is None
    parts_anew = _fresh_since(loaded, part.count) if part and is_finish else {}

    def make(own: Loaded, turns: Turns, entry: TableEntry) -> OneRun:
        if part and is_finish:
            return FinishRun(
                *(own, part),
                turns=turns,
                transform_changed=copy.options.transform_changed,
                fresh_since={
                    each: since.get(entry.source, 0.0) for each, since in parts_anew.items()
                },
            )
        return copy.of(entry).run(own, turns)

    suffix, parts = (part.suffix, part.count) if part else ("", 1)
    ends = copy.options.until.caught_up
    kind = Kind(
        *("Migration", make),
        part=suffix,
        parts=parts,
        ends_caught_up=ends,
        into_existing=copy.options.into_existing,
    )
    return TablesRun(loaded, kind, selection, steering)


def _fresh_since(loaded: Loaded, count: int) -> Mapping[Part, Mapping[str, float]]:
    """From when savepoints of the parts count, by the tables' names, as far as their run files are
    here."""
    parts = [Part(index, count) for index in range(count)]
    records = {part: run_file(loaded.settings, part.suffix).read() for part in parts}
    return {
        part: {each.source: each.fresh_since for each in record.tables}
        for part, record in records.items()
        if record
    }


def schemas(loaded: Loaded, selection: Selection, steering: Steering | None = None) -> TablesRun:
    """The target tables alone; nothing is copied, and nothing counts as done."""

    def make(own: Loaded, turns: Turns, _: TableEntry) -> OneRun:
        return SchemaRun(own, turns=turns)

    kind = Kind("Migration", make, whole=True, records=False)
    return TablesRun(loaded, kind, selection, steering)


def validating(
    loaded: Loaded,
    selection: Selection,
    options: ValidateOptions,
    engine_options: EngineOptions,
    steering: Steering | None = None,
    *,
    asks: bool = False,
) -> TablesRun:
    """The validation of all tables, which `asks` before anything is deleted, of one at a time."""
    asking = asyncio.Lock()

    def make(own: Loaded, turns: Turns, _: TableEntry) -> OneRun:
        services = turns.commons.services if turns.commons else None
        ask = one_at_a_time(deletion_of(own.settings.target.table), asking) if asks else None
        return ValidationRun(
            own,
            options,
            fresh=selection.fresh,
            engine_options=engine_options,
            opening=turns.engine,
            services=services,
            ask=ask,
            steering=turns.steering,
        )

    kind = Kind("Validation", make, whole=True, records=False)
    return TablesRun(loaded, kind, selection, steering)


def resending(
    loaded: Loaded, selection: Selection, rejects: Path, steering: Steering | None = None
) -> TablesRun:
    """Rejected items of tables sent again: those of the table whose file `rejects` is, or has the
    name, or of all whose folders are in it, as far as they are of the `selection`. Raises
    `UsageError` where there are none, and where files of several tables have the name."""
    tables = [Chosen(each.source, each.target) for each in run_file(loaded.settings).tables()]
    found = _files_of_rejects(loaded, tables, rejects)
    if not found:
        raise UsageError(
            f"no rejects file of a table of this run is {rejects}, or in it",
            "Name the file beside a table's savepoints, or the folder of the tables' folders.",
        )
    asked_for = config.picked([each.source for each in tables], selection.only, selection.skip)
    files = {name: found[name] for name in asked_for if name in found}
    if not files:
        raise UsageError(
            f"--only and --skip leave out all tables whose rejects these are: {named([*found])}",
            "Leave them out, or name one of these tables with --only.",
        )
    if [*files.values()].count([rejects]) > 1:
        raise UsageError(
            f"rejects files of several tables have the name {rejects.name}: {named([*files])}",
            "Name the table with --only.",
        )

    def make(own: Loaded, turns: Turns, _: TableEntry) -> OneRun:
        return ResendRun(own, files[own.settings.source.table], turns=turns)

    kind = Kind("Migration", make, whole=True, records=False)
    return TablesRun(loaded, kind, replace(selection, only=(*files,)), steering)


def _files_of_rejects(
    loaded: Loaded, tables: Sequence[Chosen], rejects: Path
) -> dict[str, Sequence[Path]]:
    """The rejects files of tables that have some, by the tables' names."""
    folder, file = Path(loaded.settings.savepoints.path).absolute(), rejects.absolute()
    if file.parent.parent == folder:
        return {each.source: [rejects] for each in tables if each.source == file.parent.name}
    kept = {each.source: _rejects_of(config.of_table(loaded, each).settings) for each in tables}
    if file == folder:
        return {table: [*map(Path, told)] for table, told in kept.items() if told}
    return {
        table: [rejects]
        for table, told in kept.items()
        if any(Path(each).name == rejects.name for each in told)
    }


def _rejects_of(settings: Settings) -> Sequence[str]:
    """The rejects files of a table, by the newest savepoints of its migration and of the parts."""
    newest = newest_of_parts(place_of(settings), config.migration_identity(settings))
    return [*dict.fromkeys(point.rejects for point in newest.values() if point.rejects)]
