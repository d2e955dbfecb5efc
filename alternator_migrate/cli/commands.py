"""The commands, once their options are read: each returns its exit code."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from alternator_migrate import config
from alternator_migrate.cli import logs
from alternator_migrate.cli.asking import deletion_of
from alternator_migrate.cli.display import Mode
from alternator_migrate.cli.plan import plan_text
from alternator_migrate.cli.report import check_destination, print_out
from alternator_migrate.cli.session import Run, Session
from alternator_migrate.cli.status import standing, status_lines
from alternator_migrate.config import Loaded, Settings
from alternator_migrate.connectors import open_pair
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.summary import live_summary
from alternator_migrate.engines import EngineOptions
from alternator_migrate.migration import FinishRun, MigrationRun, Part, ResendRun, Until
from alternator_migrate.savepoints import check_alone
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
    engine_options: EngineOptions = EngineOptions(),  # noqa: B008 # frozen
    shard: Part | None = None,
    validate: bool = False,
    makes_table: bool = True,
    until_caught_up: bool,
    disable_stream_after: bool,
    progress: Mode,
    summary_json: str | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Copy the table, follow its changes, compare the two then if that is asked for. Returns 0, 3
    (something was rejected, or differences), 130 or 143; raises `MigrateError`."""
    console = _ready(loaded, log_format, log_level, summary_json)
    showing = _showing(loaded, watch)
    _check_following(loaded.settings, validate=validate, until_caught_up=until_caught_up)
    folder = Path(loaded.settings.savepoints.path)
    check_alone(
        folder, config.migration_identity(loaded.settings) + (shard.suffix if shard else "")
    )
    first: Run
    if rejects:
        first = ResendRun(loaded, rejects)
    elif shard and shard.index is None:
        first = FinishRun(loaded, shard)
    else:
        first = MigrationRun(
            loaded,
            engine_options,
            shard,
            into_existing=into_existing,
            fresh=fresh,
            makes_table=makes_table,
            until=Until(until_caught_up, disable_stream_after),
        )
    runs: list[Run] = [first]
    if validate:
        options = ValidateOptions()
        runs.append(ValidationRun(loaded, options, fresh=fresh, engine_options=engine_options))
    return Session(console, progress, showing=showing).to_the_end(runs, summary_json)


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
    options = ValidateOptions(mode, sample, repair, delete_extra, show_values)
    check_alone(Path(loaded.settings.savepoints.path), config.validation_identity(loaded.settings))
    table = loaded.settings.target.table
    ask = deletion_of(table) if delete_extra and not yes else None
    run = ValidationRun(loaded, options, fresh=fresh, engine_options=engine_options, ask=ask)
    return Session(console, progress, showing=showing).to_the_end([run], summary_json)


def plan(loaded: Loaded, *, log_format: logs.Format, log_level: str) -> int:
    """Print what a run would do. Returns 0; raises `MigrateError`."""
    logs.configure(Console(stderr=True), log_format, log_level)
    settings = _with_warnings(loaded)

    async def look() -> str:
        async with open_pair(settings) as pair:
            return await plan_text(settings, pair)

    print_out(on_loop(look))
    return 0


def status(
    loaded: Loaded, *, shard: Part | None, as_json: bool = False, report: Path | None = None
) -> int:
    """Print where the migrations of a savepoints folder stand, and write a report where one is
    asked for. Returns 0; raises `UsageError` without a savepoint."""
    folder = Path(loaded.settings.savepoints.path)
    copied = config.migration_identity(loaded.settings) + (shard.suffix if shard else "")
    identities = copied, config.validation_identity(loaded.settings)
    stood = standing(folder, *identities)
    if stood is None:
        raise UsageError(
            f"there is no savepoint of this migration in {folder}",
            "It has not begun yet, or savepoints.path was another.",
        )
    if report:
        from alternator_migrate.cli.watching import report_of  # noqa: PLC0415 # only if asked for

        report_of(loaded, stood, (folder, copied), report)
    if as_json:
        print_out(json.dumps(live_summary(stood)) + "\n")
    else:
        lines = [line for each in identities for line in status_lines(folder, each)]
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
