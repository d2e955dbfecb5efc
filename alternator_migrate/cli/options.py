"""The options that commands have in common, and the settings that they amount to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from alternator_migrate.cli import json_log

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", str, Path)
FLAGS = {
    "table": (
        "source.table",
        "the source's table (the target's too, unless --target-table); repeated, or as a glob or "
        "/regex/, many tables in one run",
    ),
    "source_type": ("source.type", "dynamodb (default) or alternator"),
    "source_endpoint": ("source.endpoint.url", "http://host:port of the source, if not AWS"),
    "source_export": (
        "source.manifestKey",
        "an export to read: s3://bucket/prefix/AWSDynamoDB/ID, or a folder",
    ),
    "source_region": ("source.region", "AWS region of the source"),
    "source_profile": ("source.credentials.profile", "AWS profile for the source"),
    "target_type": ("target.type", "alternator (default) or dynamodb"),
    "target_table": ("target.table", "table to write"),
    "target_endpoint": ("target.endpoint.url", "http://host:port of the target"),
    "target_region": ("target.region", "AWS region of the target"),
    "target_profile": ("target.credentials.profile", "AWS profile for the target"),
}


_TABLE = "table"


def configuration(command: F) -> F:
    """Add CONFIG, the one-off flags and --set to a command."""
    return click.argument(
        "config",
        required=False,
        type=click.Path(path_type=Path),
        callback=local,
        metavar="[CONFIG]",
    )(flags(command))


def flags(command: F) -> F:
    """Add the one-off flags and --set to a command."""
    for name, (path, text) in reversed(FLAGS.items()):
        option = f"--{name.replace('_', '-')}"
        command = click.option(
            option, name, metavar="TEXT", help=f"{text}  [{path}]", multiple=name == _TABLE
        )(command)
    return click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="PATH=VALUE",
        shell_complete=_key,
        help="set any key of the configuration; repeatable",
    )(command)


def _key(ctx: click.Context, param: click.Parameter, begun: str) -> list[Any]:
    """The keys that begin so, for completion in a shell."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 # for completion only

    from alternator_migrate.config import key_paths  # noqa: PLC0415 # for completion only

    return [
        CompletionItem(f"{path}=", help=meaning)
        for path, meaning in key_paths()
        if path.startswith(begun)
    ]


def local(ctx: click.Context, param: click.Parameter, value: P | None) -> P | None:
    """A path of this machine; one of S3 and the like is refused by name."""
    if value is None:
        return None
    from alternator_migrate.config import local_path  # noqa: PLC0415 # keeps -h fast

    try:
        return type(value)(local_path(str(value)))
    except ValueError as error:
        raise click.BadParameter(f"{value} {error}", ctx, param) from error


def logs(command: F) -> F:
    """Add --log-format and --log-level."""
    command = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="least severe message to log",
    )(command)
    return click.option(
        json_log.OPTION,
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="log lines as text or as JSON objects",
    )(command)


def _part(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """One of N shards, or what finishes them."""
    if value is None:
        return None
    from alternator_migrate.migration import Part  # noqa: PLC0415 # keeps -h fast

    try:
        return Part.written(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}", ctx, param) from error


def shard(command: F) -> F:
    """Add --shard, of a run."""
    told = "copy only shard I of N (0/N to N-1/N), each in a run of its own; finish/N when all are "
    return _shard(f"{told}done")(command)


def shard_asked(command: F) -> F:
    """Add --shard, which names a run that is asked."""
    return _shard("the run of shard I of N (0/N to N-1/N, or finish/N)")(command)


def _shard(text: str) -> Callable[[F], F]:
    return click.option("--shard", callback=_part, metavar="I/N", help=text)


def engine(command: F) -> F:
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


def progress(command: F) -> F:
    """Add --progress and --summary-json."""
    command = click.option(
        "--summary-json",
        type=click.Path(dir_okay=False, allow_dash=True),
        callback=local,
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


def transform_changed(command: F) -> F:
    """Add --transform-changed."""
    return click.option(
        "--transform-changed",
        is_flag=True,
        help="go on from a savepoint although the code of the transform is another now",
    )(command)


def beginning(command: F) -> F:
    """Add --into-existing and --validate."""
    command = click.option(
        "--validate",
        is_flag=True,
        help="compare both sides when all is copied, and with streamChanges when caught up",
    )(command)
    return click.option(
        "--into-existing",
        is_flag=True,
        help="accept a target table that already holds items: those of the same key are "
        "overwritten, all others stay; need not be repeated when the run goes on",
    )(command)


def following(command: F) -> F:
    """Add --fresh, --transform-changed, --until-caught-up and --disable-stream-after."""
    command = transform_changed(command)
    command = click.option(
        "--disable-stream-after",
        is_flag=True,
        help="when caught up, disable the source's stream, if this migration enabled it",
    )(command)
    command = click.option(
        "--until-caught-up",
        is_flag=True,
        help="end following, with exit code 0, when the target has caught up",
    )(command)
    return click.option(
        "--fresh",
        is_flag=True,
        help="begin anew, whatever savepoints there are; no item of the target is deleted: run "
        "wants it empty, or --into-existing",
    )(command)


def only(command: F) -> F:
    """Add --only and --skip."""
    command = click.option(
        "--skip",
        multiple=True,
        metavar="NAME",
        help="of many tables, leave this one out; repeatable, globs too",
    )(command)
    return click.option(
        "--only",
        multiple=True,
        metavar="NAME",
        help="of many tables, do this one only; repeatable, globs too",
    )(command)


def many(command: F) -> F:
    """Add --only, --skip, --retry-failed and --add."""
    command = click.option(
        "--add",
        is_flag=True,
        help="of many tables, take in those that are chosen now and were not at the first start, "
        "and leave out those that are not any more and not begun",
    )(command)
    command = click.option(
        "--retry-failed", is_flag=True, help="of many tables, do those only that failed"
    )(command)
    return only(command)


def watched(command: F) -> F:
    """Add --status, --metrics-file and --report."""
    command = report("at the end, whatever that is: one file, to be attached")(command)
    command = click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=local,
        metavar="PATH.prom",
        help="write metrics for Prometheus there every 15 s, for the node exporter",
    )(command)
    return click.option(
        "--status",
        "status_page",
        metavar="[HOST:]PORT",
        callback=_listen,
        help="serve a status page there, on this machine alone unless a HOST is given; 0 is any "
        "free port  [status.listen]",
    )(command)


def report(when: str) -> Callable[[F], F]:
    """Add --report, and say when it is written, and what of."""
    return click.option(
        "--report",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=local,
        metavar="PATH.html",
        help=f"write a report there {when}",
    )


def _listen(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """Where to listen."""
    if value is None:
        return None
    from alternator_migrate.core.listen import Listen  # noqa: PLC0415 # keeps -h fast

    try:
        return Listen.written(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def watch_options_of(options: dict[str, Any]) -> dict[str, Any]:
    """Where the run is to be shown, among `options`, which are taken out of them."""
    return {name: options.pop(name) for name in ("status_page", "metrics_file", "report")}


def check(options: Mapping[str, Any]) -> None:
    """Refuse options of a command that do nothing beside others, with its usage."""
    from alternator_migrate.cli.combinations import clash  # noqa: PLC0415 # keeps -h fast

    if wrong := clash(options):
        raise click.UsageError(wrong)


def share(text: str | None) -> float | None:
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


def engine_options_of(options: dict[str, Any]) -> Any:
    """The engine options among `options`, which are taken out of them."""
    from alternator_migrate.engines import EngineOptions  # noqa: PLC0415 # keeps -h fast

    return EngineOptions(*(options.pop(name) for name in ("engine", "workers", "scheduler")))


def settings_of(config: Path | None, options: dict[str, Any]) -> Any:
    """Settings and warnings from CONFIG, flags and --set, which are taken out of `options`."""
    from alternator_migrate.config import is_arn, is_pattern, load  # noqa: PLC0415 # keeps -h fast
    from alternator_migrate.savepoints import where_they_are  # noqa: PLC0415 # keeps -h fast

    given = {name: options.pop(name) for name in FLAGS}
    tables = given.pop(_TABLE)
    flags = {
        FLAGS[name][0]: (f"--{name.replace('_', '-')}", value)
        for name, value in given.items()
        if value is not None
    }
    if len(tables) == 1 and not is_pattern(tables[0]):
        flags = {"source.table": ("--table", tables[0]), **flags}
    elif tables:
        flags = {"tables.include": ("--table", [*tables]), **flags}
    if given["source_export"]:
        flags = {"source.type": ("--source-export", "dynamodb-s3-export"), **flags}
    if flags and config is None:
        kinds = {"source.type": "dynamodb", "target.type": "alternator"}
        flags = {**{path: ("--table", kind) for path, kind in kinds.items()}, **flags}
    if len(tables) == 1 and not is_pattern(tables[0]) and not is_arn(tables[0]):
        flags = {"target.table": ("--table", tables[0]), **flags}
    return where_they_are(load(config, flags, options.pop("assignments")))
