"""The commands beside a migration: documentation, rights, samples, completion."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from alternator_migrate.cli import options as common
from alternator_migrate.cli import topics

_PROGRAM: Final = "alternator-migrate"
_ASKS_FOR_COMPLETION: Final = "_ALTERNATOR_MIGRATE_COMPLETE"
"""The variable by which click's scripts ask the program, from the program's name."""


@click.command(short_help="A sample table moved between two embedded servers.")
@click.option(
    "--items",
    type=click.IntRange(1, 100_000),
    default=10_000,
    show_default=True,
    help="how many items to migrate",
)
@common.progress
@common.logs
def demo(**options: Any) -> None:
    """Migrate a sample table between two embedded servers: nothing to set up.

    \b
    Examples:
      alternator-migrate demo
      alternator-migrate demo --items 2000
    """
    from alternator_migrate.cli.demo import run as show  # noqa: PLC0415 # keeps -h fast

    sys.exit(show(**options))


@click.command(short_help="The rights a configuration needs: IAM policy, or CQL GRANTs.")
@common.configuration
@click.option(
    "--for",
    "commands",
    multiple=True,
    type=click.Choice(["plan", "run", "shards", "follow", "validate", "repair"]),
    help="only what this command needs; repeatable; by default all that a migration takes",
)
@click.option(
    "--side",
    type=click.Choice(["both", "source", "target", "savepoints"]),
    default="both",
    show_default=True,
    help="only the rights on one side, or on savepoints in S3, where each has its own credentials",
)
@click.option("--cql", is_flag=True, help="print CQL GRANTs for the Alternator side instead")
def permissions(config: Path | None, **options: Any) -> None:
    """The rights that this very configuration needs, and no others: an IAM policy as JSON for the
    AWS side, CQL GRANTs for the Alternator side.

    Reads the configuration only; asks no server.

    \b
    Examples:
      alternator-migrate permissions config.yaml
      alternator-migrate permissions config.yaml --for plan --side source
      alternator-migrate permissions config.yaml --cql
    """
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import permissions as own  # noqa: PLC0415 # keeps -h fast

    own.show(settings, **options)


@click.command(short_help="The documentation: topics, commands, or a word such as cost.")
@click.argument("topic", nargs=-1)
@click.pass_context
def help_(ctx: click.Context, topic: Sequence[str]) -> None:
    """The documentation: a topic, the options of a command, or the list of topics.

    A word such as exit, cost, rights, pause, rollback or slow gets the topic that it stands in;
    several words are taken together, or else the first one that is known.

    \b
    Examples:
      alternator-migrate help
      alternator-migrate help resume
      alternator-migrate help run
      alternator-migrate help rollback
      alternator-migrate help exit codes
    """
    program = ctx.find_root()
    commands: dict[str, click.Command] = program.command.commands  # type: ignore[attr-defined] # a group
    if not topic:
        click.echo(topics.index())
        return
    known = [word for word in ("-".join(topic), *topic) if word in commands or topics.named(word)]
    asked = known[0] if known else " ".join(topic)
    if asked in commands and asked not in topics.topics():
        command = commands[asked]
        click.echo(command.get_help(click.Context(command, program, asked)))
    else:
        topics.show(asked)


def _number(name: str, default: int, text: str) -> Callable[[common.F], common.F]:
    """An option for a whole number of at least 1."""
    kind = click.IntRange(1)
    return click.option(name, type=kind, default=default, show_default=True, help=text)


def _url(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """An http or https URL of a host."""
    from alternator_migrate.config import base_url  # noqa: PLC0415 # keeps -h fast

    try:
        return base_url(value)
    except ValueError as error:
        raise click.BadParameter(f"{value} {error}", ctx, param) from error


@click.command(short_help="Fill a table with sample items.")
@click.option(
    "--endpoint", default="http://localhost:8000", show_default=True, callback=_url, help="server"
)
@click.option("--table", default="Example", show_default=True, help="made where it is absent")
@_number("--items", 1_000_000, "how many")
@click.option(
    "--shape",
    type=click.Choice(["tutorial", "mixed"]),
    default="tutorial",
    show_default=True,
    help="tutorial: six UUIDs an item; mixed: all types, 100 bytes to some kB, an index and a TTL",
)
@_number("--workers", 32, "requests at once")
@_number("--batch", 25, "items a request (Alternator takes 100)")
@_number("--wait", 30, "most seconds until the server answers")
@click.option("--region", default="us-west-1", show_default=True, help="region to sign for")
@click.option("--access-key", default="dummy", show_default=True, help="access key id")
@click.option("--secret-key", default="dummy", help="secret access key")
@click.option("--seed", type=int, metavar="N", help="make the same items every time")
@common.logs
def seed(log_format: Any, log_level: str, **options: Any) -> None:
    """Create a table and fill it with sample items, as fast as the server takes them.

    \b
    Examples:
      alternator-migrate seed --items 1000
      alternator-migrate seed --endpoint http://localhost:8000 --table Example --shape mixed
    """
    from alternator_migrate.cli import seed as own  # noqa: PLC0415 # keeps -h fast

    own.run(own.SeedOptions(**options), log_format, log_level)


@click.command(short_help="Completion for a shell: commands, options, keys of --set.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, their values, and keys of --set.

    \b
    Examples:
      alternator-migrate completion bash
      alternator-migrate completion zsh
      alternator-migrate completion fish
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 # keeps -h fast

    program = ctx.find_root()
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 # the choices are click's own shells
    made = kind(program.command, {}, _PROGRAM, _ASKS_FOR_COMPLETION)
    click.echo(made.source_template.strip() % made.source_vars())


COMMANDS = {
    "completion": completion,
    "demo": demo,
    "seed": seed,
    "permissions": permissions,
    "help": help_,
}
