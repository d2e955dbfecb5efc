"""The command line: commands, options, exit codes. Everything heavy is imported when used."""

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from alternator_migrate import __version__
from alternator_migrate.cli import (
    json_log,
    side_commands,
    standard_streams,
    topics,
    transform_command,
)
from alternator_migrate.cli import options as common
from alternator_migrate.core.errors import MigrateError

_NOT_BEGUN: Final = "stopped before anything was begun"
_EXIT_CODES: Final = """
Exit codes:
  0         done: every item accounted for; of validate: both sides are equal
  1         failed on the way: the same command goes on from its savepoint
  2         refused before anything was written: usage, configuration, tables
  3         finished, but look: rejected items or differences are in a file
  130, 143  stopped by Ctrl-C; by SIGTERM or `control stop` (129, 131: SIGHUP,
            SIGQUIT): the same command goes on from its savepoint
"""


class _Group(click.Group):
    """Tells an expected failure as one message and its exit code, without a traceback; its help
    ends with the exit codes and the topics."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"{_EXIT_CODES}\n{topics.index()}\n")

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _telling_mistakes():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _telling_mistakes():
                return super().invoke(ctx)
        except MigrateError as error:
            _tell("error", error.args[0], f"Error: {error}", hint=error.hint)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _tell("info", _NOT_BEGUN, _NOT_BEGUN)
            ctx.exit(128 + signal.SIGINT)


@contextmanager
def _telling_mistakes() -> Iterator[None]:
    """Tell a mistake of the command line as a line of JSON, if that is wanted; else click does."""
    try:
        yield
    except click.ClickException as error:
        if not json_log.wanted(sys.argv):
            raise
        json_log.tell("error", error.format_message())
        sys.exit(error.exit_code)


def _tell(level: str, message: str, text: str, **more: object) -> None:
    if json_log.wanted(sys.argv):
        json_log.tell(level, message, **more)
    else:
        click.echo(text, err=True)


@click.group(
    cls=_Group,
    short_help="Move Amazon DynamoDB tables to ScyllaDB Alternator.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="alternator-migrate")
def cli() -> None:
    """Move Amazon DynamoDB tables to ScyllaDB Alternator.

    \b
    Examples:
      alternator-migrate demo
      alternator-migrate plan config.yaml
      alternator-migrate run config.yaml
      alternator-migrate validate config.yaml
    """


@cli.command(short_help="Create the table, copy, follow; again: goes on where it was.")
@common.configuration
@common.beginning
@common.following
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    callback=common.local,
    metavar="FILE",
    help="send only the items of a rejects file, mended by you, again; of many tables, a folder "
    "of savepoints sends those of all",
)
@click.option("--schema-only", is_flag=True, help="make the target table, and copy nothing")
@common.many
@common.engine
@common.shard
@common.watched
@common.progress
@common.logs
def run(config: Path | None, **options: Any) -> None:
    """Create the target table, copy the data; with streamChanges, follow the changes.

    CONFIG is a YAML file, such as one of ScyllaDB Migrator; flags alone suffice for a one-off.
    A run that was stopped or failed goes on from its newest savepoint when it is run again, with
    the same CONFIG, flags and --set, and without --fresh; CONFIG may also be a savepoint.

    \b
    Examples:
      alternator-migrate run config.yaml
      alternator-migrate run config.yaml --set source.scanSegments=64 --summary-json done.json
      alternator-migrate run config.yaml --set target.streamChanges=true --until-caught-up
      alternator-migrate run config.yaml --rejects savepoints/rejects_1790000000000.jsonl
      alternator-migrate run config.yaml --engine processes --workers 8
      alternator-migrate run config.yaml --engine dask --scheduler tcp://scheduler:8786
      alternator-migrate run config.yaml --shard 0/4
      alternator-migrate run config.yaml --schema-only
      alternator-migrate run --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
      alternator-migrate run tables.yaml --retry-failed
    """
    common.check(options)
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    watch = common.watch_options_of(options)
    engine = common.engine_options_of(options)
    sys.exit(commands.run(settings, watch=watch, engine_options=engine, **options))


@cli.command(short_help="Compare source and target, both ways; repair.")
@common.configuration
@click.option(
    "--mode",
    type=click.Choice(["auto", "digest", "lookup"]),
    default="auto",
    show_default=True,
    help="sum digests of both sides, or look up every item; `plan` says what auto is",
)
@click.option(
    "--sample",
    metavar="SHARE",
    callback=lambda _ctx, _parameter, value: common.share(value),
    help="compare only a random share of the items, such as 1% or 0.01",
)
@click.option("--repair", is_flag=True, help="write what is missing or different from the source")
@click.option("--delete-extra", is_flag=True, help="delete from the target what the source lacks")
@click.option("--yes", is_flag=True, help="do not ask before --delete-extra deletes")
@click.option("--show-values", is_flag=True, help="keep the items that differ in the findings file")
@click.option("--fresh", is_flag=True, help="begin anew, whatever savepoints there are")
@common.only
@common.transform_changed
@common.engine
@common.watched
@common.progress
@common.logs
def validate(config: Path | None, yes: bool, **options: Any) -> None:
    """Compare source and target, both ways: missing, different and extra items.

    Nothing is written without --repair or --delete-extra. Exit code 0 means equal, 3 that
    differences are left, which are kept in a findings file beside the savepoints.

    \b
    Examples:
      alternator-migrate validate config.yaml
      alternator-migrate validate config.yaml --sample 1%
      alternator-migrate validate config.yaml --repair --delete-extra --yes
    """
    common.check({**options, "yes": yes})
    if options["delete_extra"] and not yes and not sys.stdin.isatty():
        raise click.UsageError("--delete-extra needs --yes where nobody can be asked")
    loaded = common.settings_of(config, options)
    from alternator_migrate.cli import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    engine_options = common.engine_options_of(options)
    watch = common.watch_options_of(options)
    sys.exit(
        commands.validate(loaded, yes=yes, watch=watch, engine_options=engine_options, **options)
    )


@cli.command(short_help="Follow changes only: no copy; the target table must be there.")
@common.configuration
@common.following
@common.many
@common.watched
@common.progress
@common.logs
def follow(config: Path | None, **options: Any) -> None:
    """Follow changes only: no copy; the target table must be there.

    Goes on with the following of a `run`, or begins at the oldest change that the source's stream
    still holds (24 hours; a stream enabled now holds none).

    \b
    Examples:
      alternator-migrate follow config.yaml
      alternator-migrate follow config.yaml --until-caught-up --disable-stream-after
      alternator-migrate follow --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
    """
    common.check(options)
    following = ("target.streamChanges=true", "target.skipInitialSnapshotTransfer=true")
    own = {each.partition("=")[0] for each in following}
    for given in options["assignments"]:
        if given.partition("=")[0].strip() in own:
            raise click.UsageError(f"--set {given} does nothing: `follow` sets that itself")
    if config or options["assignments"] or any(options[flag] for flag in common.FLAGS):
        options["assignments"] = (*options["assignments"], *following)
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    watch = common.watch_options_of(options)
    sys.exit(commands.run(settings, watch=watch, into_existing=True, makes_table=False, **options))


@cli.command(short_help="Say what run would do, in items, units and time; write nothing.")
@common.configuration
@common.beginning
@common.following
@common.engine
@common.shard
@common.many
@common.logs
def plan(config: Path | None, **options: Any) -> None:
    """Say exactly what run would do, with estimates and warnings; write nothing anywhere.

    Takes the options of run that decide what is done, but for --rejects and --schema-only. Beside
    a savepoint it says whether run goes on, has nothing to do, or refuses: then it ends with exit
    code 2, as run would.

    \b
    Examples:
      alternator-migrate plan config.yaml
      alternator-migrate plan config.yaml --into-existing --engine processes --workers 8
      alternator-migrate plan --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
    """
    common.check(options)
    if (shard := options["shard"]) and shard.index is None:
        raise click.UsageError("--shard finish/N copies nothing that could be planned")
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    engine_options = common.engine_options_of(options)
    sys.exit(commands.plan(settings, engine_options=engine_options, **options))


cli.add_command(transform_command.transform)


@cli.command(short_help="Where a migration stands.")
@common.configuration
@common.shard_asked
@common.only
@common.report("of how it stands: one file, to be attached")
@click.option("--json", "as_json", is_flag=True, help="print it as one JSON object")
def status(config: Path | None, **options: Any) -> None:
    """Where a migration stands: asked of a running one, else read from its savepoints.

    \b
    Examples:
      alternator-migrate status config.yaml
      alternator-migrate status --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
    """
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    sys.exit(commands.status(settings, **options))


@cli.command(short_help="Steer a running migration: pause and go on, limits, stop.")
@click.argument("words", nargs=-1, required=True, metavar="[CONFIG] WORD...")
@common.flags
@click.option("--validation", is_flag=True, help="steer the validation, where both run")
@click.option("--json", "as_json", is_flag=True, help="print the whole answer as JSON")
@common.shard_asked
@click.pass_context
def control(ctx: click.Context, /, words: tuple[str, ...], **options: Any) -> None:
    """Steer a running migration: status, pause, resume, set, get, savepoint, report, stop, help.

    A pause begins no more reads and writes, and keeps following the changes into the spool; only
    `resume` ends it. `set` lowers limits within two seconds, never beyond the configuration. A run
    that has ended is not resumed by this, but by `run`.

    Takes the CONFIG, or the flags, that the run was started with. Exit code 1: not done; 2: no such
    run.

    \b
    Examples:
      alternator-migrate control config.yaml pause
      alternator-migrate control config.yaml resume
      alternator-migrate control config.yaml set readThroughput=2000 writeThroughput=500
      alternator-migrate control config.yaml set readThroughput=none
      alternator-migrate control config.yaml get
      alternator-migrate control config.yaml stop
      alternator-migrate control --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000 pause
    """
    from alternator_migrate.cli import controlling  # noqa: PLC0415 # keeps mistakes and -h fast

    config, command = controlling.parted(words)
    if not command:
        raise click.UsageError(f"a command is missing after {config}, such as pause or help")
    path = common.local(ctx, ctx.command.params[0], config)
    loaded = common.settings_of(Path(path) if path else None, options)
    sys.exit(controlling.control(loaded, command, **options))


for _name, _command in side_commands.COMMANDS.items():
    cli.add_command(_command, _name)


def main() -> None:
    """The entry point of `alternator-migrate`."""
    gc.set_threshold(100_000, 20, 50)  # imports make many objects, and next to no garbage
    standard_streams.make_ready()
    standard_streams.outlive_signals()
    if json_log.wanted(sys.argv):
        json_log.tell_all()
    try:
        cli()
    finally:
        standard_streams.ignore_signals()
