"""The commands, once their options are read: each returns its exit code."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from alternator_migrate import config
from alternator_migrate.cli import logs
from alternator_migrate.cli.asking import deletion_of
from alternator_migrate.cli.display import Mode
from alternator_migrate.cli.planned import planned
from alternator_migrate.cli.report import check_destination, print_out
from alternator_migrate.cli.session import Run, Session
from alternator_migrate.cli.status import standing, status_lines
from alternator_migrate.config import Loaded, Settings
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.summary import live_summary
from alternator_migrate.engines import EngineOptions
from alternator_migrate.migration import FinishRun, MigrationRun, Part, ResendRun, Until
from alternator_migrate.monitor import Throttle, ask, control_name, socket_of
from alternator_migrate.savepoints import Place, check_alone, holder, place_of
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
    check_alone(
        place_of(loaded.settings),
        config.migration_identity(loaded.settings) + (shard.suffix if shard else ""),
    )
    first: Run
    steering = Steering()
    if rejects:
        first = ResendRun(loaded, rejects, steering)
    elif shard and shard.index is None:
        first = FinishRun(loaded, shard, steering)
    else:
        first = MigrationRun(
            loaded,
            engine_options,
            shard,
            into_existing=into_existing,
            fresh=fresh,
            makes_table=makes_table,
            until=Until(until_caught_up, disable_stream_after),
            steering=steering,
        )
    runs: list[Run] = [first]
    if validate:
        options = ValidateOptions()
        runs.append(
            ValidationRun(
                loaded, options, fresh=fresh, engine_options=engine_options, steering=steering
            )
        )
    return _session(loaded, console, progress, steering, showing).to_the_end(runs, summary_json)


def _session(
    loaded: Loaded, console: Console, progress: Mode, steering: Steering, showing: "Showing | None"
) -> Session:
    throttle = _throttle(loaded.settings)
    return Session(console, progress, steering=steering, throttle=throttle, showing=showing)


def _throttle(settings: Settings) -> Throttle:
    """What may hold a run back from outside."""
    given = settings.throttle
    return Throttle(given.file, given.host_file, given.command, given.url, given.seconds)


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
    check_alone(place_of(loaded.settings), config.validation_identity(loaded.settings))
    table = loaded.settings.target.table
    agree = deletion_of(table) if delete_extra and not yes else None
    steering = Steering()
    run = ValidationRun(
        loaded,
        options,
        fresh=fresh,
        engine_options=engine_options,
        ask=agree,
        steering=steering,
    )
    return _session(loaded, console, progress, steering, showing).to_the_end([run], summary_json)


def plan(
    loaded: Loaded,
    *,
    into_existing: bool,
    fresh: bool,
    validate: bool,
    until_caught_up: bool,
    disable_stream_after: bool,
    engine_options: EngineOptions,
    shard: Part | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Print what a run with the same options would do. Returns 0; raises `MigrateError`: that of
    the run, where it would refuse to begin."""
    logs.configure(Console(stderr=True), log_format, log_level)
    settings = _with_warnings(loaded)

    _check_following(settings, validate=validate, until_caught_up=until_caught_up)
    migration = MigrationRun(
        loaded,
        engine_options,
        shard,
        into_existing=into_existing,
        fresh=fresh,
        until=Until(until_caught_up, disable_stream_after),
    )
    text, refusal = on_loop(lambda: planned(settings, migration, engine_options))
    print_out(text)
    if refusal:
        raise refusal
    return 0


def status(
    loaded: Loaded, *, shard: Part | None, as_json: bool = False, report: Path | None = None
) -> int:
    """Print where the migrations of a savepoints folder stand, and write a report where one is
    asked for. Returns 0; raises `UsageError` without a savepoint."""
    place = place_of(loaded.settings)
    copied = config.migration_identity(loaded.settings) + (shard.suffix if shard else "")
    identities = copied, config.validation_identity(loaded.settings)
    stood = standing(place, *identities)
    if stood is None:
        raise UsageError(
            f"there is no savepoint of this migration in {place}",
            "It has not begun yet, or savepoints.path was another.",
        )
    if report:
        from alternator_migrate.cli.watching import report_of  # noqa: PLC0415 # only if asked for

        report_of(loaded, stood, (place.near, copied), report)
    if as_json:
        print_out(json.dumps(live_summary(stood)) + "\n")
    else:
        lines = [line for each in identities for line in status_lines(place, each)]
        print_out("\n".join(lines) + "\n")
    return 0


def _showing(loaded: Loaded, options: Mapping[str, Any]) -> "Showing | None":
    """What is to be shown to those who look from outside; None for nothing."""
    if not (loaded.settings.status.listen or any(options.values())):
        return None
    from alternator_migrate.cli.watching import showing_of  # noqa: PLC0415 # only where asked for

    return showing_of(loaded, options)


def control(
    loaded: Loaded,
    words: Sequence[str],
    *,
    shard: Part | None,
    validation: bool,
    as_json: bool,
) -> int:
    """Have a running migration, or validation, do a command. Returns 0, or 1 where it did not do
    it; raises `UsageError` where none runs that could be asked."""
    place = place_of(loaded.settings)
    own = config.migration_identity(loaded.settings) + (shard.suffix if shard else "")
    others = [] if shard else [config.validation_identity(loaded.settings)]
    answer = ask(_listening(place, others if validation else [own, *others]), words)
    text = json.dumps(answer) if as_json else str(answer.get("text", ""))
    if answer.get("ok"):
        print_out(f"{text}\n")
        return 0
    if as_json:
        print_out(f"{text}\n")
        return 1
    raise MigrateError(text)


def _listening(place: Place, identities: Sequence[str]) -> Path:
    """The socket of the first of these that runs. Raises `UsageError` where none does."""
    running = [each for each in identities if holder(place, each)]
    for each in running:
        if path := socket_of(place.near, control_name(each)):
            return path
    if running:
        raise UsageError(
            f"process {holder(place, running[0])} is at it, but does not listen",
            "It is being prepared, or could open no socket, as it said when it started.",
        )
    raise UsageError(
        f"this migration is not running, says {place}",
        "`alternator-migrate status` shows how it stands; --shard names one of several runs.",
    )


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
