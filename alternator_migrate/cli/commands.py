"""The commands, once their options are read: each returns its exit code."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from alternator_migrate import config
from alternator_migrate.cli import logs, tables
from alternator_migrate.cli.asking import deletion_of
from alternator_migrate.cli.display import Mode
from alternator_migrate.cli.live_status import live
from alternator_migrate.cli.planned import planned
from alternator_migrate.cli.report import check_destination, print_out
from alternator_migrate.cli.session import Run, Session
from alternator_migrate.cli.status import standing, status_lines
from alternator_migrate.cli.tables_plan import tables_plan
from alternator_migrate.cli.tables_status import tables_lines, tables_standing
from alternator_migrate.config import Loaded, Settings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.summary import live_summary
from alternator_migrate.engines import EngineOptions
from alternator_migrate.migration import (
    ExportRun,
    FinishRun,
    MigrateOptions,
    Part,
    ResendRun,
    SchemaRun,
    Selection,
    Until,
    check_options,
)
from alternator_migrate.monitor import Throttle
from alternator_migrate.savepoints import check_alone, place_of
from alternator_migrate.validate import ComparisonMode, ValidateOptions, ValidationRun

if TYPE_CHECKING:
    from alternator_migrate.cli.watching import Showing

log = logging.getLogger(__name__)


def run(
    loaded: Loaded,
    *,
    into_existing: bool,
    fresh: bool,
    watch: Mapping[str, Any],
    rejects: Path | None = None,
    schema_only: bool = False,
    engine_options: EngineOptions = EngineOptions(),  # noqa: B008 # frozen
    shard: Part | None = None,
    validate: bool = False,
    makes_table: bool = True,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
    retry_failed: bool = False,
    add: bool = False,
    transform_changed: bool = False,
    until_caught_up: bool,
    disable_stream_after: bool,
    progress: Mode,
    summary_json: str | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Copy the table or tables, follow their changes, compare both sides then if that is asked for.
    Returns 0, 3 (something was rejected, or differences), 130 or 143; raises `MigrateError`."""
    console = _ready(loaded, log_format, log_level, summary_json)
    showing = _showing(loaded, watch)
    _check_following(loaded.settings, validate=validate, until_caught_up=until_caught_up)
    selection = Selection(only, skip, retry_failed, add, fresh)
    tables.check_selection(loaded, selection)
    until = Until(until_caught_up, disable_stream_after)
    how = MigrateOptions(into_existing, fresh, makes_table, until, transform_changed, validate)
    steering, copy = Steering(), tables.Copy(shard, engine_options, how)
    if loaded.settings.target.s3_export and not loaded.settings.tables:
        check_options(
            rejects=rejects,
            shard=shard,
            into_existing=into_existing,
            validate=validate,
            schema_only=schema_only,
            engine=engine_options.engine not in ("auto", "local"),
            workers=engine_options.workers,
            scheduler=engine_options.scheduler,
        )
    make = _of_tables if loaded.settings.tables else _of_table
    first = make(loaded, selection, copy, rejects, steering, schema_only=schema_only)
    runs: list[Run] = [first]
    if validate:
        options = ValidateOptions(transform_changed=transform_changed)
        runs.append(_validation(loaded, selection, options, engine_options, steering))
    return _session(loaded, console, progress, steering, showing).to_the_end(runs, summary_json)


def _of_tables(
    loaded: Loaded,
    selection: Selection,
    copy: tables.Copy,
    rejects: Path | None,
    steering: Steering,
    *,
    schema_only: bool,
) -> Run:
    """What is to be done with many tables."""
    if rejects:
        return tables.resending(loaded, selection, rejects, steering)
    if schema_only:
        return tables.schemas(loaded, selection, steering)
    return tables.copying(loaded, selection, copy, steering)


def _of_table(
    loaded: Loaded,
    _: Selection,
    copy: tables.Copy,
    rejects: Path | None,
    steering: Steering,
    *,
    schema_only: bool,
) -> Run:
    """What is to be done with the one table. Raises `UsageError` while another process is at it."""
    part, settings = copy.part, loaded.settings
    own = config.migration_identity(settings) + (part.suffix if part else "")
    check_alone(place_of(settings), own)
    if settings.target.s3_export:
        return ExportRun(loaded, copy.options, steering)
    if rejects:
        return ResendRun(loaded, [rejects], steering)
    if schema_only:
        return SchemaRun(loaded)
    if part and part.index is None:
        changed = copy.options.transform_changed
        return FinishRun(loaded, part, steering, transform_changed=changed)
    return copy.run(loaded, steering=steering)


def _session(
    loaded: Loaded, console: Console, progress: Mode, steering: Steering, showing: "Showing | None"
) -> Session:
    throttle = _throttle(loaded.settings)
    return Session(console, progress, steering=steering, throttle=throttle, showing=showing)


def _throttle(settings: Settings) -> Throttle:
    """What may hold a run back from outside."""
    given = settings.throttle
    return Throttle(given.file, given.host_file, given.command, given.url, given.seconds)


def _validation(
    loaded: Loaded,
    selection: Selection,
    options: ValidateOptions,
    engine_options: EngineOptions,
    steering: Steering,
    *,
    asks: bool = False,
) -> Run:
    """The validation of the table or tables; `asks` before anything is deleted."""
    if loaded.settings.tables:
        return tables.validating(loaded, selection, options, engine_options, steering, asks=asks)
    check_alone(place_of(loaded.settings), config.validation_identity(loaded.settings))
    return ValidationRun(
        loaded,
        options,
        fresh=selection.fresh,
        engine_options=engine_options,
        ask=deletion_of(loaded.settings.target.table) if asks else None,
        steering=steering,
    )


def _check_following(settings: Settings, *, validate: bool, until_caught_up: bool) -> None:
    """Raise `UsageError` for options that do nothing, or have no end, as changes are followed."""
    follows = settings.target.stream_changes
    if until_caught_up and not follows:
        raise UsageError(
            "--until-caught-up goes with target.streamChanges: true",
            "Set it, or leave the option out: a copy without following ends by itself.",
        )
    if validate and follows and not until_caught_up:
        raise UsageError(
            "--validate, with target.streamChanges, goes with --until-caught-up: following has no "
            "end without it",
            "Add --until-caught-up, or run `validate` when the target has caught up: this run may "
            "go on meanwhile.",
        )


def validate(
    loaded: Loaded,
    *,
    mode: ComparisonMode,
    sample: float | None,
    repair: bool,
    delete_extra: bool,
    show_values: bool,
    fresh: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    transform_changed: bool,
    yes: bool,
    watch: Mapping[str, Any],
    engine_options: EngineOptions,
    progress: Mode,
    summary_json: str | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Compare both sides. Returns 0, 3 (differences are left), 130 or 143; raises
    `MigrateError`."""
    console = _ready(loaded, log_format, log_level, summary_json)
    showing = _showing(loaded, watch)
    options = ValidateOptions(mode, sample, repair, delete_extra, show_values, transform_changed)
    selection, steering = Selection(only, skip, fresh=fresh), Steering()
    tables.check_selection(loaded, selection)
    asks = delete_extra and not yes
    run = _validation(loaded, selection, options, engine_options, steering, asks=asks)
    return _session(loaded, console, progress, steering, showing).to_the_end([run], summary_json)


def plan(
    loaded: Loaded,
    *,
    into_existing: bool,
    fresh: bool,
    validate: bool,
    until_caught_up: bool,
    disable_stream_after: bool,
    transform_changed: bool,
    engine_options: EngineOptions,
    shard: Part | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    retry_failed: bool,
    add: bool,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Print what a run with the same options would do. Returns 0; raises `MigrateError`: that of
    the run, where it would refuse to begin."""
    logs.configure(Console(stderr=True), log_format, log_level)
    settings = _with_warnings(loaded)
    selection = Selection(only, skip, retry_failed, add, fresh)
    tables.check_selection(loaded, selection)
    _check_following(settings, validate=validate, until_caught_up=until_caught_up)
    until = Until(until_caught_up, disable_stream_after)
    how = MigrateOptions(into_existing, fresh, True, until, transform_changed, validate)
    copy = tables.Copy(shard, engine_options, how)
    if settings.tables:
        found = on_loop(lambda: tables_plan(loaded, selection, copy))
        print_out(found.text)
        found.check()
        return 0
    migration = copy.run(loaded)
    text, refusal = on_loop(lambda: planned(settings, migration, engine_options))
    print_out(text)
    if refusal:
        raise refusal
    return 0


def status(
    loaded: Loaded,
    *,
    shard: Part | None,
    as_json: bool = False,
    report: Path | None = None,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> int:
    """Print where the migrations of a savepoints folder stand, and write a report where one is
    asked for. Returns 0; raises `UsageError` without a savepoint."""
    tables.check_selection(loaded, Selection(only, skip))
    place, part = place_of(loaded.settings), shard.suffix if shard else ""
    copied = config.migration_identity(loaded.settings) + part
    identities = copied, config.validation_identity(loaded.settings)
    many = loaded.settings.tables is not None
    stood = tables_standing(loaded, part, only, skip) if many else standing(place, *identities)
    if stood is None:
        raise UsageError(
            f"there is no savepoint of this migration in {place}",
            "It has not begun yet, or savepoints.path was another.",
        )
    if report:
        from alternator_migrate.cli.watching import report_of  # noqa: PLC0415 # only if asked for

        home = tables.identities(loaded.settings, part)[0] if many else copied
        report_of(loaded, stood, (place.near, home), report)
    running = live(place, tables.identities(loaded.settings, part) if many else identities)
    if as_json:
        told = running.summary if running else live_summary(stood)
        age = stood.saved_at and round(max(time.time() - stood.saved_at, 0.0), 1)
        live_or_saved = {"live": running is not None, "saved_seconds_ago": age}
        print_out(json.dumps({**told, **live_or_saved}) + "\n")
        return 0
    lines = (
        tables_lines(loaded, part, only, skip)
        if many
        else [line for each in identities for line in status_lines(place, each)]
    )
    if running:
        at = next((n for n, line in enumerate(lines, 1) if "running, process" in line), 1)
        lines.insert(at, f"  now        {running.line}")
    print_out("\n".join(lines) + "\n")
    return 0


def _showing(loaded: Loaded, options: Mapping[str, Any]) -> "Showing | None":
    """What is to be shown to those who look from outside; None for nothing."""
    if not (loaded.settings.status.listen or any(options.values())):
        return None
    from alternator_migrate.cli.watching import showing_of  # noqa: PLC0415 # only where asked for

    return showing_of(loaded, options)


def _ready(
    loaded: Loaded, log_format: logs.Format, log_level: str, summary_json: str | None
) -> Console:
    """The console, after what may be said before anything is begun."""
    console = Console(stderr=True)
    logs.configure(console, log_format, log_level)
    check_destination(summary_json)
    _with_warnings(loaded)
    return console


def _with_warnings(loaded: Loaded) -> Settings:
    for warning in loaded.warnings:
        log.warning("warning: %s", warning)
    return loaded.settings
