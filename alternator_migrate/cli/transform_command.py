"""`transform`: what the transform of a configuration does to some items, without a run."""

import sys
from pathlib import Path
from typing import Any

import click

from alternator_migrate.cli import options as common


@click.command(short_help="Show what the transform does to some items; write nothing.")
@common.configuration
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    callback=common.local,
    metavar="FILE",
    help="items to try, a line each as DynamoDB JSON, or a rejects file; a page of the source "
    "without it",
)
@click.option("--only", metavar="TABLE", help="of many tables the one to try it on")
@common.logs
def transform(config: Path | None, **options: Any) -> None:
    """Show what transform, source.attributes and renames make of a page of the source.

    Each item that does not go as it is: its attributes before and after, or that it is dropped, or
    why it is refused. Writes nothing. Exit code 3 says that an item is refused.

    \b
    Examples:
      alternator-migrate transform config.yaml
      alternator-migrate transform config.yaml --items some.jsonl
      alternator-migrate transform config.yaml --only Orders
      alternator-migrate transform config.yaml --set transform=./other.py
    """
    settings = common.settings_of(config, options)
    from alternator_migrate.cli import trying  # noqa: PLC0415 # keeps mistakes and -h fast

    sys.exit(trying.transform(settings, **options))
