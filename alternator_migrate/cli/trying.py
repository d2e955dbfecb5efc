"""The command `transform`, once its options are read."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from alternator_migrate.cli import logs
from alternator_migrate.cli.report import print_out
from alternator_migrate.cli.transform_text import shown
from alternator_migrate.config import Loaded, Settings, of_named
from alternator_migrate.connectors import first_items, open_pair, rehearse
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import Item
from alternator_migrate.core.runtime import on_loop
from alternator_migrate.core.state import Status
from alternator_migrate.dynamodb.items import from_json, item_of_line, parsed_attributes
from alternator_migrate.dynamodb.table_schema import TableSpec


def transform(
    loaded: Loaded,
    *,
    items: Path | None,
    only: str | None,
    log_format: logs.Format,
    log_level: str,
) -> int:
    """Print what becomes of the items of a file, or of a page of the source. Returns 0, or 3 where
    one is refused; raises `MigrateError`."""
    logs.configure(Console(stderr=True), log_format, log_level)
    settings = _of_one(loaded, only)
    given = _items_of(items) if items else None

    async def tried() -> tuple[str, bool]:
        async with open_pair(settings) as pair:
            if pair.shaping is None:
                raise UsageError(
                    "the configuration changes no item",
                    "It has no transform, source.attributes or renames; --set transform=./file.py "
                    "names one.",
                )
            if given is None:
                found = await first_items(settings, pair)
            else:
                _check_keys(items, given, pair.inspection.source.spec)
                found = [*given.values()]
            rehearsal = rehearse(pair.shaping, found, pair.inspection.plan.spec.key_names)
            return "\n".join(shown(rehearsal, pair)) + "\n", bool(rehearsal.refused)

    text, refused = on_loop(tried)
    print_out(text)
    return Status.REJECTS.exit_code or 0 if refused else 0


def _of_one(loaded: Loaded, only: str | None) -> Settings:
    """The settings of the one table to try it on. Raises `UsageError` where it is not told."""
    if loaded.settings.tables is None:
        if only:
            raise UsageError(
                "--only goes with many tables, and the configuration has one", "Leave it out."
            )
        return loaded.settings
    if only is None:
        raise UsageError("the configuration names many tables", "--only TABLE names one of them.")
    return of_named(loaded, only).settings


def _items_of(path: Path) -> Mapping[int, Item]:
    """The items of a file, by lines. Raises `UsageError` where it cannot be read, or a line is no
    item."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "Name a file of items."
        ) from error
    found: dict[int, Item] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found[number] = item_of_line(line)
            except ValueError as error:
                raise UsageError(
                    f"{path}, line {number}: {error}",
                    'Each line must be an item as DynamoDB JSON, such as {"pk": {"S": "a"}}.',
                ) from error
    return found


def _check_keys(path: Path | None, items: Mapping[int, Item], table: TableSpec) -> None:
    """Raise `UsageError` for an item that the source cannot hold for its key."""
    for number, item in items.items():
        attributes = parsed_attributes.decode(item)
        for name in table.key_names:
            kind = table.attributes[name]
            if name not in attributes or not from_json(attributes[name]).get(kind):
                raise UsageError(
                    f"{path}, line {number}: the item is none of the source, whose key attribute "
                    f"{name!r} is of type {kind}, and not empty",
                    "Give it one, under the name that it has in the source.",
                )
