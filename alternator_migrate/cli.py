"""The command line: commands, options, exit codes. Everything heavy is imported when used."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from alternator_migrate import __version__
from alternator_migrate.errors import MigrateError, UsageError

F = TypeVar("F", bound=Callable[..., Any])

_FLAGS = {
    "table": ("source.table", "table to read (and to write, unless --target-table)"),
    "source_type": ("source.type", "dynamodb (default) or alternator"),
    "source_endpoint": ("source.endpoint.url", "http://host:port of the source, if not AWS"),
    "source_region": ("source.region", "AWS region of the source"),
    "source_profile": ("source.credentials.profile", "AWS profile for the source"),
    "target_type": ("target.type", "alternator (default) or dynamodb"),
    "target_table": ("target.table", "table to write"),
    "target_endpoint": ("target.endpoint.url", "http://host:port of the target"),
    "target_region": ("target.region", "AWS region of the target"),
    "target_profile": ("target.credentials.profile", "AWS profile for the target"),
}


class _Group(click.Group):
    """Tells an expected failure as one message and its exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MigrateError as error:
            line = f"Error: {error}"
            if ctx.obj == "json":
                told = {"level": "error", "message": error.args[0], "hint": error.hint}
                line = json.dumps(told, ensure_ascii=False)
            click.echo(line, err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("stopped before anything was begun", err=True)
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
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


def _configuration(command: F) -> F:
    """Add CONFIG, the one-off flags and --set to a command."""
    for name, (path, text) in reversed(_FLAGS.items()):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, name, metavar="TEXT", help=f"{text}  [{path}]")(command)
    command = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="PATH=VALUE",
        help="set any key of the configuration; repeatable",
    )(command)
    return click.argument(
        "config", required=False, type=click.Path(path_type=Path), metavar="[CONFIG]"
    )(command)


def _logging(command: F) -> F:
    """Add --log-format and --log-level."""
    command = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="least severe message to log",
    )(command)
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        callback=_remember,
        help="log lines as text or as JSON objects",
    )(command)


def _remember(ctx: click.Context, _: click.Parameter, value: str) -> str:
    """Note the log format where the group finds it when it tells an error."""
    ctx.find_root().obj = value
    return value


def _part(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """One of N shards, or what finishes them."""
    if value is None:
        return None
    from alternator_migrate.parts import Part  # noqa: PLC0415 # keeps -h fast

    try:
        return Part.written(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}", ctx, param) from error


def _shard(command: F) -> F:
    """Add --shard."""
    return click.option(
        "--shard",
        callback=_part,
        metavar="I/N",
        help="copy only shard I of N (0/N to N-1/N), each in a run of its own; finish/N when all "
        "are done",
    )(command)


def _engine(command: F) -> F:
    """Add --engine, --workers and --scheduler."""
    command = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask scheduler, such as tcp://host:8786; without it a local cluster is started",
    )(command)
    command = click.option(
        "--workers",
        type=click.IntRange(1, 1024),
        metavar="N",
        help="how many processes; as many as there are cores unless given",
    )(command)
    return click.option(
        "--engine",
        type=click.Choice(["auto", "local", "processes", "dask"]),
        default="auto",
        show_default=True,
        help="where the work is done; auto is processes for a large table on several cores",
    )(command)


def _progress(command: F) -> F:
    """Add --progress and --summary-json."""
    command = click.option(
        "--summary-json",
        type=click.Path(dir_okay=False, allow_dash=True),
        metavar="PATH",
        help="write a summary of the run as JSON; - is standard output",
    )(command)
    return click.option(
        "--progress",
        type=click.Choice(["auto", "bar", "lines", "none"]),
        default="auto",
        show_default=True,
        help="live display; auto is a bar on a terminal, a line every 10 s elsewhere",
    )(command)


@cli.command()
@_configuration
@click.option(
    "--into-existing", is_flag=True, help="accept a target table that already holds items"
)
@click.option("--fresh", is_flag=True, help="begin anew, whatever savepoints there are")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="send only the items of a rejects file, mended by you, again",
)
@click.option("--validate", is_flag=True, help="compare both sides when all is copied")
@_engine
@_shard
@_progress
@_logging
def run(config: Path | None, **options: Any) -> None:
    """Create the target table and copy the data.

    CONFIG is a YAML file, such as one of ScyllaDB Migrator; flags alone suffice for a one-off.
    A run that was stopped or failed goes on from its newest savepoint when it is run again;
    CONFIG may also be a savepoint.

    \b
    Examples:
      alternator-migrate run config.yaml
      alternator-migrate run config.yaml --set source.scanSegments=64 --summary-json done.json
      alternator-migrate run config.yaml --rejects savepoints/rejects_1790000000000.jsonl
      alternator-migrate run config.yaml --engine processes --workers 8
      alternator-migrate run config.yaml --engine dask --scheduler tcp://scheduler:8786
      alternator-migrate run config.yaml --shard 0/4
      alternator-migrate run --table Example --source-endpoint http://localhost:8000 \\
          --target-endpoint http://localhost:8001
    """
    if options["rejects"] and options["validate"]:
        raise click.UsageError("--rejects and --validate cannot go together")
    settings = _settings(config, options)
    from alternator_migrate import commands, staffing  # noqa: PLC0415 # keeps mistakes and -h fast

    wish = staffing.Wish(*(options.pop(name) for name in ("engine", "workers", "scheduler")))
    sys.exit(commands.run(settings, wish=wish, **options))


@cli.command()
@_configuration
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
    callback=lambda _ctx, _parameter, value: _share(value),
    help="compare only a random share of the items, such as 1% or 0.01",
)
@click.option("--repair", is_flag=True, help="write what is missing or different from the source")
@click.option("--delete-extra", is_flag=True, help="delete from the target what the source lacks")
@click.option("--yes", is_flag=True, help="do not ask before --delete-extra")
@click.option("--show-values", is_flag=True, help="keep the items that differ in the findings file")
@click.option("--fresh", is_flag=True, help="begin anew, whatever savepoints there are")
@_progress
@_logging
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
    if options["sample"] and options["mode"] == "digest":
        raise click.UsageError("--sample looks items up: it cannot go with --mode digest")
    loaded = _settings(config, options)
    if options["delete_extra"] and not yes:
        _ask_to_delete(loaded.settings.target.table)
    from alternator_migrate import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    sys.exit(commands.validate(loaded, **options))


def _share(text: str | None) -> float | None:
    """A share of all, from 1% or 0.01."""
    if text is None:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"{text!r} is not a share such as 1% or 0.01")
    return share


def _ask_to_delete(table: str) -> None:
    """Go on only if a person at a terminal agrees."""
    if not sys.stdin.isatty():
        raise click.UsageError("--delete-extra needs --yes where nobody can be asked")
    question = f"Delete every item of the target table {table} that the source does not have?"
    if not click.confirm(question, err=True):
        raise UsageError("nothing was compared, and nothing was deleted")


@cli.command()
@_configuration
@_logging
def plan(config: Path | None, **options: Any) -> None:
    """Say exactly what run would do, with estimates and warnings; write nothing anywhere.

    \b
    Examples:
      alternator-migrate plan config.yaml
      alternator-migrate plan --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
    """
    settings = _settings(config, options)
    from alternator_migrate import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    sys.exit(commands.plan(settings, **options))


@cli.command()
@_configuration
@_shard
def status(config: Path | None, **options: Any) -> None:
    """Where a migration stands, read from its savepoints; works beside a running one.

    \b
    Examples:
      alternator-migrate status config.yaml
      alternator-migrate status --table Example --source-region eu-west-1 \\
          --target-endpoint http://scylla:8000
    """
    settings = _settings(config, options)
    from alternator_migrate import commands  # noqa: PLC0415 # keeps mistakes and -h fast

    sys.exit(commands.status(settings, **options))


@cli.command()
@click.option(
    "--items",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="how many items to migrate",
)
@_progress
@_logging
def demo(**options: Any) -> None:
    """Migrate a sample table between two embedded servers: nothing to set up.

    \b
    Examples:
      alternator-migrate demo
      alternator-migrate demo --items 5000
    """
    from alternator_migrate.demo import run as show  # noqa: PLC0415 # keeps -h fast

    sys.exit(show(**options))


def _settings(config: Path | None, options: dict[str, Any]) -> Any:
    """Settings and warnings from CONFIG, flags and --set, which are taken out of `options`."""
    from alternator_migrate.config import load  # noqa: PLC0415 # keeps -h fast

    given = {name: options.pop(name) for name in _FLAGS}
    flags = {
        _FLAGS[name][0]: (f"--{name.replace('_', '-')}", value)
        for name, value in given.items()
        if value is not None
    }
    if flags and config is None:
        defaults = {"source.type": "dynamodb", "target.type": "alternator"}
        defaults["target.table"] = given["table"]
        missing = {path: ("--table", value) for path, value in defaults.items() if value}
        flags = {**missing, **flags}
    return load(config, flags, options.pop("assignments"))


def main() -> None:
    """The entry point of `alternator-migrate`."""
    _open_standard_streams()
    cli()


def _open_standard_streams() -> None:
    """Give closed standard streams to the null device: else sockets would get their numbers,
    and uvloop ends the process when one of these is closed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 # stays open
